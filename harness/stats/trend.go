package stats

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// TheilSen returns the median of the slopes between all pairs of points with different times (Theil
// 1950; Sen 1968), in units of xs per unit of ts.
func TheilSen(ts, xs []float64) (float64, error) {
	const what = "Theil-Sen slope"
	if len(ts) != len(xs) {
		return 0, fmt.Errorf("%s of %d times and %d values", what, len(ts), len(xs))
	}
	for _, v := range [][]float64{ts, xs} {
		if err := allFinite(what, v); err != nil {
			return 0, err
		}
	}
	var slopes []float64
	for i := range ts {
		for j := i + 1; j < len(ts); j++ {
			if ts[i] != ts[j] {
				slopes = append(slopes, (xs[j]-xs[i])/(ts[j]-ts[i]))
			}
		}
	}
	if len(slopes) == 0 {
		return 0, fmt.Errorf("%s: %w: two different times are needed", what, ErrNoData)
	}
	slices.Sort(slopes)
	return Quantile(slopes, 0.5), nil
}

// JonckheereTerpstra tests whether values tend to rise over groups given in their expected order
// (Jonckheere 1954; Terpstra 1952). z is the standardised statistic, positive if they rise, p the
// one-sided p-value of "rises" by the normal approximation without continuity correction; tied values
// count one half and the variance is corrected for them (Hollander & Wolfe 1999, formula 6.19). Fewer
// than two groups or an empty group is an error; equal values throughout show no trend (0, 1).
func JonckheereTerpstra(groups [][]float64) (z, p float64, err error) {
	const what = "Jonckheere-Terpstra test"
	if len(groups) < 2 {
		return 0, 0, fmt.Errorf("%s of %d groups: %w: two are needed", what, len(groups), ErrNoData)
	}
	var all, sizes []float64
	for i, g := range groups {
		if len(g) == 0 {
			return 0, 0, fmt.Errorf("%s: %w: group %d is empty", what, ErrNoData, i+1)
		}
		all = append(all, g...)
		sizes = append(sizes, float64(len(g)))
	}
	if err := allFinite(what, all); err != nil {
		return 0, 0, err
	}
	j := 0.0
	for i, g := range groups {
		for _, h := range groups[i+1:] {
			for _, x := range g {
				for _, y := range h {
					j += float64(1+sign(y-x)) / 2
				}
			}
		}
	}
	n, tied := float64(len(all)), ties(all)
	if len(tied) == 1 && tied[0] == n {
		return 0, 1, nil
	}
	// The three sums over group sizes and over ties in the order of the formula.
	a := func(t float64) float64 { return t * (t - 1) * (2*t + 5) }
	b := func(t float64) float64 { return t * (t - 1) * (t - 2) }
	c := func(t float64) float64 { return t * (t - 1) }
	variance := (a(n)-total(sizes, a)-total(tied, a))/72 + total(sizes, c)*total(tied, c)/(8*n*(n-1))
	if n > 2 {
		variance += total(sizes, b) * total(tied, b) / (36 * n * (n - 1) * (n - 2))
	}
	mean := (n*n - total(sizes, func(t float64) float64 { return t * t })) / 4
	z = (j - mean) / math.Sqrt(variance)
	return z, distuv.UnitNormal.Survival(z), nil
}

// ties returns the sizes of the groups of equal values, those of two and more.
func ties(xs []float64) []float64 {
	sorted := slices.Sorted(slices.Values(xs))
	var sizes []float64
	for i := 0; i < len(sorted); {
		j := i
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		if j-i > 1 {
			sizes = append(sizes, float64(j-i))
		}
		i = j
	}
	return sizes
}

func total(xs []float64, f func(float64) float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += f(x)
	}
	return sum
}

func sign(d float64) int {
	switch {
	case d > 0:
		return 1
	case d < 0:
		return -1
	}
	return 0
}
