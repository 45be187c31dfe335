package stats

import (
	"fmt"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// EarlyStopping returns the percentile estimate that MLPerf LoadGen reports under early stopping
// (single-stream rule, tolerance 0; LoadGen uses confidence 0.99): the t-th largest value, where t is
// the largest count with P(Binomial(n, 1-p) <= t) < 1-confidence and t >= 1. ok is false if n is too
// small for t = 1: below 662 for p99 and below 64 for p90 at 99 %.
//
// The t-th largest alone would need only P(Binomial(n, 1-p) <= t-1) to be that small (n >= 459 for
// p99), so LoadGen's figure is one order statistic more careful than its stated confidence. It is kept
// as it is, to be comparable. A censored value stands for its lower bound, as in LoadGen, which knows no
// censoring: the bound holds only if the value returned is below every censored one. It panics if p or confidence is outside (0, 1) or sorted does not ascend.
func EarlyStopping(sorted []float64, p, confidence float64) (bound float64, ok bool) {
	if !(p > 0 && p < 1 && confidence > 0 && confidence < 1) || !slices.IsSorted(sorted) {
		panic(fmt.Sprintf("stats: EarlyStopping at p=%g, confidence=%g needs both inside (0, 1) and ascending values", p, confidence))
	}
	n := len(sorted)
	over := distuv.Binomial{N: float64(n), P: 1 - p}
	// The first t+1 at which the condition fails is one past the largest t at which it holds.
	t := sort.Search(n, func(t int) bool { return over.CDF(float64(t)) >= 1-confidence }) - 1
	if t < 1 {
		return 0, false
	}
	return sorted[n-t], true
}
