package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// engine is the serving engine: iteration-level continuous batching with chunked prefill within a token
// budget. One goroutine, run, owns everything below inbox.
type engine struct {
	spec  Spec
	mech  Mechanisms
	host  *host
	inbox chan message
	start time.Time
	done  chan struct{}
	fail  func(error) // ends the machine's life for a reason of its own
	// virtual: the clock stands still while anybody works, as in a testing/synctest bubble.
	virtual bool

	kv      *kvManager
	storage Storage
	foreign *foreign
	settle  func() // brings the host's counters to the present before each event, unless they may lag
	mover   *mover
	lora    *loraSlots
	waiting []*sequence // in order of arrival
	loading int         // admitted, their prompt's KV or their adapter is on the way
	coming  int         // their KV is on the way back from the NVMe (KVSwapToNVMe)
	prefill []*sequence
	running []*sequence // decode
	swapped []*sequence // KV on the NVMe (KVSwapToNVMe)

	fetchQueue fetchQueue

	stepEndNS   int64        // end of the iteration under way, -1 when idle
	endedNS     int64        // end of the iteration that ended with this event, -1 if none did
	heldUntilNS int64        // by metrics pages (ScrapeStall)
	heldPage    *EngineStats // of the KV manager, since it hangs (PageHangs); nil before
	step        step         // that iteration
	burstNS     int64        // when the next burst begins (Bursts), or Never
	thermal     thermal
	pageFactor  float64 // how many times as long the GPU takes for the pages that its memory is in (SmallPages)
	paged       pagedStep
	chunks      []planned
	decoding    []*sequence

	stats EngineStats
	perf  []PerfRecord
}

// message is what other goroutines ask of the engine; exactly one field is set.
type message struct {
	submit *sequence
	cancel *sequence
	query  func()     // run by the engine between events
	done   chan error // of the query, closed when it has run
}

// ErrStopped is returned when the machine has been stopped or has failed.
var ErrStopped = errors.New("the simulated machine has stopped")

// EngineStats are the engine's gauges and counters.
type EngineStats struct {
	Running, Waiting int
	Loading          int // of the running, those whose KV or adapter is on the way
	Context          int // admitted, prompt not done, its KV or adapter on the way included
	Iterations       int64
	LastIterNS       int64
	BusyNS           int64 // time with an iteration under way
	Completed        int64
	Refused          int64
	PromptTokens     int64
	OutputTokens     int64
	CachedTokens     int64
	KVUsedBlocks     int // held by sequences; above KVMaxBlocks while a pool is overcommitted
	KVMaxBlocks      int
	KV               KVCounters
	Fetch            FetchStats
	LoRA             LoRAStats
	Offload          OffloadStats
	HostHitRate      float64 // over the last 1000 requests
	DiskHitRate      float64
}

// PerfRecord is one finished request as trtllm-serve's /perf_metrics tells it, seconds of the machine.
type PerfRecord struct {
	ID                                      string
	Arrival, Scheduled, FirstToken, LastTok float64
	Reused, Missed                          int
}

// perfRecords bounds the queue of finished requests (perf_metrics_max_requests).
const perfRecords = 100_000

func newEngine(spec Spec, p Params, h *host, storage Storage) (*engine, error) {
	kv, err := newKVManager(spec)
	if err != nil {
		return nil, err
	}
	e := &engine{
		spec: spec, mech: p.Mechanisms, host: h, kv: kv, storage: storage,
		inbox: make(chan message), done: make(chan struct{}),
		stepEndNS: -1, endedNS: -1,
	}
	e.mover = newMover(spec, p, storage)
	e.bufferTier()
	kv.breaks(p.Mechanisms.tierFaults())
	e.lora = newLoRASlots(spec, p.Mechanisms.LoRAPreloaded)
	h.adapterBytes = spec.AdapterBytes(p.Mechanisms)
	e.stats.KVMaxBlocks = kv.device.capacity
	e.thermal = newThermal(p.Mechanisms.ThermalSlowdown, p.Host.GPUMaxMHz)
	e.armBursts(0)
	kv.pinned(p.Mechanisms.PinnedLimit)
	e.pages()
	return e, nil
}

// now is the machine's time, ns since its start.
func (e *engine) now() int64 { return int64(time.Since(e.start)) }

// run is the engine's loop; it returns when ctx ends or the storage fails.
func (e *engine) run(ctx context.Context) {
	defer close(e.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		if at := e.next(); at != Never {
			timer.Reset(time.Duration(max(0, at-e.now())))
		} else {
			timer.Stop()
		}
		var first []message
		select {
		case <-ctx.Done():
			return
		case m := <-e.inbox:
			first = append(first, m)
		case <-e.mover.ended.wake:
		case <-timer.C:
		}
		instant := e.now()
		e.settle()
		if err := e.advance(instant); err != nil {
			e.giveUp(err, first)
			return
		}
		// Let every arrival of this instant come in before a batch is formed: in virtual time the clock
		// moves this nanosecond only when nothing else can happen. Real time has no such instants, and would
		// make a millisecond of the nanosecond.
		if e.virtual {
			time.Sleep(1 * time.Nanosecond)
		}
		e.take(first, instant)
		e.schedule(instant)
		e.restep(instant)
	}
}

