package hypotheses

import (
	"fmt"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// percentileRatio is a percentile of some latencies in one group over that in another, one value a block: the arms of a block
// share the load's randomness, so that pairs are compared and not clouds. What a time-out hides in either is an error.
func percentileRatio(ev *evidence.Evidence, over, under *evidence.Group, p float64, of func(*evidence.Cell) stats.Rep) (stats.Blocks, error) {
	return ev.Blocks(stats.Log, func(rep int) (float64, error) {
		a, err := percentileIn(over, rep, p, of)
		if err != nil {
			return 0, err
		}
		b, err := percentileIn(under, rep, p, of)
		if err != nil {
			return 0, err
		}
		return a / b, nil
	})
}

// percentileIn is a percentile of some latencies of a group's cell in a block.
func percentileIn(g *evidence.Group, rep int, p float64, of func(*evidence.Cell) stats.Rep) (float64, error) {
	c, err := g.In(rep)
	if err != nil {
		return 0, err
	}
	v, err := evidence.PercentileOf(of(c), p)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", g.Cell, err)
	}
	return v, nil
}

// percent is the two-sided confidence of a check's interval, in percent.
func percent(a verdict.Alpha) string { return fmt.Sprintf("%.4g %%", 100*(1-2*float64(a))) }

// effectOf is the headline of values of blocks, with its 95 % interval.
func effectOf(name, unit string, b stats.Blocks, n int, of string) *verdict.Effect {
	return &verdict.Effect{Name: name, Estimate: b.Estimate(evidence.OneSided), Unit: unit, Confidence: 1 - 2*evidence.OneSided, N: n, Of: of}
}

// ends are the ends of a check's interval for its sentence; an open one is infinite.
func ends(c verdict.Check) (lo, hi float64) { return evidence.Ends(c.Estimate) }
