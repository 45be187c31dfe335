package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/punctual"
	"sparkharness/harness/record"
)

// ErrUnreachable ends a run whose server takes no connections.
var ErrUnreachable = errors.New("server unreachable")

// ErrOverrun ends an open loop that has fallen hopelessly behind.
var ErrOverrun = errors.New("too many requests outstanding")

const (
	// maxOutstanding bounds the memory and the sockets of an open loop.
	maxOutstanding = 20_000
	// Refusals in a row, nothing else in between, that make a server unreachable: before its first answer
	// of any kind, and (if above the number of users) after it.
	refusalsAtFirst = 20
	refusalsLater   = 40
)

// run is one call of Run.
type run struct {
	spec   *Spec
	client *client
	base   time.Time // offsets count from here
	sink   func(*record.Request) error
	stop   context.CancelCauseFunc
	ended  chan struct{} // closed at the end of measure

	mu          sync.Mutex
	stages      *stages
	sum         record.LoadSummary
	thinks      int64 // behind LoadSummary.MeanThink
	thinkSum    time.Duration
	outstanding int
	answeredAny bool
	refusals    int // in a row
	fatal       error

	sinkMu     sync.Mutex
	sinkBroken bool
}

// Run drives the load of one cell: warm-up, measure, drain. It calls sink once per request sent, one at a
// time, in order of completion, and phase on entering warm-up, measure and drain.
//
// An error of sink ends the run and is returned. If ctx ends, requests under way are recorded as
// cancelled and ctx's error is returned. ErrUnreachable and ErrOverrun end a run that could not tell
// anything. The summary covers what happened, error or not. No goroutine outlives the call.
func Run(ctx context.Context, spec Spec, sink func(*record.Request) error, phase func(string)) (record.LoadSummary, error) {
	if err := spec.Check(); err != nil {
		return record.LoadSummary{}, err
	}
	if sink == nil || phase == nil {
		return record.LoadSummary{}, errors.New("load: sink and phase callbacks are required")
	}
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &run{
		spec: &spec, client: newClient(&spec), sink: sink, stop: stop,
		// On the grid of the cell's clock, so that every intended send is.
		base:   spec.Start.Add(ceilMicro(time.Since(spec.Start))),
		ended:  make(chan struct{}),
		stages: newStages(&spec),
		sum:    record.LoadSummary{Counts: map[string]map[string]int{record.PhaseWarmup: {}, record.PhaseMeasure: {}}},
	}
	phase(record.PhaseWarmup)
	var wg sync.WaitGroup
	switch loop := spec.Loop.(type) {
	case Closed:
		for u := range loop.Users {
			r.task(&wg, func() { r.user(inner, loop, u) })
		}
	case Open:
		r.task(&wg, func() {
			r.arrivals(inner, func(planned chan<- arrival, halt <-chan struct{}) { r.plan(loop.Pacer, planned, halt) })
		})
	case Replay:
		r.task(&wg, func() {
			r.arrivals(inner, func(planned chan<- arrival, halt <-chan struct{}) { r.read(loop, planned, halt) })
		})
	}
	whole := r.conduct(inner, phase)
	wg.Wait()
	return r.result(ctx, whole)
}

// task runs f on a goroutine of wg. A panic of f is the run's error: what was recorded is kept, and the cell ends in
// order.
func (r *run) task(wg *sync.WaitGroup, f func()) {
	wg.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				r.locked(func() { r.fail(fmt.Errorf("panic: %v\n%s", v, debug.Stack())) })
			}
		}()
		f()
	})
}

// locked calls f with mu held, also where f panics.
func (r *run) locked(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// conduct announces the phases at their instants; false if the run was stopped before the end of measure.
func (r *run) conduct(ctx context.Context, phase func(string)) bool {
	measuring := false
	for {
		var next time.Duration
		r.locked(func() { next = r.stages.next })
		if !r.sleep(ctx, next, nil) {
			return false
		}
		var measure, end bool
		r.locked(func() {
			r.stages.advance(next)
			measure, end = r.stages.measureAt >= 0, r.stages.endAt >= 0
		})
		if end {
			close(r.ended)
		}
		if measure && !measuring {
			measuring = true
			phase(record.PhaseMeasure)
		}
		if end {
			phase(record.PhaseDrain)
			return true
		}
	}
}

// sleep waits until the given offset or until wake closes; false if ctx ended.
func (r *run) sleep(ctx context.Context, until time.Duration, wake <-chan struct{}) bool {
	at := r.base.Add(until)
	early := time.Duration(0)
	if r.spec.RealTime {
		early = timersLate
	}
	if d := time.Until(at) - early; d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-wake:
			return ctx.Err() == nil
		case <-ctx.Done():
			return false
		}
	}
	if early > 0 {
		punctual.Until(at)
	}
	return ctx.Err() == nil
}

// timersLate is more than the runtime's timers end late on an idle machine.
const timersLate = 1500 * time.Microsecond

