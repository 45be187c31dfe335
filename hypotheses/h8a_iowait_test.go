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

// H8A: on Stack A iowait stays flat while p99 grows from queueing.
//
// Mechanism: iowait is idle CPU time during which a task waits for I/O. Requests that wait for the GPU are no
// such tasks, however many there are.
//
// Falsifier: iowait more than a percentage point away from idle in any cell; or a sweep in which p99 does not
// even double, which would show nothing.
var h8a = harness.Hypothesis{
	ID:             "H8A",
	Claim:          "iowait stays flat while p99 grows from queueing on a server whose KV cache is in unified memory only",
	Mechanism:      "requests that wait for the GPU are no tasks that wait for I/O",
	Falsifier:      "iowait that differs from idle by a percentage point, or p99 that does not double over the sweep",
	Config:         "h8a.yaml",
	Requires:       []string{"iowait_margin_pp", "p99_growth"},
	ClaimsFailures: true,
	Decide:         decideH8A,
}

func TestH8A(t *testing.T) { harness.Run(t, h8a) }

func decideH8A(ev *evidence.Evidence) verdict.Conclusion {
	groups := ev.Groups()
	flat, waits := iowaitFlat(ev, groups)
	grows, effect := p99Grows(ev, groups)
	return verdict.Conclusion{Checks: []verdict.Check{flat, grows, rejections(groups)}, Effect: effect,
		Figures: []verdict.Figure{h8aFigure(ev, groups, waits)}}
}

// above is a group's iowait above idle with its 90 % interval, percentage points.
type above struct{ value, lo, hi float64 }

// iowaitFlat tests that the iowait of every cell is equivalent to that of the idle baseline before it, and returns
// what it tested for each group, as far as it came.
func iowaitFlat(ev *evidence.Evidence, groups []*evidence.Group) (verdict.Check, []above) {
	const alpha = 0.05
	margin := ev.Threshold("iowait_margin_pp")
	c := verdict.Furthest{Check: verdict.Check{Name: "iowait_flat", Unit: "percentage points"}}
	n := 0
	var tested []above
	for _, g := range groups {
		d, err := ev.IOWaitAboveIdle(g)
		if err != nil {
			return verdict.Check{Name: c.Name, State: verdict.Undecided, Detail: fmt.Sprintf("%s: iowait cannot be compared with idle: %v", g.Cell, err)}, tested
		}
		for _, cell := range g.Cells {
			n += len(cell.Sys.Measure.IOWaits)
		}
		eq := stats.EquivalentDifference(d, margin, alpha)
		tested = append(tested, above{d.Value, eq.Lo, eq.Hi})
		c.Take(verdict.Equivalent(eq.Lo, eq.Hi, -margin, margin), math.Abs(d.Value), func(c *verdict.Check) {
			c.Estimate, c.Bounds = stats.Between(d.Value, eq.Lo, eq.Hi), []float64{-margin, margin}
			c.Detail = fmt.Sprintf("iowait in %d cells; furthest from idle is %s: %+.3f [%+.3f, %+.3f] percentage points of all CPU time (90 %% interval, margin %.2g)",
				len(groups), g.Cell, d.Value, eq.Lo, eq.Hi, margin)
		})
	}
	c.N, c.Of = n, "seconds"
	return c.Result("no cell to compare"), tested
}

// p99Grows compares, at each prompt length, the cells with the fewest and with the most users: between prompt
// lengths p99 would grow without any queue. It has to at least double at every one; the figures are those of the
// smallest growth.
func p99Grows(ev *evidence.Evidence, groups []*evidence.Group) (verdict.Check, *verdict.Effect) {
	need := ev.Threshold("p99_growth")
	c := verdict.Furthest{Check: verdict.Check{Name: "p99_grows"}}
	var effect *verdict.Effect
	for i := 0; i < len(groups); {
		j := i
		for j+1 < len(groups) && groups[j+1].Cells[0].ContextTokens == groups[i].Cells[0].ContextTokens {
			j++
		}
		low, high := groups[i], groups[j]
		i = j + 1
		if low == high {
			continue // a single number of users cannot show growth
		}
		d, err := ev.Bootstrap().Ratio(high.TTFT(), low.TTFT(), 0.99, false)
		if err != nil {
			return verdict.Check{Name: c.Name, State: verdict.Undecided, Detail: fmt.Sprintf("the growth of p99 has no interval: %v", err)}, nil
		}
		lo, hi := d.Interval(0.95)
		c.Take(verdict.Above(lo, hi, need), -d.Value, func(c *verdict.Check) {
			c.Estimate, c.Bounds, c.Scale = stats.Between(d.Value, lo, hi), []float64{need}, verdict.Ratio
			c.N, c.Of = len(low.Observations())+len(high.Observations()), "requests"
			c.Detail = fmt.Sprintf("least from %s to %s, where p99 TTFT grows %.3g-fold [%.3g, %.3g] (need above %.2g)", low.Cell, high.Cell, d.Value, lo, hi, need)
			if a, b := ev.Row(low).QueueDepth, ev.Row(high).QueueDepth; a != nil && b != nil {
				c.Detail += fmt.Sprintf(" and the queue from %.2g to %.3g requests", *a, *b)
			}
			effect = &verdict.Effect{Name: fmt.Sprintf("p99 TTFT, %s / %s", high.Cell, low.Cell), Estimate: stats.Between(d.Value, lo, hi), Confidence: 0.95, N: c.N, Of: c.Of}
		})
	}
	return c.Result("the sweep has one number of users at each prompt length"), effect
}

func h8aFigure(ev *evidence.Evidence, groups []*evidence.Group, waits []above) verdict.Figure {
	p99 := verdict.Panel{XLabel: "users", YLabel: "TTFT p99, ms", LogX: true, LogY: true}
	margin := ev.Threshold("iowait_margin_pp")
	wait := verdict.Panel{XLabel: "users", YLabel: "iowait above idle, percentage points of all CPU time", LogX: true,
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
			b.Interval(float64(row.Concurrency), waits[k].value, waits[k].lo, waits[k].hi)
		}
		p99.Series[i], wait.Series[i] = a, b
	}
	return verdict.Figure{Name: "p99_and_iowait", Title: "H8A: p99 TTFT grows, iowait does not", Panels: []verdict.Panel{p99, wait}}
}
