package hypotheses

import (
	"errors"
	"fmt"
	"math"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// blockKnee is the storage knee of a sweep over context in one block: where the score of the definition, the lesser of its two
// conditions, each 1 where it is just met, first reaches 1 from below, by linear interpolation between two levels.
type blockKnee struct {
	rep int
	at  float64 // log2 of the context, tokens; that of the last level where side is 1, of the first where it is -1
	// side is 1 where no level meets the definition, so that the knee lies beyond the sweep, and -1 where the first one does.
	side int
}

// blockKnees are the knees of a sweep, one a block.
func blockKnees(ev *evidence.Evidence, groups []*evidence.Group) ([]blockKnee, error) {
	needFetch, needHits := ev.Threshold("fetch_share"), ev.Threshold("tier2_hit_share")
	var out []blockKnee
	for _, c := range groups[0].Cells {
		levels := make([]stats.Score, len(groups))
		for i, g := range groups {
			fetch, hits, err := kneeScores(ev, g, c.Rep)
			if err != nil {
				return nil, fmt.Errorf("%s in block %d: %w", g.Cell, c.Rep, err)
			}
			levels[i] = stats.Score{X: float64(g.Cells[0].ContextTokens), Value: min(fetch/needFetch, hits/needHits)}
		}
		at, side := stats.FirstReached(levels)
		out = append(out, blockKnee{c.Rep, at, side})
	}
	return out, nil
}

// kneeIn is the knee of a block.
func kneeIn(knees []blockKnee, rep int) (blockKnee, error) {
	for _, k := range knees {
		if k.rep == rep {
			return k, nil
		}
	}
	return blockKnee{}, errors.New("not measured")
}

// doublingsTo is by how many doublings of the context a knee lies above this one. One outside the sweep counts as being at its
// end, which makes a shift smaller than it is and never turns it; where both are outside at the same end none is known.
func (k blockKnee) doublingsTo(to blockKnee) (float64, error) {
	switch {
	case k.side == 1 && to.side == 1:
		return 0, errors.New("both knees lie beyond the longest context: no shift is known")
	case k.side == -1 && to.side == -1:
		return 0, errors.New("both knees lie below the shortest context: no shift is known")
	}
	return to.at - k.at, nil
}

// kneeOf is the knee over blocks, tokens, its geometric mean with its 95 % interval: nil where it lies outside the sweep in all
// of them, an end open where it does in some.
func kneeOf(knees []blockKnee) (value, lo, hi *float64) {
	var tokens []float64
	outside, below, beyond := 0, false, false
	for _, k := range knees {
		tokens = append(tokens, math.Exp2(k.at))
		below, beyond = below || k.side < 0, beyond || k.side > 0
		if k.side != 0 {
			outside++
		}
	}
	b, err := stats.NewBlocks(tokens, stats.Log)
	if err != nil || outside == len(knees) {
		return nil, nil, nil
	}
	e := b.Estimate(evidence.OneSided)
	if below {
		e.Lo = nil
	}
	if beyond {
		e.Hi = nil
	}
	return e.Value, e.Lo, e.Hi
}
