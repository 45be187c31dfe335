package harness

import (
	"fmt"
	"math"
	"slices"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// This file holds what decision rules ask of the evidence.

// StackNames are the experiment's stacks in order.
func (e *Experiment) StackNames() []string { return e.stackNames() }

// Bootstrap is the resampling that all intervals of a run use.
func (ev *Evidence) Bootstrap() stats.Bootstrap {
	block := min(longestBlock, time.Duration(ev.Exp.Hypothesis.Run.Duration).Seconds()/10)
	return stats.Bootstrap{Block: block, Draws: bootstrapDraws, Seed: ev.Exp.Hypothesis.Run.Seed}
}

// Blocks of half a minute keep what one burst or one convoy did together; a short measure phase is cut
// into ten. An idle machine has neither, and its baseline is short: blocks of a second or more.
const (
	longestBlock   = 30 // s
	idleBlocks     = 10
	bootstrapDraws = 1000
)

// idleBootstrap resamples readings of an idle machine and what is compared with them.
func (ev *Evidence) idleBootstrap() stats.Bootstrap {
	b := ev.Bootstrap()
	b.Block = max(1, time.Duration(ev.Exp.Hypothesis.Run.Baseline).Seconds()/idleBlocks)
	return b
}

// Row is a group's line of the latency table.
func (ev *Evidence) Row(g *Group) report.Row {
	key := g.Cell.String()
	if len(g.Cells) != ev.repsOf(key) {
		return ev.row(g) // a part of the group
	}
	if r, ok := ev.rows[key]; ok {
		return r
	}
	r := ev.row(g)
	if ev.rows == nil {
		ev.rows = map[string]report.Row{}
	}
	ev.rows[key] = r
	return r
}

func (ev *Evidence) repsOf(key string) int {
	n := 0
	for _, c := range ev.Cells {
		if c.Cell.Without("rep").String() == key {
			n++
		}
	}
	return n
}

// UserLevels are the concurrencies of the closed loops, ascending.
func (ev *Evidence) UserLevels() []int {
	var out []int
	for _, c := range ev.Cells {
		if c.Users > 0 {
			out = append(out, c.Users)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// MeanE2E is the mean latency of the answered requests, ms; ok is false without any.
func (g *Group) MeanE2E() (ms float64, ok bool) {
	total, n := 0.0, 0
	for _, c := range g.Cells {
		for i := range c.Requests {
			if c.Requests[i].RC == record.RCOK && c.Requests[i].HasE2E {
				total += c.Requests[i].E2E
				n++
			}
		}
	}
	if n == 0 {
		return 0, false
	}
	return total / float64(n), true
}

// Waits says of each answered request of the cell whether it waited for admission (V is 1 or 0): the
// engine did not take it up at its next iteration, because its wait, as the server reports it, is longer
// than all but one in a thousand of the gaps between tokens. A gap is as long as an iteration; the
// longest of all would let one hiccup of the server hide every wait. answered counts those whose wait
// should be known.
func (c *CellData) Waits() (points stats.Rep, answered int) {
	gap, ok := c.Info.Load.Gaps.Quantile(0.999)
	if !ok {
		return nil, 0
	}
	longest := gap.Seconds() * 1e3
	for i := range c.Requests {
		r := &c.Requests[i]
		if r.RC != record.RCOK {
			continue
		}
		answered++
		if r.WaitMS == nil {
			continue
		}
		p := stats.Point{T: r.At}
		if *r.WaitMS > longest {
			p.V = 1
		}
		points = append(points, p)
	}
	return points, answered
}

// WaitsKnown is the gate that a claim about admission waits needs: the server told them.
func (ev *Evidence) WaitsKnown() verdict.Gate {
	const name = "admission waits"
	need := ev.Exp.Hypothesis.Gates.MinCoverage
	least := worst{}
	for _, c := range ev.Cells {
		points, answered := c.Waits()
		if answered == 0 {
			continue // other gates say so
		}
		least.high(-float64(len(points))/float64(answered), c.Key)
	}
	if !least.seen || -least.value < need {
		return verdict.Fail(name, verdict.Invalid, "not_reported", fmt.Sprintf(
			"the server told how long it kept requests waiting for %.0f %% of the answers of %s (need %.0f %%): set return_perf_metrics and perf_metrics_max_requests on trtllm-serve, or allow nvext timing on Dynamo",
			-least.value*100, least.where, need*100))
	}
	return verdict.Pass(name, fmt.Sprintf("the server told the wait of at least %.1f %% of the answered requests (need %.0f %%)", -least.value*100, need*100))
}

// IdleReads tests whether the NVMe reads of every group are equivalent to the idle baseline watched just
// before each of its cells: the 90 % interval of the difference lies inside the margin, the larger of a
// share of the baseline and an absolute floor (two one-sided tests at 5 % each). The claim is about all
// groups together, so no correction for their number is due (intersection-union).
func (ev *Evidence) IdleReads(groups []*Group, share, floor float64) verdict.Check {
	const alpha = 0.05
	c := verdict.Furthest{Check: verdict.Check{Name: "reads_as_idle", Unit: "reads/s"}}
	n := 0
	for _, g := range groups {
		var load, idle []stats.Rep
		for _, cell := range g.Cells {
			load, idle = append(load, cell.Sys.Measure.Reads), append(idle, cell.Sys.Baseline.Reads)
		}
		d, err := ev.idleBootstrap().MeanDifference(load, idle)
		base, berr := ev.idleBootstrap().Mean(idle)
		if err != nil || berr != nil {
			c.State, c.Detail = verdict.Undecided, fmt.Sprintf("%s has no NVMe readings to compare", g.Cell)
			return c.Check
		}
		for _, l := range load {
			n += len(l)
		}
		margin := max(share*base.Value, floor)
		eq := stats.EquivalentDifference(d, margin, alpha)
		c.Take(verdict.Equivalent(eq.Lo, eq.Hi, -margin, margin), math.Abs(d.Value), func(c *verdict.Check) {
			c.Value, c.Lo, c.Hi, c.Bounds = &d.Value, &eq.Lo, &eq.Hi, []float64{-margin, margin}
			c.Detail = fmt.Sprintf("NVMe reads in %d cells; furthest from idle is %s: %+.2f reads/s [%+.2f, %+.2f] against idle, margin %.2g", len(groups), g.Cell, d.Value, eq.Lo, eq.Hi, margin)
		})
	}
	c.N, c.Of = n, "seconds"
	return c.Result("no cell to compare")
}

// ReadReps are the NVMe reads/s of a group's measure phases, in bins of a second.
func (g *Group) ReadReps() []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		out = append(out, c.Sys.Measure.Reads)
	}
	return out
}

// Tier2ReadReps are the bytes/s that the KV manager read from tier 2 in a group's measure phases, in the
// intervals of its samples; ok is false if it does not say.
func (g *Group) Tier2ReadReps() (reps []stats.Rep, ok bool) {
	for _, c := range g.Cells {
		if c.KV == nil || c.KV.Tier2BytesOut == nil {
			return nil, false
		}
		reps = append(reps, c.KV.Tier2Reads)
	}
	return reps, true
}

// FetchReps are the tier-2 fetch latencies of a group's repetitions.
func (ev *Evidence) FetchReps(g *Group) []stats.Rep {
	out := make([]stats.Rep, 0, len(g.Cells))
	for _, c := range g.Cells {
		out = append(out, c.KV.Fetches)
	}
	return out
}

// MeanOf is the mean of a distribution.
func MeanOf(l config.Law) float64 {
	d, err := distribution(l, nil)
	if err != nil {
		return math.NaN()
	}
	return d.Mean()
}
