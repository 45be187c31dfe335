package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Machine is the simulated Spark with one serving stack on it.
type Machine struct {
	spec    Spec
	engine  *engine
	host    *host
	disk    *NVMeDevice // the system's drive; nil if the storage is not modelled
	stalls  stalls
	foreign *foreign
	server  serverProcess
	latency latencies
	seed    uint64          // of what the machine draws beside its drives
	ctx     context.Context // of the machine's life; its cause says why that ended
	cancel  context.CancelCauseFunc

	startup atomic.Pointer[string] // log of the latest start
}

// Start powers the machine on: its clock starts now, on the grid of the caller's clock. Close stops it.
// The seed decides the machine's background I/O.
func Start(spec Spec, p Params, seed uint64) (*Machine, error) {
	if err := Check(spec, p); err != nil {
		return nil, err
	}
	d := newDrives(p, seed)
	return power(spec, p, d, d.system, seed)
}

// StartBehind is Start with a storage in front of the modelled drives, which takes of their I/Os what it will and hands them the
// rest, in real time.
func StartBehind(spec Spec, p Params, seed uint64, front func(Storage) Storage) (*Machine, error) {
	if err := Check(spec, p); err != nil {
		return nil, err
	}
	d := newDrives(p, seed)
	return power(spec, p, front(d), d.system, seed)
}

// StartOn is Start with a storage that the caller opens before, and closes after the machine. The parameters of
// the modelled drive are not used. Another program on the modelled drive (StartForeign) cannot be had.
func StartOn(spec Spec, p Params, storage Storage) (*Machine, error) {
	if err := p.Mechanisms.CheckOn(); err != nil {
		return nil, err
	}
	return power(spec, p, storage, nil, 0)
}

// CheckOn refuses what StartOn does, before a storage is opened: mechanisms of the modelled drives.
func (m Mechanisms) CheckOn() error {
	if m.KVOnSecondDrive {
		return errors.New("KVOnSecondDrive is of the modelled drives: let the storage lay out the KV tier, and switch it off")
	}
	if m.CronReads.Bytes > 0 || m.CronWrites.Bytes > 0 || m.PowerSave.Idle > 0 || m.CarryOver.Latency > 0 ||
		m.CountersFrozen || m.IOStatsOff || m.CountersReset > 0 {
		return errors.New("CronReads, CronWrites, PowerSave, CarryOver, CountersFrozen, IOStatsOff and CountersReset are of the modelled drives: switch them off")
	}
	return nil
}

// power starts the machine; the drive is the modelled one that other programs load, if there is one.
func power(spec Spec, p Params, storage Storage, drive *NVMeDevice, seed uint64) (*Machine, error) {
	began := time.Now()
	if err := spec.check(); err != nil {
		return nil, err
	}
	if spec.Tokenize == nil {
		return nil, errors.New("the simulated machine needs a tokenizer")
	}
	if err := spec.CheckOffload(p.Mechanisms); err != nil {
		return nil, err
	}
	spec = spec.Built(p.Mechanisms)
	h := newHost(p.Host, spec)
	e, err := newEngine(spec, p, h, storage)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	e.fail = cancel
	m := &Machine{spec: spec, engine: e, host: h, disk: drive, seed: seed, ctx: ctx, cancel: cancel}
	m.foreign = &foreign{nsPerIO: float64(p.Host.ForeignNSPerIO), turnNS: nvmeNever, turn: m.turnForeign}
	e.foreign, e.mover.foreign = m.foreign, m.foreign
	e.settle = func() {
		if p.stallsInPlaces() || p.Mechanisms.visited() || m.foreign.thinks() {
			m.account()
		}
	}
	m.started()
	e.start = time.Now()
	e.virtual = e.start.Equal(began)
	e.loadAdapter(0)
	m.latency.restart()
	go e.run(ctx)
	return m, nil
}

// Close stops the engine and waits for it. Streams that are still open end with an error.
func (m *Machine) Close() {
	m.cancel(ErrStopped)
	<-m.engine.done
}

// Done is closed when the machine has stopped. Err tells why, if it was not closed.
func (m *Machine) Done() <-chan struct{} { return m.engine.done }

// Err tells why the machine stopped by itself, which it does when its storage fails; nil while it runs, and
// after Close.
func (m *Machine) Err() error {
	if err := context.Cause(m.ctx); err != ErrStopped { //nolint:errorlint // not one that wraps it
		return err
	}
	return nil
}

// Handlers are the HTTP servers of the machine by what they serve: "frontend" in each dialect, and
// "worker" and, where it is KVBM that moves KV, "kvbm" in Dynamo's.
func (m *Machine) Handlers() map[string]http.Handler {
	var handlers map[string]http.Handler
	switch m.spec.Dialect {
	case DialectTRTLLM:
		return map[string]http.Handler{"frontend": newTRTLLM(m)}
	case DialectVLLM:
		return map[string]http.Handler{"frontend": newVLLM(m)}
	default:
		handlers = map[string]http.Handler{"frontend": newDynamo(m), "worker": m.workerHandler()}
	}
	if m.spec.Offload.KVBM() {
		handlers["kvbm"] = m.kvbmHandler()
	}
	return handlers
}

// Stats returns the engine's gauges and counters.
func (m *Machine) Stats(ctx context.Context) (EngineStats, error) {
	var s EngineStats
	err := m.query(ctx, func() { s = m.engine.stats })
	return s, err
}

