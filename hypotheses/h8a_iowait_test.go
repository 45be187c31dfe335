package hypotheses

import (
	"errors"
	"fmt"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H8A: on Stack A iowait stays flat while p99 grows from queueing.
//
// Mechanism: iowait is idle CPU time during which a task waits for I/O. Requests that wait for the GPU are no
// such tasks, however many there are.
//
// Falsifier: iowait away from idle, in any cell, by as much as a task that is blocked for a twentieth of the time; a sweep
// in which p99 does not even double, which would show nothing; or first tokens that come later for another reason than what is in
// the server, such as an index on the drive that is read before a request is handed on, and blocks no task for long. A GPU that
// computes at another clock under more load leaves open what made p99 grow.
//
// The margin is a share of one CPU, because a blocked task is at most one CPU's iowait, however many the machine has: of 20
// CPUs a percentage point would hide a loader that is blocked for a fifth of the time. The pressure on I/O (PSI) is printed
// and decides nothing: an idle GB10 shows some of it without any I/O.
var h8a = harness.Hypothesis{
	ID:             "H8A",
	Claim:          "iowait stays flat while p99 grows from queueing on a server whose KV cache is in unified memory only",
	Mechanism:      "requests that wait for the GPU are no tasks that wait for I/O",
	Falsifier:      "iowait that differs from idle by a task blocked for a twentieth of the time, p99 that does not double over the sweep, or growth outside the server's queue",
	Config:         "h8a.yaml",
	Requires:       []string{"iowait_margin_cpus", "p99_growth", "queued_share"},
	ClaimsFailures: true,
	Deciding:       []string{"iowait_flat", "p99_grows", "growth_is_queued"},
	Decide:         decideH8A,
}

func TestH8A(t *testing.T) { harness.Run(t, h8a) }

func decideH8A(ev *evidence.Evidence) verdict.Conclusion {
	groups := ev.Groups()
	flat, waits := iowaitFlat(ev, groups)
	grows, effect := p99Grows(ev, groups)
	var gates []gate.Gate
	if ev.Exp.Hypothesis.Gates.MaxClockDifference > 0 { // an earlier version did not ask for it
		gates = append(gates, clocksOverSweep(ev, groups))
	}
	return verdict.Conclusion{Gates: gates, Checks: []verdict.Check{flat, grows, growthIsQueued(ev, groups), rejections(groups)}, Effect: effect, Findings: []verdict.Finding{pressure(groups)},
		Figures: []verdict.Figure{h8aFigure(ev, groups, waits)}}
}

// iowaitFlat tests that the iowait of every cell is equivalent to that of the idle baseline before it, in shares of one CPU,
// and returns what it tested for each group, as far as it came.
func iowaitFlat(ev *evidence.Evidence, groups []*evidence.Group) (verdict.Check, []verdict.Check) {
	const name = "iowait_flat"
	margin, a, cpus := ev.Threshold("iowait_margin_cpus"), verdict.AlphaOf(ev), float64(ev.Plan.Facts.CPUs)
	if cpus == 0 {
		return verdict.Open(name, "how many CPUs the machine has is not known, so iowait is no share of one"), nil
	}
	var tested []verdict.Check
	for _, g := range groups {
		b, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) {
			c, err := g.In(rep)
			if err != nil {
				return 0, err
			}
			load, idle := c.Sys.Measure.IOWait.Value(), c.Sys.Baseline.IOWait.Value()
			if load == nil || idle == nil {
				return 0, errors.New("no CPU times")
			}
			return (*load - *idle) / 100 * cpus, nil
		})
		if err != nil {
			return verdict.Open(name, fmt.Sprintf("%s: iowait cannot be compared with idle: %v", g.Cell, err)), tested
		}
		c := a.Inside(verdict.Check{Unit: "CPUs", N: len(g.Cells), Of: "cells"}, b, -margin, margin)
		lo, hi := ends(c)
		c.Detail = fmt.Sprintf("iowait in %d cells of the sweep; furthest from idle is %s: %+.4f [%+.4f, %+.4f] of one of %.0f CPUs (%s interval over %d blocks, margin %.2g)",
			len(groups), g.Cell, *c.Value, lo, hi, cpus, percent(a), b.N(), margin)
		tested = append(tested, c)
	}
	return a.All(name, tested, "no cell to compare"), tested
}

