package telemetry

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"sparkharness/harness/record"
)

// ProbeReads tells the latencies of the reads that have ended since it was last asked, in any order.
type ProbeReads func(context.Context) ([]time.Duration, error)

// Probe sums up the reads of a task that reads a little of a drive at a steady pace, to see how long that takes. Who
// reads, and how, is the rig's affair.
//
// It lives as long as the sampler, and the task comes and goes: Watch and Forget may be called while it is sampled. It
// gives no group, and no error, while there is none.
type Probe struct {
	mu    sync.Mutex
	reads ProbeReads // nil: none
}

// Name is "probe".
func (p *Probe) Name() string { return "probe" }

// Watch turns to a task.
func (p *Probe) Watch(reads ProbeReads) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads = reads
}

// Forget ends the watch. It waits for a sample that is under way.
func (p *Probe) Forget() { p.Watch(nil) }

// Sample fills Probe.
func (p *Probe) Sample(ctx context.Context, s *record.SysSample) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reads == nil {
		return nil
	}
	took, err := p.reads(ctx)
	if err != nil {
		return fmt.Errorf("the probe's reads: %w", err)
	}
	out := &record.Probe{N: float64(len(took))}
	if len(took) > 0 {
		slices.Sort(took)
		var sum time.Duration
		for _, t := range took {
			sum += t
		}
		out.MeanUS = new(micros(float64(sum) / float64(len(took))))
		out.P50US, out.P99US = new(micros(quantile(took, 0.5))), new(micros(quantile(took, 0.99)))
	}
	s.Probe = out
	return nil
}

// quantile is that of type 7 of Hyndman and Fan (1996), ns; sorted is not empty.
func quantile(sorted []time.Duration, q float64) float64 {
	below, part := math.Modf(q * float64(len(sorted)-1))
	low := sorted[int(below)]
	return float64(low) + part*float64(sorted[min(int(below)+1, len(sorted)-1)]-low)
}

// micros are nanoseconds as microseconds, to the nanosecond.
func micros(ns float64) float64 { return math.Round(ns) / 1e3 }