// Render writes the host's counters of this instant into files.
func (m *Machine) Render(ctx context.Context, files *Files) error {
	var rerr error
	err := m.query(ctx, func() {
		now := m.account()
		disks, err := m.engine.storage.Diskstats(now)
		if err != nil {
			rerr = err
			return
		}
		rerr = errors.Join(files.queues(len(disks), !m.engine.mech.IOStatsOff), files.render(m.host, disks, now),
			files.process(&files.foreign, m.foreign.pid(), func() processIO { return m.foreign.io(m.disk, now) }))
		if a, ok := m.engine.storage.(Account); ok {
			rerr = errors.Join(rerr, files.process(&files.server, m.server.pid(), func() processIO { return m.server.io(a, now) }))
		}
	})
	if err != nil {
		return err
	}
	return rerr
}

// account brings device and host counters to the present; only the engine's goroutine may call it.
func (m *Machine) account() int64 {
	c := m.engine.storage.Counters(m.engine.now())
	now := c.AtNS
	some, blocked := m.stalls.until(now, m.engine.stalled(now, c.Stalls))
	m.host.account(now, some, blocked, c.SoftwareNS+m.engine.mover.copies.cpuAt(now)+m.foreign.softwareAt(m.disk, now)+m.probeSoftware())
	return now
}

// query runs f on the engine's goroutine, between its events.
func (m *Machine) query(ctx context.Context, f func()) error {
	msg := message{query: f, done: make(chan error, 1)}
	if err := m.send(ctx, msg); err != nil {
		return err
	}
	return <-msg.done
}

func (m *Machine) send(ctx context.Context, msg message) error {
	select {
	case m.engine.inbox <- msg:
		return nil
	case <-m.engine.done:
		return context.Cause(m.ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// submit hands a sequence to the engine; its events come on its channel. One that can never fit is answered here.
func (m *Machine) submit(ctx context.Context, s *sequence, fits bool) error {
	m.filtered(ctx, s.id)
	if err := m.searched(ctx, s.id); err != nil {
		return err
	}
	if !fits {
		s.events <- Event{Kind: EventTooLong, Choice: s.choice}
		return nil
	}
	return m.send(ctx, message{submit: s})
}

// MaxSequenceTokens is the longest prompt plus output that fits the KV pool and the context window.
func (s Spec) MaxSequenceTokens() int {
	blocks := int(s.Device.CapacityBytes / s.BlockBytes())
	if s.Slots {
		blocks /= s.MaxBatchSize
	}
	pool := blocks * s.BlockTokens
	if s.MaxContextTokens > 0 {
		return min(pool, s.MaxContextTokens)
	}
	return pool
}

// abandon tells the engine that nobody reads the events of s any more.
func (m *Machine) abandon(s *sequence) {
	_ = m.send(context.Background(), message{cancel: s})
}

// Check refuses what could not run, or would beat the memory, before anything starts.
func Check(spec Spec, p Params) error {
	drives := p.NVMe.Validate()
	if p.Second != (NVMeParams{}) {
		drives = errors.Join(drives, p.Second.Validate())
	}
	if err := spec.check(); err != nil {
		return errors.Join(drives, err)
	}
	return errors.Join(drives, p.checkDRAM(spec.Model))
}

// check refuses what would silently mean something else.
func (s Spec) check() error {
	var bad []string
	need := func(ok bool, what string) {
		if !ok {
			bad = append(bad, what)
		}
	}
	need(slices.Contains(Dialects(), s.Dialect), "a known dialect")
	need(s.Model.Layers > 0, "a model")
	need(s.KVElemBytes > 0, "the KV element size")
	need(s.Model.KVReadBytesPerSec > 0, "the rate at which KV is read")
	need(!s.Slots || !s.BlockReuse, "BlockReuse off with Slots: reuse of what a slot held before is not simulated")
	need(s.BlockTokens > 0, "tokens per block")
	need(s.MaxBatchSize > 0, "a batch size")
	need(s.MaxNumTokens > s.MaxBatchSize, "a token budget above the batch size")
	if s.Model.Layers > 0 && s.BlockTokens > 0 && s.KVElemBytes > 0 {
		need(s.BlockBytes() > 0, "a layer without a sliding window: of the others the engine's cache keeps nothing that could be shared")
		need(s.Device.CapacityBytes >= s.BlockBytes(), "a KV pool of at least one block")
		need(s.Disk.CapacityBytes == 0 || s.Disk.CapacityBytes >= s.BlockBytes(), "an NVMe tier of at least one block")
	}
	need(s.PrefetchDepth >= 0, "a prefetch depth of 0 or more")
	need(s.PrefetchDepth <= 0 || s.Disk.CapacityBytes > 0, "an NVMe tier, or PrefetchDepth 0")
	need(!s.ExclusiveTiers || s.Host.CapacityBytes > 0, "a host tier, or ExclusiveTiers off")
	if s.Disk.CapacityBytes > 0 {
		need(s.Host.CapacityBytes > 0 || s.Offload.Manager == OffloadDisk, "a host tier above the NVMe tier")
		need(s.Loader.QueueDepth > 0 && s.Loader.IOBytes > 0, "the loader's queue depth and I/O size")
		need(s.OffloadMinFreq > 0, "the offload filter's minimum frequency")
	}
	bad = append(bad, s.Offload.missing(s)...)
	bad = append(bad, s.LoRA.missing()...)
	if len(bad) > 0 {
		return fmt.Errorf("the simulated machine needs %s", strings.Join(bad, ", "))
	}
	return nil
}
