package telemetry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"sparkharness/harness/record"
)

// Sampler reads its sources at Start + Offset + k x Cadence, for k = 0, 1, 2 ..., without drift. A slot
// whose time has passed when the Sampler comes to it is missed: it is counted and never made up for,
// so intervals have the cadence or a multiple of it.
//
// The first slot only takes the first reading of the counters. It writes no machine sample, but a KV
// sample, whose counters are cumulative, so that every later one has a value to be compared with.
type Sampler struct {
	Cadence time.Duration
	// Offset keeps ticks apart from instants at which others act; in virtual time simultaneous events
	// have no order.
	Offset time.Duration
	// Start is the zero of the cell's clock, with its monotonic reading (time.Now, not a parsed time).
	Start time.Time

	// Refresh (optional) comes before the sources of each slot: a simulated machine brings its files up to date. It is no
	// source: if it fails, that is the rig's fault, and ends the sampling. If it only comes too late for the slot, the
	// sources have nothing.
	Refresh func(context.Context) error
	// Sys are sampled in this order, KV (optional) after them, one at a time. The context of a tick ends
	// a tenth of the cadence before the next slot, so put sources that can hang last.
	Sys []SysSource
	KV  KVSource

	Phase func() string // of the interval that ends now
	// Sparse (optional) tells the phases in which only each SparseEvery-th slot is due, the slots whose
	// number is divisible by it. The others are neither sampled nor missed. Warm-up is discarded, and
	// reading the machine five times a second during it costs most of a simulated run's time. The first
	// slot of a sparse phase is sampled too, and so is the first one after it, which is labelled with the
	// sparse phase.
	Sparse      func(phase string) bool
	SparseEvery int

	OnSys func(*record.SysSample) error
	OnKV  func(*record.KVSample) error
}

// Run samples until ctx ends, which is no error; a tick that is under way then is dropped. It returns
// an error at once for an incomplete Sampler and when Refresh, OnSys or OnKV returns one, but never for a
// failing source.
func (s *Sampler) Run(ctx context.Context) (record.Coverage, error) {
	cov := s.coverage()
	if err := s.check(); err != nil {
		return cov, err
	}
	first := s.Start.Add(s.Offset)
	due := func(slot int) time.Time { return first.Add(time.Duration(slot) * s.Cadence) }
	next := max(0, ceilDiv(time.Since(first), s.Cadence))
	timer := time.NewTimer(time.Until(due(next)))
	defer timer.Stop()
	var prev time.Time // the tick before; zero in the first slot
	var before waking
	for {
		select {
		case <-ctx.Done():
			return cov, nil
		case <-timer.C:
		}
		now := time.Now()
		woken := s.waking(slotAt(next, now.Sub(first), s.Cadence))
		if !prev.IsZero() {
			cov.Slots += s.missed(before, woken)
		}
		if phase, ok := s.label(before, woken); ok {
			tickCtx, cancel := context.WithDeadline(ctx, due(woken.slot+1).Add(-s.Cadence/10))
			t := s.tick(tickCtx, phase, now, prev)
			cancel()
			if ctx.Err() != nil {
				return cov, nil
			}
			if t.broken != nil {
				return cov, fmt.Errorf("bring the machine's files up to date: %w", t.broken)
			}
			if !prev.IsZero() {
				count(&cov, t.errs)
			}
			if err := s.emit(t, !prev.IsZero()); err != nil {
				return cov, err
			}
			prev = now
		}
		before = woken
		next = max(woken.slot+1, ceilDiv(time.Since(first), s.Cadence))
		timer.Reset(time.Until(due(next)))
	}
}

// slotAt is the slot that a tick belongs to, by the time since the first slot: the one that the timer
// was set for, or a later one if the timer itself came late by a whole cadence.
func slotAt(next int, since, cadence time.Duration) int { return max(next, int(since/cadence)) }

// ceilDiv is how many steps of width c it takes to reach d or more.
func ceilDiv(d, c time.Duration) int { return int((d + c - 1) / c) }

func (s *Sampler) check() error {
	switch {
	case s.Cadence <= 0:
		return fmt.Errorf("sampler: cadence %v; it must be positive, for example 200ms", s.Cadence)
	case s.Offset < 0:
		return fmt.Errorf("sampler: offset %v is negative", s.Offset)
	case s.Start.IsZero():
		return errors.New("sampler: no start time")
	case s.Phase == nil:
		return errors.New("sampler: no phase")
	case s.Sparse != nil && s.SparseEvery < 1:
		return fmt.Errorf("sampler: each %d-th slot of a sparse phase; it must be 1 or more, for example 10", s.SparseEvery)
	case len(s.Sys) == 0 && s.KV == nil:
		return errors.New("sampler: no source")
	case len(s.Sys) > 0 && s.OnSys == nil, s.KV != nil && s.OnKV == nil:
		return errors.New("sampler: sources without a function that takes their samples")
	}
	return nil
}

func (s *Sampler) coverage() record.Coverage {
	var cov record.Coverage
	for _, src := range s.Sys {
		cov.Sources = append(cov.Sources, record.SourceCoverage{Name: src.Name()})
	}
	if s.KV != nil {
		cov.Sources = append(cov.Sources, record.SourceCoverage{Name: s.KV.Name()})
	}
	return cov
}

func count(c *record.Coverage, errs []error) {
	c.Slots++
	for i, err := range errs {
		if err == nil || errors.Is(err, ErrUntold) {
			c.Sources[i].Samples++
		}
		if err != nil {
			c.Sources[i].LastError = oneLine(err)
		}
	}
}

// oneLine prints joined errors, which stand on lines of their own, on one.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// tick is what one slot gave. errs has an element for each source of Coverage.Sources.
type tick struct {
	sys  record.SysSample
	kv   record.KVSample
	errs []error
	// broken is the error of a Refresh that has failed in time.
	broken error
}

func (s *Sampler) tick(ctx context.Context, phase string, now, prev time.Time) *tick {
	ts := unixSeconds(s.Start, now)
	t := &tick{
		sys: record.SysSample{TS: ts, Phase: phase},
		kv:  record.KVSample{TS: ts, Phase: phase},
	}
	if !prev.IsZero() {
		t.sys.DtMS = float64(now.Sub(prev).Round(time.Microsecond)) / 1e6
	}
	var stale error
	if s.Refresh != nil {
		if stale = s.Refresh(ctx); stale != nil && ctx.Err() == nil {
			t.broken = stale
			return t
		}
	}
	for _, src := range s.Sys {
		err := stale
		if err == nil {
			err = src.Sample(ctx, &t.sys)
		}
		t.errs = append(t.errs, err)
	}
	if s.KV != nil {
		err := stale
		if err == nil {
			err = s.KV.SampleKV(ctx, &t.kv)
		}
		if err != nil {
			t.kv.Failed = new(oneLine(err))
		}
		t.errs = append(t.errs, err)
	}
	return t
}

func (s *Sampler) emit(t *tick, sys bool) error {
	if sys && len(s.Sys) > 0 {
		if err := s.OnSys(&t.sys); err != nil {
			return fmt.Errorf("machine sample: %w", err)
		}
	}
	if s.KV != nil {
		if err := s.OnKV(&t.kv); err != nil {
			return fmt.Errorf("kv sample: %w", err)
		}
	}
	return nil
}

// unixSeconds is start's wall clock plus the monotonic time since, in whole microseconds: a wall clock
// that is set while a cell runs moves no sample.
func unixSeconds(start, now time.Time) float64 {
	ns := start.UnixNano() + int64(now.Sub(start))
	return math.Round(float64(ns)/1e3) / 1e6
}
