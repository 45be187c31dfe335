package stats

import (
	"math/rand/v2"
	"slices"
)

// R2 returns a percentile-bootstrap interval of the R2 of an ordinary least-squares fit, observations
// resampled with replacement. Draws whose predictors do not vary are drawn again; if most do not, the
// error of the fit is returned.
func (b Bootstrap) R2(y []float64, xs [][]float64, confidence float64) (lo, hi float64, err error) {
	if _, err := OLS(y, xs); err != nil {
		return 0, 0, err
	}
	r := rand.New(rand.NewPCG(b.Seed, 0x72320000))
	draws := make([]float64, 0, b.Draws)
	yy := make([]float64, len(y))
	xx := make([][]float64, len(xs))
	for i := range xx {
		xx[i] = make([]float64, len(y))
	}
	var last error
	for tries := 0; len(draws) < b.Draws && tries < 2*b.Draws; tries++ {
		for i := range yy {
			k := r.IntN(len(y))
			yy[i] = y[k]
			for j := range xs {
				xx[j][i] = xs[j][k]
			}
		}
		fit, err := OLS(yy, xx)
		if err != nil {
			last = err
			continue
		}
		draws = append(draws, fit.R2)
	}
	if len(draws) < b.Draws {
		return 0, 0, last
	}
	slices.Sort(draws)
	tail := (1 - confidence) / 2
	return Quantile(draws, tail), Quantile(draws, 1-tail), nil
}
