package runner

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// The look at the observer's effect: a part that is discarded, then pairs, each with the other one first. Pairs are few, because
// what is looked for is an effect as large as those that are measured, and each costs time on the machine.
const (
	observerPairs = 3
	observerParts = 1 + 2*observerPairs
	observerPart  = 20 * time.Second // least length, where the configuration says nothing
	observerMost  = 3                // times that, at most, for observerLeast answers
	observerLeast = 20
)

// observes says whether this cell is the one after which the observer's effect is looked at: the plan's first.
func (c *cellRun) observes() bool {
	return c.plan.Facts.Clock != record.ClockVirtual && c.pc.Key == c.plan.Cells[0].Key && c.pc.Again == 0
}

// observe drives the cell's load again, with its sources watched and without, in turn. All parts send the same requests, and the
// first one is discarded: after it the server's caches hold as much of them each time. The cell is measured by then, and what
// goes wrong here is noted and costs it nothing.
func (c *cellRun) observe(ctx context.Context, src rig.Sources) *record.Observed {
	out := &record.Observed{CadenceMS: float64(c.stack.Telemetry.Cadence) / 1e6}
	spec, err := c.spec()
	if err != nil {
		out.Error = err.Error()
		return out
	}
	spec = c.observedSpec(spec)
	for i := range observerParts {
		pair, second := (i-1)/2, (i-1)%2 == 1
		p, err := c.observedPart(ctx, spec, src, i > 0 && (pair%2 == 0) != second)
		if err != nil {
			out.Error = err.Error()
			break
		}
		p.Discard = i == 0
		out.Parts = append(out.Parts, p)
	}
	return out
}

// observedSpec is the load of each part.
func (c *cellRun) observedSpec(spec load.Spec) load.Spec {
	part := time.Duration(c.exp.Hypothesis.Run.Observer)
	if part == 0 {
		part = observerPart
	}
	spec.Warmup, spec.Duration, spec.MaxDuration, spec.MinRequests = load.Warmup{Max: part, Passes: 1}, part, observerMost*part, observerLeast
	return spec
}

// observedPart drives the load once.
func (c *cellRun) observedPart(ctx context.Context, spec load.Spec, src rig.Sources, watched bool) (p record.ObservedPart, err error) {
	spec.Start = time.Now()
	p.Watched = watched
	sampling, stop := context.WithCancel(ctx)
	var sampler sync.WaitGroup
	var samplerErr error
	if watched {
		samplerErr = errors.New("not started")
		sampler.Go(func() {
			samplerErr = Catch(func() (err error) { p.Samples, err = c.sampleAgain(sampling, spec.Start, src); return err })
		})
	}
	var mu sync.Mutex
	var ttft []float64
	sum, err := load.Run(ctx, spec, func(r *record.Request) error {
		mu.Lock()
		defer mu.Unlock()
		if r.Phase != record.PhaseMeasure {
			return nil
		}
		if r.RC != record.RCOK {
			p.Failed++
			return nil
		}
		p.Requests++
		if ms, censored, ok := r.Latency(); ok && !censored {
			ttft = append(ttft, ms)
		}
		return nil
	}, func(string) {})
	stop()
	sampler.Wait()
	if err = errors.Join(err, samplerErr); err != nil {
		return p, err
	}
	if watched && p.Samples == 0 {
		return p, errors.New("telemetry took no sample while the load was to be watched")
	}
	if sum.MeasureStart != nil && sum.MeasureEnd != nil {
		p.Seconds = *sum.MeasureEnd - *sum.MeasureStart
	}
	if len(ttft) > 0 {
		slices.Sort(ttft)
		p.TTFTp50MS = new(math.Round(ttft[(len(ttft)-1)/2]*1e3) / 1e3)
	}
	return p, nil
}

// encode does what writing a line costs but for the file.
func encode(l record.Line) error {
	_, err := record.AppendLine(nil, l)
	return err
}

// sampleAgain watches as the cell was watched, lines included, of which nothing is kept: they would lie in the cell's folder. It
// returns how many samples it took.
func (c *cellRun) sampleAgain(ctx context.Context, start time.Time, src rig.Sources) (samples int, err error) {
	s := &telemetry.Sampler{
		Cadence: time.Duration(c.stack.Telemetry.Cadence), Offset: src.TickOffset, Start: start, Refresh: src.Refresh, Sys: src.Sys, KV: src.KV,
		Phase: func() string { return record.PhaseMeasure },
		OnSys: func(s *record.SysSample) error { samples++; return encode(s) },
		OnKV:  func(s *record.KVSample) error { return encode(s) },
	}
	_, err = s.Run(ctx)
	return samples, err
}