// prepare draws request (user, seq) and makes its body. think is the draw of the wait before it, in
// seconds, if the loop has one, and item what a trace says of the request, if there is one.
func (r *run) prepare(user, seq int, think Dist, item *Item) (req *request, wait time.Duration, err error) {
	length := r.spec.ContextTokens
	tokens, wait, drawn := r.spec.draw(user, seq, think, item)
	if item != nil {
		length = item.InputTokens
	}
	prompt, err := r.spec.Prompter.Prompt(PromptRequest{
		ContextTokens: length, User: user, Seq: seq, Nonce: r.spec.Nonce, Item: item,
	})
	if err != nil {
		return nil, 0, err
	}
	body, err := encodeBody(r.spec, prompt.Text, tokens)
	if err != nil {
		return nil, 0, err
	}
	prompt.Text = "" // the body has it
	return &request{user: user, seq: seq, tokens: tokens, prompt: prompt, drawn: drawn, body: body}, wait, nil
}

// draw is what chance gives request (user, seq): its output tokens, the wait before it if the loop has one, and the index
// of its adapter if that is drawn.
func (s *Spec) draw(user, seq int, think Dist, item *Item) (tokens int, wait time.Duration, adapter int) {
	rng := generator(domainRequest, s.Seed, uint64(user), uint64(seq))
	if item != nil {
		tokens = item.OutputTokens
	} else {
		tokens = int(max(1, math.Round(s.Output.Draw(rng))))
	}
	switch {
	case think == nil:
	case seq == 0:
		wait = micros(residual(think, rng))
	default:
		wait = micros(think.Draw(rng))
	}
	if s.Adapters != nil {
		adapter = s.Adapters.draw(rng)
	}
	return tokens, wait, adapter
}

// begin labels a request that is due at the given offset; false if it is not to be sent.
func (r *run) begin(req *request, at, think time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	phase, due := r.stages.label(at)
	if !due || r.fatal != nil {
		return false
	}
	if r.outstanding >= maxOutstanding {
		r.fail(fmt.Errorf("%w: %d at %s: arrivals outrun the server; lower the rate or shorten the request timeout",
			ErrOverrun, r.outstanding, outgoing.Shown(r.spec.BaseURL)))
		return false
	}
	r.outstanding++
	req.phase, req.intended = phase, r.base.Add(at)
	if req.seq > 0 && phase == record.PhaseMeasure {
		r.thinks++
		r.thinkSum += think
	}
	return true
}

// send runs a request that begin has let through and accounts for its end.
func (r *run) send(ctx context.Context, req *request) (rc string, end time.Duration) {
	if r.spec.Began != nil {
		r.spec.Began()
	}
	res := r.client.do(ctx, req)
	defer r.client.release(res)
	end = res.end.Sub(r.base)
	r.account(req, res, end)
	r.sinkMu.Lock()
	defer r.sinkMu.Unlock()
	if !r.sinkBroken {
		if err := r.sink(&res.rec); err != nil {
			r.sinkBroken = true
			r.locked(func() { r.fail(fmt.Errorf("store a request record: %w", err)) })
		}
	}
	return res.rec.RC, end
}

func (r *run) account(req *request, res *result, end time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rc := res.rec.RC
	r.outstanding--
	r.sum.Counts[req.phase][rc]++
	r.stages.advance(end)
	if rc == record.RCOK {
		r.stages.complete(end, req.phase)
	}
	if rc == record.RCTimeout && r.stages.endAt >= 0 {
		r.sum.DrainTimeouts++
	}
	if req.phase == record.PhaseMeasure {
		r.sum.MaxSendLag = max(r.sum.MaxSendLag, res.sent.Sub(req.intended))
		gaps := &r.sum.Gaps
		if res.chunked && len(res.gaps) > 0 {
			if r.sum.ChunkGaps == nil {
				r.sum.ChunkGaps = new(record.GapHist)
			}
			gaps = r.sum.ChunkGaps
		}
		for _, gap := range res.gaps {
			gaps.Add(gap)
		}
	}
	switch rc {
	case record.RCRefused:
		r.refusals++
		limit := refusalsAtFirst
		if r.answeredAny {
			limit = max(refusalsLater, r.spec.users())
		}
		if r.refusals >= limit {
			r.fail(fmt.Errorf("%w: %d connections in a row to %s failed (%s): start the server, or correct the endpoint url",
				ErrUnreachable, r.refusals, outgoing.Shown(r.spec.BaseURL), *res.rec.Error))
		}
	case record.RCTimeout, record.RCCancelled: // say nothing about connections
	default:
		r.refusals, r.answeredAny = 0, true
	}
}

// fail stops the run; the first error stands. The caller holds mu.
func (r *run) fail(err error) {
	if r.fatal == nil {
		r.fatal = err
		r.stop(err)
	}
}

// result closes the books, after all requests have ended.
func (r *run) result(ctx context.Context, whole bool) (record.LoadSummary, error) {
	s := &r.sum
	at := func(off time.Duration) *float64 {
		if off < 0 {
			return nil
		}
		t := r.client.ts(r.base.Add(off))
		return &t
	}
	s.MeasureStart, s.MeasureEnd = at(r.stages.measureAt), at(r.stages.endAt)
	s.WarmupCapped = r.stages.capped
	if r.thinks > 0 {
		mean := r.thinkSum / time.Duration(r.thinks)
		s.MeanThink = &mean
	}
	cancelled := s.Counts[record.PhaseWarmup][record.RCCancelled] + s.Counts[record.PhaseMeasure][record.RCCancelled]
	switch {
	case r.fatal != nil:
		return *s, r.fatal
	case !whole || cancelled > 0:
		return *s, fmt.Errorf("load interrupted: %w", ctx.Err())
	}
	return *s, nil
}
