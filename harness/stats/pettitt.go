package stats

import "math"

// Pettitt is the change of level that a series most looks like (A. N. Pettitt, A non-parametric approach to the change-point
// problem, Applied Statistics 28, 1979, 126-135): with R the midranks of the n values,
//
//	U(k) = 2 sum_{i<=k} R(i) - k (n+1)     K = max over k of |U(k)|     p = 2 exp(-6 K^2 / (n^3 + n^2))
//
// The change is behind the first at values: where |U(k)| / sqrt(k (n-k)), the two-sample statistic of Mann and Whitney with
// its scale, is largest. |U(k)| itself is largest nearer the middle. p is approximate, at most 1, and holds for values that do not depend on each
// other; where they do, it is too small, so a change has to be large as well as significant. Outliers weigh by their ranks
// alone. Of fewer than two values p is 1.
func Pettitt(xs []float64) (at int, p float64) {
	n := float64(len(xs))
	var sum, most, furthest float64
	for i, r := range midranks(xs) {
		sum += r
		k := float64(i + 1)
		u := math.Abs(2*sum - k*(n+1))
		most = max(most, u)
		if scaled := u / math.Sqrt(k*(n-k)); k < n && scaled > furthest {
			furthest, at = scaled, i+1
		}
	}
	if len(xs) < 2 {
		return 0, 1
	}
	return at, min(1, 2*math.Exp(-6*most*most/(n*n*n+n*n)))
}