// next is the time of the machine's next own event as far as it is known, or Never.
func (e *engine) next() int64 {
	at := min(e.mover.next(), e.foreign.turnNS, e.burstNS)
	if e.stepEndNS >= 0 {
		at = min(at, e.stepEndNS)
	}
	return at
}

// giveUp ends the machine's life, and the queries that have been received.
func (e *engine) giveUp(err error, received []message) {
	err = fmt.Errorf("%w: its storage failed: %w; see to the storage and start the machine again", ErrStopped, err)
	e.fail(err)
	for _, m := range received {
		if m.done != nil {
			m.done <- err
		}
	}
}

// take handles the messages of one instant, submissions in the order of their ids.
func (e *engine) take(messages []message, now int64) {
	for more := true; more; {
		select {
		case m := <-e.inbox:
			messages = append(messages, m)
		default:
			more = false
		}
	}
	slices.SortStableFunc(messages, func(a, b message) int {
		if a.submit == nil || b.submit == nil {
			return cmp.Compare(rank(a), rank(b))
		}
		return cmp.Or(cmp.Compare(len(a.submit.id), len(b.submit.id)), cmp.Compare(a.submit.id, b.submit.id))
	})
	for _, m := range messages {
		switch {
		case m.submit != nil:
			e.arrive(m.submit, now)
		case m.cancel != nil:
			m.cancel.cancelled = true
		default:
			e.refreshStats()
			m.query()
			close(m.done)
		}
	}
}

func rank(m message) int {
	switch {
	case m.submit != nil:
		return 0
	case m.cancel != nil:
		return 1
	}
	return 2
}

func (e *engine) arrive(s *sequence, now int64) {
	s.arrivedNS, s.scheduledNS = now, -1
	if e.spec.MaxQueued > 0 && len(e.waiting) >= e.spec.MaxQueued {
		e.stats.Refused++
		s.events <- Event{Kind: EventRefused, Choice: s.choice}
		return
	}
	s.events <- Event{Kind: EventQueued, Choice: s.choice}
	e.waiting = append(e.waiting, s)
}

// advance applies everything that completes at or before now. It fails if the storage did.
func (e *engine) advance(now int64) error {
	e.endedNS = -1
	finished, err := e.mover.advance(now)
	if err != nil {
		return err
	}
	for _, job := range finished {
		e.moved(job, now)
	}
	if e.foreign.turnNS <= now {
		e.foreign.turn()
	}
	e.burst(now)
	if e.stepEndNS >= 0 && e.stepEndNS <= now {
		e.finishStep(e.stepEndNS)
	}
	return nil
}

// schedule drops cancelled requests, admits waiting ones, prefetches for the rest and starts the next
// iteration.
func (e *engine) schedule(now int64) {
	e.loadAdapter(now)
	if e.stepEndNS >= 0 {
		e.prefetch(now)
		return
	}
	e.dropCancelled(now)
	e.swapIn(now)
	for len(e.waiting) > 0 {
		s := e.waiting[0]
		active := e.loading + e.coming + len(e.prefill) + len(e.running) + len(e.swapped)
		if active >= e.spec.MaxBatchSize && !e.mech.UnlimitedSlots {
			break
		}
		if !e.lora.room(s) {
			break
		}
		if !e.kv.admit(s, e.mech.KVSwapToNVMe || e.mech.UnlimitedSlots) {
			break // in order of arrival: nobody overtakes
		}
		e.waiting = e.waiting[1:]
		e.startLoading(s, now)
		e.writeDemoted(now)
	}
	e.prefetch(now)
	e.swapOut(now)
	e.startStep(now)
}

// dropCancelled frees what clients have given up. A sequence whose KV or adapter is still on the way is
// dropped when the transfer has ended.
func (e *engine) dropCancelled(now int64) {
	gone := func(s *sequence) bool {
		if !s.cancelled || s.pending > 0 {
			return false
		}
		e.spill(s, now)
		e.kv.finish(s)
		e.lora.release(s)
		return true
	}
	e.waiting = slices.DeleteFunc(e.waiting, func(s *sequence) bool { return s.cancelled })
	e.prefill = slices.DeleteFunc(e.prefill, gone)
	e.running = slices.DeleteFunc(e.running, gone)
	e.swapped = slices.DeleteFunc(e.swapped, gone)
}

func (e *engine) refreshStats() {
	e.stats.Running = len(e.running) + len(e.prefill) + e.loading + e.coming + len(e.swapped)
	e.stats.Waiting, e.stats.Loading = len(e.waiting), e.loading
	e.stats.Context = len(e.prefill) + e.loading
	e.stats.KVUsedBlocks = e.kv.usedBlocks()
	e.stats.KV = e.kv.snapshot()
	e.stats.Offload = e.kv.offloadStats()
	e.stats.LoRA = e.lora.snapshot()
	e.stats.HostHitRate, e.stats.DiskHitRate = e.kv.recent.rates()
}

func sec(ns int64) float64 { return float64(ns) / 1e9 }
