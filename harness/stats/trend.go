package stats

import (
	"fmt"
	"slices"
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
