package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// scatterPoints are how many quantiles stand for the distribution of a standard deviation.
const scatterPoints = 50

// Detectable is the smallest effect beyond a threshold that blocks which scatter like these would show with the given
// power: the mean at which a one-sided t-test at alpha exceeds the threshold in that share of all runs, on the scale
// threshold + direction ncp SE, back from it. ncp is the non-centrality at which Student's t of N-1 degrees of freedom has the
// power (Cohen 1988, Statistical Power Analysis, ch. 2): the root of E[Phi(ncp - t_alpha S)] = power, S^2 being chi-square
// over its degrees of freedom. direction is 1 for effects above the threshold and -1 for those below. Infinite with a single
// block.
func (b Blocks) Detectable(threshold, direction, alpha, power float64) float64 {
	if b.N() < 2 {
		return direction * math.Inf(1)
	}
	_, se := b.meanAndError()
	nu := float64(b.N() - 1)
	critical := b.student().Quantile(1 - alpha)
	scatter := make([]float64, scatterPoints)
	for i := range scatter {
		scatter[i] = critical * math.Sqrt(distuv.ChiSquared{K: nu}.Quantile((float64(i)+0.5)/scatterPoints)/nu)
	}
	seen := func(ncp float64) float64 {
		sum := 0.0
		for _, s := range scatter {
			sum += distuv.UnitNormal.CDF(ncp - s)
		}
		return sum / scatterPoints
	}
	lo, hi := 0.0, 10.0
	for seen(hi) < power {
		lo, hi = hi, 2*hi
	}
	for range 40 {
		if mid := (lo + hi) / 2; seen(mid) < power {
			lo = mid
		} else {
			hi = mid
		}
	}
	return b.scale.from(b.scale.to(threshold) + direction*hi*se)
}
