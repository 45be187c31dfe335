package stats

import (
	"cmp"
	"fmt"
	"slices"
)

// Holm returns the p-values adjusted for their number by the step-down method of Holm (1979), in the
// order given: comparing an adjusted value with alpha bounds the chance of any false rejection in the
// family by alpha. It panics on a value outside [0, 1].
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			panic(fmt.Sprintf("stats: Holm of the p-value %g", v))
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	adjusted := make([]float64, len(p))
	worst := 0.0
	for rank, i := range order {
		worst = max(worst, min(1, float64(len(p)-rank)*p[i]))
		adjusted[i] = worst
	}
	return adjusted
}
