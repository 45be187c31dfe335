package evidence

import (
	"fmt"
	"math"

	"sparkharness/harness/stats"
)

// Blocks takes one value of each block that decides; of is asked for each in turn. A block without a value is an error, because
// what is left out may be what would contradict.
func (ev *Evidence) Blocks(scale stats.Scale, of func(rep int) (v float64, err error)) (stats.Blocks, error) {
	var values []float64
	for _, rep := range ev.blockNumbers() {
		v, err := of(rep)
		if err != nil {
			return stats.Blocks{}, fmt.Errorf("block %d: %w", rep, err)
		}
		values = append(values, v)
	}
	return stats.NewBlocks(values, scale)
}

// blockNumbers are the repetitions of the cells, ascending.
func (ev *Evidence) blockNumbers() []int {
	seen := map[int]bool{}
	most := 0
	for _, c := range ev.Cells {
		seen[c.Rep], most = true, max(most, c.Rep)
	}
	var out []int
	for rep := 1; rep <= most; rep++ {
		if seen[rep] {
			out = append(out, rep)
		}
	}
	return out
}

// In is the group's cell of a block.
func (g *Group) In(rep int) (*Cell, error) {
	for _, c := range g.Cells {
		if c.Rep == rep {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%s was not measured", g.Cell)
}

// PercentileOf is a percentile of some latencies of a cell, in their unit. One that a time-out hides is an error: only its
// lower end is known.
func PercentileOf(values stats.Rep, p float64) (float64, error) {
	obs := make([]stats.Obs, len(values))
	for i, v := range values {
		obs[i] = stats.Obs{V: v.V, Censored: v.Censored}
	}
	e, err := stats.EstimatePercentile(obs, p, Confidence)
	switch {
	case err != nil:
		return 0, err
	case e.AtLeast:
		return 0, fmt.Errorf("p%g lies beyond a time-out", p*100)
	}
	return e.Value, nil
}

// Ends are the ends of an estimate's interval for a sentence: one that is open is infinite.
func Ends(e stats.Estimate) (lo, hi float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	if e.Lo != nil {
		lo = *e.Lo
	}
	if e.Hi != nil {
		hi = *e.Hi
	}
	return lo, hi
}
