package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Spending says how much of a one-sided level may be spent by the time that a fraction of the planned data is
// there (Lan & DeMets 1983, Biometrika 70, 659).
type Spending int

// Spending functions of the fraction t for the level alpha.
const (
	// OBrienFleming spends 2(1 - Phi(z/sqrt(t))), z being the normal quantile of 1 - alpha/2: almost
	// nothing early, so that the last look keeps nearly the whole level.
	OBrienFleming Spending = iota
	// Pocock spends alpha ln(1 + (e-1)t): about alike at each look.
	Pocock
)

// Spent is the level spent at the fraction t of the data, one-sided. It panics unless t is inside (0, 1] and
// alpha inside (0, 0.5).
func (s Spending) Spent(t, alpha float64) float64 {
	if !(t > 0 && t <= 1) || !(alpha > 0 && alpha < 0.5) {
		panic(fmt.Sprintf("stats: Spent at the fraction %g of the level %g", t, alpha))
	}
	if s == Pocock {
		return alpha * math.Log(1+(math.E-1)*t)
	}
	return 2 * distuv.UnitNormal.Survival(distuv.UnitNormal.Quantile(1-alpha/2)/math.Sqrt(t))
}

// Increments returns what each look may spend, given the number of blocks that are there at each look, in
// ascending order; the last look has all. Each look tests at its own increment. They sum to alpha, so that by
// Bonferroni's inequality the probability of any false rejection is alpha at most, however the looks
// correlate: a group-sequential boundary, which counts with that correlation, would gain little power and
// needs normal statistics, which those of two or three blocks are not. It panics if alpha is outside (0, 0.5).
func (s Spending) Increments(looks []int, alpha float64) ([]float64, error) {
	if !(alpha > 0 && alpha < 0.5) {
		panic(fmt.Sprintf("stats: Increments of the level %g, want it inside (0, 0.5)", alpha))
	}
	if len(looks) == 0 {
		return nil, fmt.Errorf("looks: %w: none", ErrNoData)
	}
	before := 0
	for k, n := range looks {
		if n <= before {
			return nil, fmt.Errorf("look %d is at %d blocks and the one before at %d: give numbers above 0 in ascending order", k+1, n, before)
		}
		before = n
	}
	out := make([]float64, len(looks))
	spent := 0.0
	last := len(looks) - 1
	for k, n := range looks[:last] {
		out[k] = s.Spent(float64(n)/float64(looks[last]), alpha) - spent
		spent += out[k]
	}
	out[last] = alpha - spent // all that is left, so that nothing is lost to rounding
	return out, nil
}
