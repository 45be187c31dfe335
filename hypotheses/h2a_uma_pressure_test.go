package hypotheses

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H2A: on Stack A more context and concurrency create no KV storage traffic.
//
// Mechanism: the KV cache lives in a pool of unified memory; what does not fit waits or is refused, and
// nothing is written to or read from the NVMe. p99 grows because requests wait and the GPU is busy.
//
// Falsifier: bytes read, bytes written or a burst of either above the idle baseline in any cell, or p99 growth that queue
// depth and GPU activity do not explain.
//
// Thresholds: traffic is "equivalent to idle" within 10 % of the baseline or an absolute floor, whichever
// is larger, because an idle drive does next to nothing and 10 % of that is noise.
var h2a = harness.Hypothesis{
	ID:        "H2A",
	Claim:     "More context and concurrency create no KV storage traffic on a server whose KV cache is in unified memory only",
	Mechanism: "KV that does not fit the pool waits for it; p99 grows with the queue and the GPU, the NVMe stays idle",
	Falsifier: "bytes read or written, or a burst of them, above the idle baseline in any cell, or p99 that queue depth and GPU activity do not explain",
	Config:    "h2a.yaml",
	Requires:  append([]string{"r2_min"}, trafficThresholds...),
	// Refusals are what overload looks like on this stack: they are counted, and no reason to drop a cell.
	ClaimsFailures: true,
	Deciding:       []string{"traffic_as_idle", "queue_explains_p99"},
	Decide:         decideH2A,
}

func TestH2A(t *testing.T) { harness.Run(t, h2a) }

func decideH2A(ev *evidence.Evidence) verdict.Conclusion {
	groups := ev.Groups()
	quiet := trafficAsIdle(ev, groups)
	explained, effect := queueExplainsP99(ev)
	return verdict.Conclusion{
		Checks:   []verdict.Check{quiet, explained, rejections(groups)},
		Effect:   effect,
		Findings: nil,
		Figures:  []verdict.Figure{h2aFigure(ev, groups)},
	}
}

// queueExplainsP99 regresses the p99 of every cell (blocks apart) on the queue depth and the GPU's
// busy share. p99 and queue depth enter as logarithms: both span two orders of magnitude over the sweep,
// and p99 scatters in proportion to itself, so on a linear scale the largest cell alone would decide.
// Each block is predicted by a fit of the others, so that what is explained is not what was fitted, and gives one value: the
// share of its variance that is left, on the logarithm.
func queueExplainsP99(ev *evidence.Evidence) (verdict.Check, *verdict.Effect) {
	const name = "queue_explains_p99"
	need, a := ev.Threshold("r2_min"), verdict.AlphaOf(ev)
	blocks := map[int][]load{}
	for _, cell := range ev.Cells {
		v, err := evidence.PercentileOf(cell.TTFT(), 0.99)
		q, g := cell.Sys.Measure.Queue.Value(), cell.Sys.Measure.GPUBusy.Value()
		switch {
		case err != nil:
			return verdict.Open(name, fmt.Sprintf("%s: %v", cell.Key, err)), nil
		case q == nil || g == nil || *q <= 0:
			return verdict.Open(name, cell.Key+": queue depth or GPU busy is not known"), nil
		}
		blocks[cell.Rep] = append(blocks[cell.Rep], load{math.Log(v), math.Log(*q), *g})
	}
	left, err := ev.Blocks(stats.Log, func(rep int) (float64, error) { return unexplained(blocks, rep) })
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("p99 cannot be regressed on queue depth and GPU busy: %v", err)), nil
	}
	c := a.Below(verdict.Check{N: len(ev.Cells), Of: "cells"}, left, 1-need)
	c.Name, c.Estimate, c.Bounds = name, shareOf(c.Estimate), []float64{need}
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("log queue depth and GPU busy explain R2 = %.3f [%.3f, %.3f] of log p99 TTFT in blocks that the fit has not seen, over %d cells (%s interval over %d blocks, need above %.2f)",
		*c.Value, lo, hi, c.N, percent(a), left.N(), need)
	effect := effectOf("R2 of log p99 TTFT on log queue depth and GPU busy", "", left, c.N, c.Of)
	effect.Estimate = shareOf(effect.Estimate)
	return c, effect
}

// load is what a cell's p99 is explained by: log p99 in ms, log queue depth in requests, and the GPU's busy time in %.
type load struct{ p99, queue, busy float64 }

// unexplained is the share of the variance of a block's log p99 that a fit of the other blocks leaves, 1 - R2.
func unexplained(blocks map[int][]load, rep int) (float64, error) {
	var p99 []float64
	x := make([][]float64, 2)
	for _, other := range slices.Sorted(maps.Keys(blocks)) {
		if other != rep {
			for _, l := range blocks[other] {
				p99, x[0], x[1] = append(p99, l.p99), append(x[0], l.queue), append(x[1], l.busy)
			}
		}
	}
	fit, err := stats.OLS(p99, x)
	if err != nil {
		return 0, err
	}
	mean, residual, total := 0.0, 0.0, 0.0
	for _, l := range blocks[rep] {
		mean += l.p99 / float64(len(blocks[rep]))
	}
	for _, l := range blocks[rep] {
		d := l.p99 - fit.Coef[0] - fit.Coef[1]*l.queue - fit.Coef[2]*l.busy
		residual, total = residual+d*d, total+(l.p99-mean)*(l.p99-mean)
	}
	return residual / total, nil
}

// shareOf turns an estimate of 1 - R2 into one of R2.
func shareOf(left stats.Estimate) stats.Estimate {
	lo, hi := evidence.Ends(left)
	return stats.Between(1-*left.Value, 1-hi, 1-lo)
}

// rejections counts refused requests.
func rejections(groups []*evidence.Group) verdict.Check {
	refused, all := 0, 0
	for _, g := range groups {
		for _, c := range g.Cells {
			for i := range c.Requests {
				all++
				if c.Requests[i].RC == "rejected" {
					refused++
				}
			}
		}
	}
	return verdict.Check{Name: "rejections", State: verdict.Noted, N: all, Of: "requests", Detail: fmt.Sprintf("%d of %d requests were refused for load", refused, all)}
}

func h2aFigure(ev *evidence.Evidence, groups []*evidence.Group) verdict.Figure {
	latency := verdict.Panel{XLabel: "context, tokens", YLabel: "TTFT p99, ms", LogX: true, LogY: true}
	reads := verdict.Panel{XLabel: "context, tokens", YLabel: "NVMe reads, 1/s", LogX: true}
	for _, users := range ev.UserLevels() {
		name := fmt.Sprintf("%d users", users)
		p := verdict.NewSeries(name)
		r := verdict.NewSeries(name)
		for _, g := range groups {
			if g.Users() != users {
				continue
			}
			row := ev.Row(g)
			p.Percentile(float64(row.ContextTokens), row.TTFT.P99)
			r.Value(float64(row.ContextTokens), row.NVMeRPS)
		}
		latency.Series = append(latency.Series, *p)
		reads.Series = append(reads.Series, *r)
	}
	idle := verdict.NewSeries("idle baseline")
	for _, g := range groups {
		row := ev.Row(g)
		if row.Concurrency == ev.UserLevels()[0] {
			idle.Value(float64(row.ContextTokens), row.NVMeIdleRPS)
		}
	}
	reads.Series = append(reads.Series, *idle)
	return verdict.Figure{Name: "p99_and_reads", Title: "H2A: p99 TTFT against context, and the NVMe beside it", Panels: []verdict.Panel{latency, reads}}
}
