package hypotheses

import (
	"fmt"
	"math"
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
// Falsifier: NVMe reads above the idle baseline in any cell, or p99 growth that queue depth and GPU
// activity do not explain.
//
// Thresholds: reads are "equivalent to idle" within 10 % of the baseline or an absolute floor, whichever
// is larger, because an idle drive does next to nothing and 10 % of that is noise.
var h2a = harness.Hypothesis{
	ID:        "H2A",
	Claim:     "More context and concurrency create no KV storage traffic on a server whose KV cache is in unified memory only",
	Mechanism: "KV that does not fit the pool waits for it; p99 grows with the queue and the GPU, the NVMe stays idle",
	Falsifier: "NVMe reads above the idle baseline in any cell, or p99 that queue depth and GPU activity do not explain",
	Config:    "h2a.yaml",
	Requires:  []string{"idle_margin_share", "idle_margin_rps", "r2_min"},
	// Refusals are what overload looks like on this stack: they are counted, and no reason to drop a cell.
	ClaimsFailures: true,
	Decide:         decideH2A,
}

func TestH2A(t *testing.T) { harness.Run(t, h2a) }

func decideH2A(ev *evidence.Evidence) verdict.Conclusion {
	groups := ev.Groups()
	reads := idleReads(ev, groups, ev.Threshold("idle_margin_share"), ev.Threshold("idle_margin_rps"))
	explained, effect := queueExplainsP99(ev)
	return verdict.Conclusion{
		Checks:   []verdict.Check{reads, explained, rejections(groups)},
		Effect:   effect,
		Findings: nil,
		Figures:  []verdict.Figure{h2aFigure(ev, groups)},
	}
}

// queueExplainsP99 regresses the p99 of every cell (repetitions apart) on the queue depth and the GPU's
// busy share. p99 and queue depth enter as logarithms: both span two orders of magnitude over the sweep,
// and p99 scatters in proportion to itself, so on a linear scale the largest cell alone would decide.
// The interval of R2 is a bootstrap over levels, and must lie above the threshold.
func queueExplainsP99(ev *evidence.Evidence) (verdict.Check, *verdict.Effect) {
	need := ev.Threshold("r2_min")
	c := verdict.Check{Name: "queue_explains_p99", Unit: ""}
	var p99, queue, busy []float64
	var level []string
	for _, cell := range ev.Cells {
		v, ok := (&evidence.Group{Cells: []*evidence.Cell{cell}}).Percentile(0.99)
		q, g := cell.Sys.Measure.Queue.Value(), cell.Sys.Measure.GPUBusy.Value()
		if !ok || q == nil || g == nil || *q <= 0 {
			continue
		}
		p99, queue, busy = append(p99, math.Log(v)), append(queue, math.Log(*q)), append(busy, *g)
		level = append(level, cell.Cell.Without("rep").String())
	}
	if len(p99) < len(ev.Cells) {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("queue depth, GPU busy and p99 are known in %d of %d cells", len(p99), len(ev.Cells))
		return c, nil
	}
	predictors := [][]float64{queue, busy}
	fit, err := stats.OLS(p99, predictors)
	if err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("p99 cannot be regressed on queue depth and GPU busy: %v", err)
		return c, nil
	}
	lo, hi, err := ev.Bootstrap().R2(p99, predictors, level, 0.95)
	if err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("R2 has no interval: %v", err)
		return c, nil
	}
	c.State = verdict.Above(lo, hi, need)
	c.Estimate, c.N, c.Of, c.Bounds = stats.Between(fit.R2, lo, hi), fit.N, "cells", []float64{need}
	c.Detail = fmt.Sprintf("log queue depth and GPU busy explain R2 = %.3f [%.3f, %.3f] of log p99 TTFT over %d cells (need %.2f)", fit.R2, lo, hi, fit.N, need)
	return c, &verdict.Effect{Name: "R2 of log p99 TTFT on log queue depth and GPU busy", Estimate: stats.Between(fit.R2, lo, hi), Unit: "", Confidence: 0.95, N: fit.N, Of: c.Of}
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
