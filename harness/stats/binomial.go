package stats

import (
	"fmt"

	"gonum.org/v1/gonum/stat/distuv"
)

// ClopperPearson returns the exact two-sided interval for a proportion of which k of n were seen
// (Clopper & Pearson 1934, as quantiles of beta distributions). Nothing seen (n = 0) gives [0, 1]. It
// panics unless 0 <= k <= n and confidence is inside (0, 1).
func ClopperPearson(k, n int, confidence float64) (lo, hi float64) {
	if k < 0 || k > n || !(confidence > 0 && confidence < 1) {
		panic(fmt.Sprintf("stats: ClopperPearson of %d in %d at %g", k, n, confidence))
	}
	tail := (1 - confidence) / 2
	lo, hi = 0, 1
	if k > 0 {
		lo = distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.Quantile(tail)
	}
	if k < n {
		hi = distuv.Beta{Alpha: float64(k + 1), Beta: float64(n - k)}.Quantile(1 - tail)
	}
	return lo, hi
}
