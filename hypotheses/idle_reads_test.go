package hypotheses

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// idleReads tests whether the NVMe reads of every group are equivalent to the idle baseline watched just
// before each of its cells: the 90 % interval of the difference lies inside the margin, the larger of a
// share of the baseline and an absolute floor (two one-sided tests at 5 % each). The claim is about all
// groups together, so no correction for their number is due (intersection-union).
func idleReads(ev *evidence.Evidence, groups []*evidence.Group, share, floor float64) verdict.Check {
	const alpha = 0.05
	c := verdict.Furthest{Check: verdict.Check{Name: "reads_as_idle", Unit: "reads/s"}}
	n := 0
	for _, g := range groups {
		var load, idle []stats.Rep
		for _, cell := range g.Cells {
			load, idle = append(load, cell.Sys.Measure.Reads), append(idle, cell.Sys.Baseline.Reads)
		}
		d, err := ev.IdleBootstrap().MeanDifference(load, idle)
		base, berr := ev.IdleBootstrap().Mean(idle)
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
			c.Estimate, c.Bounds = stats.Between(d.Value, eq.Lo, eq.Hi), []float64{-margin, margin}
			c.Detail = fmt.Sprintf("NVMe reads in %d cells; furthest from idle is %s: %+.2f reads/s [%+.2f, %+.2f] against idle, margin %.2g", len(groups), g.Cell, d.Value, eq.Lo, eq.Hi, margin)
		})
	}
	c.N, c.Of = n, "seconds"
	return c.Result("no cell to compare")
}

// Reads as idle hold, reads far above it are contradicted, and reads that scatter too much to tell are
// undecided.
func TestIdleReads(t *testing.T) {
	rep := func(n int, mean, swing float64) stats.Rep {
		var out stats.Rep
		for i := range n {
			v := mean
			if i%20 < 10 {
				v += swing
			} else {
				v -= swing
			}
			out = append(out, stats.Point{T: float64(i), V: v})
		}
		return out
	}
	for _, tc := range []struct {
		name string
		load stats.Rep
		want verdict.State
	}{
		{"as idle", rep(300, 2, 1), verdict.Holds},
		{"engine reads", rep(300, 400, 1), verdict.Contradicted},
		{"cannot tell", rep(40, 7, 60), verdict.Undecided},
		{"nothing read", nil, verdict.Undecided},
	} {
		ev := configured(h2a)
		run := &ev.Exp.Hypothesis.Run
		run.Seed, run.Duration, run.Baseline = 1, 300e9, 30e9
		for i := range 3 {
			c := &evidence.Cell{}
			c.Rep, c.Cell = i+1, record.NewCell("ctx", 1000, "conc", 4, "rep", i+1)
			c.Sys.Baseline.Reads, c.Sys.Measure.Reads = rep(30, 2, 1), tc.load
			ev.Cells = append(ev.Cells, c)
		}
		got := idleReads(ev, ev.Groups(), 0.1, 5)
		assert.Equal(t, tc.want, got.State, "%s: %s", tc.name, got.Detail)
	}
}