// pressure is the pressure on I/O beside iowait: a finding, because an idle machine may show some without any I/O.
func pressure(groups []*evidence.Group) verdict.Finding {
	f := verdict.Finding{Name: "I/O pressure (PSI), most above idle", Unit: "% of the time", Detail: "no cell tells it"}
	for _, g := range groups {
		for _, c := range g.Cells {
			load, idle := c.Sys.Measure.IOPressure.Value(), c.Sys.Baseline.IOPressure.Value()
			if load != nil && idle != nil && (f.Value == nil || *load-*idle > *f.Value) {
				f.Estimate = stats.Alone(*load - *idle)
				f.Detail = fmt.Sprintf("%s: %.3f %%, %.3f %% before the load; it decides nothing", c.Key, *load, *idle)
			}
		}
	}
	return f
}

// p99Grows compares, at each prompt length, the cells with the fewest and with the most users: between prompt
// lengths p99 would grow without any queue. It has to at least double at every one; the figures are those of the
// one that is furthest from that.
func p99Grows(ev *evidence.Evidence, groups []*evidence.Group) (verdict.Check, *verdict.Effect) {
	const name = "p99_grows"
	need, a := ev.Threshold("p99_growth"), verdict.AlphaOf(ev)
	var lengths []verdict.Check
	var effect *verdict.Effect
	for _, of := range lengthsOf(groups) {
		low, high := of.low, of.high
		b, err := percentileRatio(ev, high, low, 0.99, (*evidence.Cell).TTFT)
		if err != nil {
			return verdict.Open(name, fmt.Sprintf("the growth of p99 has no interval: %v", err)), nil
		}
		c := a.Above(verdict.Check{N: len(low.Observations()) + len(high.Observations()), Of: "requests"}, b, need)
		lo, hi := ends(c)
		c.Detail = fmt.Sprintf("least from %s to %s, where p99 TTFT grows %.3g-fold [%.3g, %.3g] (%s interval over %d blocks, need above %.2g)",
			low.Cell, high.Cell, *c.Value, lo, hi, percent(a), b.N(), need)
		if before, after := ev.Row(low).QueueDepth, ev.Row(high).QueueDepth; before != nil && after != nil {
			c.Detail += fmt.Sprintf(" and the queue from %.2g to %.3g requests", *before, *after)
		}
		lengths = append(lengths, c)
		if effect == nil || *c.Value < *effect.Value {
			effect = effectOf(fmt.Sprintf("p99 TTFT, %s / %s", high.Cell, low.Cell), "", b, c.N, c.Of)
		}
	}
	return a.All(name, lengths, "the sweep has one number of users at each prompt length"), effect
}

// byLength are the groups with the fewest and with the most users at a prompt length.
type byLength struct{ low, high *evidence.Group }

// lengthsOf leaves out prompt lengths with a single number of users, which cannot show growth.
func lengthsOf(groups []*evidence.Group) (out []byLength) {
	for i := 0; i < len(groups); {
		j := i
		for j+1 < len(groups) && groups[j+1].Cells[0].ContextTokens == groups[i].Cells[0].ContextTokens {
			j++
		}
		if i < j {
			out = append(out, byLength{groups[i], groups[j]})
		}
		i = j + 1
	}
	return out
}

// growthIsQueued asks how much of what the mean TTFT grows by is spent in the server's own queue, as it counts it: its depth over
// the throughput is the mean time in it (Little's law). What a request waits for before it is in that queue is none of it.
func growthIsQueued(ev *evidence.Evidence, groups []*evidence.Group) verdict.Check {
	const name = "growth_is_queued"
	need, a := ev.Threshold("queued_share"), verdict.AlphaOf(ev)
	var lengths []verdict.Check
	for _, of := range lengthsOf(groups) {
		b, err := ev.Blocks(stats.Linear, of.queued)
		if err != nil {
			return verdict.Open(name, fmt.Sprintf("what of the growth is queueing is not known: %v", err))
		}
		c := a.Above(verdict.Check{N: len(of.low.Observations()) + len(of.high.Observations()), Of: "requests"}, b, need)
		lo, hi := ends(c)
		c.Detail = fmt.Sprintf("least from %s to %s, where the time in the server's queue makes %.2f [%.2f, %.2f] of the growth of the mean TTFT (%s interval over %d blocks, need above %.2g)",
			of.low.Cell, of.high.Cell, *c.Value, lo, hi, percent(a), b.N(), need)
		lengths = append(lengths, c)
	}
	return a.All(name, lengths, "the sweep has one number of users at each prompt length")
}

