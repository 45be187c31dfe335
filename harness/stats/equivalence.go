package stats

import "fmt"

// Equivalence is the result of two one-sided tests (TOST; Schuirmann 1987): both reject "the effect is
// at least the margin" at level alpha exactly if the two-sided 1-2*alpha interval lies inside the margin.
type Equivalence struct {
	Equivalent bool
	Lo, Hi     float64 // the 1-2*alpha interval; an end is infinite if the data leave it open
	Margin     float64
}

// EquivalentRatio tests whether a ratio lies inside (1/(1+margin), 1+margin): for margin 0.10 inside
// (0.909, 1.1), the same on the log scale in both directions, so that exchanging the arms changes
// nothing. A margin of 0 is never met. It panics if alpha is outside (0, 0.5).
func EquivalentRatio(d Dist, margin, alpha float64) Equivalence {
	return equivalent(d, 1/(1+margin), 1+margin, margin, alpha)
}

// EquivalentDifference tests whether a difference lies inside (-absMargin, absMargin), in the unit of
// the data. It panics if alpha is outside (0, 0.5).
func EquivalentDifference(d Dist, absMargin, alpha float64) Equivalence {
	return equivalent(d, -absMargin, absMargin, absMargin, alpha)
}

func equivalent(d Dist, least, most, margin, alpha float64) Equivalence {
	if !(alpha > 0 && alpha < 0.5) {
		panic(fmt.Sprintf("stats: equivalence at alpha %g, want it inside (0, 0.5)", alpha))
	}
	lo, hi := d.Interval(1 - 2*alpha)
	return Equivalence{Equivalent: lo > least && hi < most, Lo: lo, Hi: hi, Margin: margin}
}
