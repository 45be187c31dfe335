package stats

import "math"

// Score is how far a level of a sweep meets a definition: 1 where it is just met.
type Score struct {
	X     float64 // above 0, growing from level to level
	Value float64
}

// FirstReached is where scores first reach 1 from below, as log2 of x, by linear interpolation of the score over log x between two
// neighbouring levels. Side is 0 then; it is -1 with the first level's x where that reaches 1 already, and 1 with the last
// level's x where none does. It panics without a level.
func FirstReached(levels []Score) (log2x float64, side int) {
	xs := make([]float64, len(levels))
	for i, l := range levels {
		xs[i] = math.Log2(l.X)
	}
	at := firstCrossing(xs, func(i int) float64 { return levels[i].Value })
	switch {
	case math.IsInf(at, -1):
		return xs[0], -1
	case math.IsInf(at, 1):
		return xs[len(xs)-1], 1
	}
	return at, 0
}

// firstCrossing is where the score first reaches 1 over xs: -Inf if the first score is 1 and above, +Inf if none is.
func firstCrossing(xs []float64, score func(level int) float64) float64 {
	for i := range xs {
		high := score(i)
		if high < 1 {
			continue
		}
		if i == 0 {
			return math.Inf(-1)
		}
		low := score(i - 1)
		return xs[i-1] + (1-low)/(high-low)*(xs[i]-xs[i-1])
	}
	return math.Inf(1)
}