// clocksOverSweep asks, at each prompt length, whether the GPU computed at one clock with the fewest and with the most users, block
// by block: one that is slower under more load, as of heat, makes p99 grow without a queue, and a queue grow with it.
func clocksOverSweep(ev *evidence.Evidence, groups []*evidence.Group) gate.Gate {
	const name = "clocks_over_sweep"
	allowed := ev.Exp.Hypothesis.Gates.MaxClockDifference
	furthest, where, unknown, known := 0.0, "", 0, 0
	for _, of := range lengthsOf(groups) {
		for _, low := range of.low.Cells {
			high, err := of.high.In(low.Rep)
			if err != nil {
				continue // a block that is not whole decides nothing
			}
			l, h := low.Sys.BusyClockMHz, high.Sys.BusyClockMHz
			if l == nil || h == nil || *l <= 0 || *h <= 0 {
				unknown++
				continue
			}
			known++
			if apart := max(*l / *h, *h / *l) - 1; apart >= furthest {
				furthest, where = apart, fmt.Sprintf("%.0f MHz in %s, %.0f MHz in %s", *l, low.Key, *h, high.Key)
			}
		}
	}
	detail := fmt.Sprintf("SM clocks while busy, with the fewest and the most users of a block, differ by at most %.1f %% (allowed %.0f %%; %s)",
		furthest*100, allowed*100, where)
	if unknown > 0 {
		detail += fmt.Sprintf("; unknown in %d of %d pairs of cells", unknown, known+unknown)
	}
	switch {
	case known == 0:
		return gate.Grade(name, false, "SM clocks while busy, with few users and with many: unknown in all cells")
	case furthest > allowed:
		return gate.Fail(name, gate.Inconclusive, "clocks_differ", detail+
			": p99 may have grown for the clock's sake; cool the machine, or lock its clocks (nvidia-smi -lgc)")
	case unknown > 0:
		return gate.Grade(name, false, detail)
	}
	return gate.Pass(name, detail)
}

// queued is the share of a block.
func (of byLength) queued(rep int) (float64, error) {
	var wait, ttft [2]float64
	for i, g := range []*evidence.Group{of.low, of.high} {
		c, err := g.In(rep)
		if err != nil {
			return 0, err
		}
		depth, answered := c.Sys.Measure.Queue.Value(), c.RPS()
		switch {
		case depth == nil:
			return 0, fmt.Errorf("%s: its queue is not known", g.Cell)
		case answered == 0:
			return 0, fmt.Errorf("%s: nothing was answered", g.Cell)
		}
		first := c.TTFT()
		for _, p := range first {
			ttft[i] += p.V / 1e3 / float64(len(first))
		}
		wait[i] = *depth / answered
	}
	if ttft[1] <= ttft[0] {
		return 0, fmt.Errorf("from %s to %s the mean TTFT does not grow", of.low.Cell, of.high.Cell)
	}
	return (wait[1] - wait[0]) / (ttft[1] - ttft[0]), nil
}

func h8aFigure(ev *evidence.Evidence, groups []*evidence.Group, waits []verdict.Check) verdict.Figure {
	p99 := verdict.Panel{XLabel: "users", YLabel: "TTFT p99, ms", LogX: true, LogY: true}
	margin := ev.Threshold("iowait_margin_cpus")
	wait := verdict.Panel{XLabel: "users", YLabel: "iowait above idle, share of one CPU", LogX: true,
		Levels: []verdict.Level{{Y: -margin, Label: "margin"}, {Y: margin, Label: "margin"}}}
	byCtx := map[int]int{}
	for k, g := range groups {
		row := ev.Row(g)
		i, ok := byCtx[row.ContextTokens]
		if !ok {
			i = len(p99.Series)
			byCtx[row.ContextTokens] = i
			name := fmt.Sprintf("ctx %d", row.ContextTokens)
			p99.Series, wait.Series = append(p99.Series, *verdict.NewSeries(name)), append(wait.Series, *verdict.NewSeries(name))
		}
		a, b := p99.Series[i], wait.Series[i]
		a.Percentile(float64(row.Concurrency), row.TTFT.P99)
		if k < len(waits) {
			lo, hi := ends(waits[k])
			b.Interval(float64(row.Concurrency), *waits[k].Value, lo, hi)
		}
		p99.Series[i], wait.Series[i] = a, b
	}
	return verdict.Figure{Name: "p99_and_iowait", Title: "H8A: p99 TTFT grows, iowait does not", Panels: []verdict.Panel{p99, wait}}
}
