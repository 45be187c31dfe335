package hypotheses

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
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
