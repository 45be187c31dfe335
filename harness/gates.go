package harness

import (
	"fmt"
	"math"
	"slices"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// worst keeps the worst of many readings of one gate, with the place where it was seen.
type worst struct {
	value float64
	where string
	seen  bool
}

// high takes the reading if it is above the worst so far.
func (w *worst) high(v float64, where string) {
	if !w.seen || v > w.value {
		*w = worst{v, where, true}
	}
}

// gates applies the common preconditions to the evidence.
func (ev *Evidence) gates(h Hypothesis) []verdict.Gate {
	groups := ev.Groups()
	return []verdict.Gate{
		ev.alignment(),
		ev.settings(),
		ev.client(groups),
		ev.prompt(),
		ev.counters(),
		ev.errors(groups, h),
		ev.environment(),
		ev.samples(groups, h),
		ev.stability(groups, h.Equivalence),
		ev.steady(groups, h.Overloads),
		ev.reproducibility(groups),
	}
}

func (ev *Evidence) alignment() verdict.Gate {
	const name = "alignment"
	need := ev.Exp.Hypothesis.Gates.MinCoverage
	low := worst{}
	for _, c := range ev.Cells {
		slots := c.Info.Coverage.Slots
		if slots == 0 {
			return verdict.Fail(name, verdict.Invalid, "no_samples", c.Key+" has no telemetry slots")
		}
		for _, s := range c.Info.Coverage.Sources {
			// A KV sample is also taken in the slot before the first.
			share := min(1, float64(s.Samples)/float64(slots))
			low.high(-share, fmt.Sprintf("%s of %s", s.Name, c.Key))
		}
	}
	detail := fmt.Sprintf("every source filled at least %.1f %% of its slots (need %.0f %%; least: %s)", -low.value*100, need*100, low.where)
	if !low.seen || -low.value < need {
		return verdict.Fail(name, verdict.Invalid, "coverage", detail)
	}
	return verdict.Pass(name, detail)
}

func (ev *Evidence) client(groups []*Group) verdict.Gate {
	const name = "client"
	g := ev.Exp.Hypothesis.Gates
	bad := worst{}
	for _, grp := range groups {
		var lags []float64
		for _, c := range grp.Cells {
			for i := range c.Requests {
				lags = append(lags, c.Requests[i].LagMS)
			}
		}
		p50, ok := grp.Percentile(0.5)
		if len(lags) == 0 || !ok {
			continue // nothing was measured: the samples gate says so
		}
		slices.Sort(lags)
		allowed := max(float64(g.MaxSendLag)/1e6, g.MaxSendLagShare*p50)
		bad.high(stats.Quantile(lags, 0.99)/allowed, fmt.Sprintf("%s: p99 send lag %.4g ms, allowed %.4g ms", grp.Cell, stats.Quantile(lags, 0.99), allowed))
	}
	switch {
	case !bad.seen:
		return verdict.Fail(name, verdict.Invalid, "no_requests", "no request was measured")
	case bad.value > 1:
		return verdict.Fail(name, verdict.Invalid, "send_lag", "the client was the bottleneck, "+bad.where)
	}
	return verdict.Pass(name, "requests left on time, worst: "+bad.where)
}

func (ev *Evidence) prompt() verdict.Gate {
	const name = "prompt"
	tol := ev.Exp.Hypothesis.Gates.PromptTolerance
	bad := worst{}
	for _, c := range ev.Cells {
		reported := 0
		for i := range c.Requests {
			if p := c.Requests[i].Prompt; p != nil {
				reported++
				nominal := c.Requests[i].Nominal
				bad.high(math.Abs(float64(*p)/float64(nominal)-1), fmt.Sprintf("%s: %d tokens for %d", c.Key, *p, nominal))
			}
		}
		if reported == 0 && len(c.Requests) > 0 {
			return verdict.Fail(name, verdict.Invalid, "not_reported", c.Key+": the server reported no prompt tokens")
		}
	}
	switch {
	case !bad.seen:
		return verdict.Fail(name, verdict.Invalid, "not_reported", "no request reported its prompt tokens")
	case bad.value > tol:
		return verdict.Fail(name, verdict.Invalid, "prompt_length", fmt.Sprintf("the server counted %s, more than %.0f %% off", bad.where, tol*100))
	}
	return verdict.Pass(name, fmt.Sprintf("server-reported prompt lengths within %.2f %% (allowed %.0f %%)", bad.value*100, tol*100))
}

func (ev *Evidence) counters() verdict.Gate {
	const name = "counters"
	for _, c := range ev.Cells {
		switch {
		case c.Sys.Resets > 0:
			return verdict.Fail(name, verdict.Invalid, "reset", fmt.Sprintf("%s: a machine counter went backwards in %d samples", c.Key, c.Sys.Resets))
		case !c.Sys.AliveAtStart || !c.Sys.AliveAtEnd:
			return verdict.Fail(name, verdict.Invalid, "source_dead", c.Key+": no NVMe reading at an end of the measure phase")
		case c.KV != nil && c.KV.Resets:
			return verdict.Fail(name, verdict.Invalid, "kv_reset", c.Key+": a KV counter went backwards: the worker was restarted")
		case c.KV != nil && c.KV.Samples == 0:
			return verdict.Fail(name, verdict.Invalid, "kv_dead", c.Key+": the KV manager's metrics page gave nothing")
		}
	}
	return verdict.Pass(name, "no counter went backwards; sources alive at both ends of every cell")
}

// errors counts what was not answered. A refused request counts as failed unless the claim is about
// failures: the percentiles of those that got in say nothing about those that did not. Time-outs are
// censored observations, and with more than a few of them p99 is only bounded from below; cells that are
// meant to be overloaded may have them.
func (ev *Evidence) errors(groups []*Group, h Hypothesis) verdict.Gate {
	const name = "errors"
	allowed := ev.Exp.Hypothesis.Gates.MaxErrorRate
	failed, late := worst{}, worst{}
	for _, g := range groups {
		bad, timeouts, all := 0, 0, 0
		for _, c := range g.Cells {
			for i := range c.Requests {
				all++
				switch c.Requests[i].RC {
				case record.RCOK:
				case record.RCTimeout:
					timeouts++
				case record.RCRejected:
					if !h.ClaimsFailures {
						bad++
					}
				default:
					bad++
				}
			}
		}
		if all == 0 {
			continue
		}
		failed.high(float64(bad)/float64(all), fmt.Sprintf("%s: %d of %d", g.Cell, bad, all))
		if h.Overloads == nil || !h.Overloads(g.Cell) {
			late.high(float64(timeouts)/float64(all), fmt.Sprintf("%s: %d of %d", g.Cell, timeouts, all))
		}
	}
	switch {
	case !failed.seen:
		return verdict.Fail(name, verdict.Invalid, "no_requests", "no request was measured")
	case failed.value > allowed:
		return verdict.Fail(name, verdict.Invalid, "failed_requests", fmt.Sprintf("too many failed or refused requests in %s (allowed %.1f %%)", failed.where, allowed*100))
	case late.value > allowed:
		return verdict.Fail(name, verdict.Inconclusive, "timeouts", fmt.Sprintf("too many time-outs in %s (allowed %.1f %%): p99 is only bounded from below; raise load.request_timeout", late.where, allowed*100))
	}
	return verdict.Pass(name, fmt.Sprintf("failed or refused at most %.2f %%, timed out at most %.2f %% (allowed %.1f %%)", failed.value*100, late.value*100, allowed*100))
}

func (ev *Evidence) environment() verdict.Gate {
	const name = "environment"
	allowed := ev.Exp.Hypothesis.Gates.MaxBaselineRPS
	bad := worst{}
	for _, c := range ev.Cells {
		b := &c.Sys.Baseline
		switch {
		case c.Sys.SwapOn:
			return verdict.Fail(name, verdict.Invalid, "swap", c.Key+": swap is on; turn it off with swapoff -a")
		case c.Sys.Throttle > 0:
			return verdict.Fail(name, verdict.Invalid, "throttled", fmt.Sprintf("%s: the GPU was throttled in %d samples", c.Key, c.Sys.Throttle))
		case b.NVMeSeconds == 0:
			return verdict.Fail(name, verdict.Invalid, "no_baseline", c.Key+": no baseline before the load")
		}
		bad.high((b.ReadIOs+b.WriteIOs)/b.NVMeSeconds, c.Key)
	}
	detail := fmt.Sprintf("swap off, no throttling, at most %.1f I/O per s on the disk before the load (allowed %.0f; %s)", bad.value, allowed, bad.where)
	if bad.value > allowed {
		return verdict.Fail(name, verdict.Invalid, "foreign_traffic", detail)
	}
	return verdict.Pass(name, detail)
}

func (ev *Evidence) samples(groups []*Group, h Hypothesis) verdict.Gate {
	const name = "samples"
	need := ev.Exp.Hypothesis.Gates.MinSamples
	few := worst{}
	for _, g := range groups {
		few.high(-float64(len(g.Observations())), g.Cell.String())
	}
	switch {
	case len(ev.Cells) < len(ev.Plan.Cells):
		return verdict.Fail(name, verdict.Inconclusive, "cells_missing", fmt.Sprintf("%d of %d planned cells were measured", len(ev.Cells), len(ev.Plan.Cells)))
	case ev.stageMissing(h):
		return verdict.Fail(name, verdict.Inconclusive, "stage_missing", "the second stage of the sweep was not planned: continue with -resume")
	case !few.seen || -few.value < float64(need):
		return verdict.Fail(name, verdict.Inconclusive, "few_samples",
			fmt.Sprintf("%s has n %.0f, p99 needs %d: repeat with %d repetitions or a longer -duration", few.where, -few.value, need,
				int(math.Ceil(float64(need)/max(1, -few.value)*float64(ev.Exp.Hypothesis.Run.Reps)))))
	}
	return verdict.Pass(name, fmt.Sprintf("n at least %.0f in every pooled cell (need %d; least: %s)", -few.value, need, few.where))
}

func (ev *Evidence) stability(groups []*Group, decides bool) verdict.Gate {
	const name = "stability"
	allowed := ev.Exp.Hypothesis.Gates.MaxCoV
	bad := worst{}
	for _, g := range groups {
		if v := covP99(g); v != nil {
			bad.high(*v, g.Cell.String())
		}
	}
	if !bad.seen {
		return verdict.Fail(name, verdict.Inconclusive, "one_repetition", "fewer than two repetitions: nothing says how far they scatter")
	}
	detail := fmt.Sprintf("CoV of p99 TTFT over repetitions at most %.1f %% (mark %.0f %%; worst: %s)", bad.value*100, allowed*100, bad.where)
	switch {
	case !decides:
		return verdict.Grade(name, bad.value <= allowed, detail)
	case bad.value > allowed:
		// The standard error of p99 falls with the square root of the time measured.
		longer := math.Pow(bad.value/allowed, 2)
		return verdict.Fail(name, verdict.Inconclusive, "unstable", fmt.Sprintf("%s; about %.1f x the duration would meet it", detail, longer))
	}
	return verdict.Pass(name, detail)
}

func (ev *Evidence) reproducibility(groups []*Group) verdict.Gate {
	const name = "reproducibility"
	within := ev.Exp.Hypothesis.Gates.ReproducedWithin
	bad := worst{}
	for _, g := range groups {
		var p99s []float64
		for _, c := range g.Cells {
			if v, ok := (&Group{Cells: []*CellData{c}}).Percentile(0.99); ok {
				p99s = append(p99s, v)
			}
		}
		if len(p99s) == 0 {
			continue
		}
		slices.Sort(p99s)
		mid := stats.Quantile(p99s, 0.5)
		bad.high(max(p99s[len(p99s)-1]/mid-1, 1-p99s[0]/mid), g.Cell.String())
	}
	return verdict.Grade(name, bad.value <= within, fmt.Sprintf("p99 TTFT of each repetition within %.1f %% of the median (mark %.0f %%; worst: %s)", bad.value*100, within*100, bad.where))
}
