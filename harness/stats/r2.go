package stats

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// R2 returns a percentile-bootstrap interval of the R2 of an ordinary least-squares fit. Whole clusters
// of observations are drawn with replacement, because the repetitions of one level are not independent
// of each other; cluster names the cluster of each observation. Draws whose predictors do not vary are
// drawn again; if most do not, the error of the fit is returned.
func (b Bootstrap) R2(y []float64, xs [][]float64, cluster []string, confidence float64) (lo, hi float64, err error) {
	if len(cluster) != len(y) {
		return 0, 0, fmt.Errorf("R2 of %d observations with %d clusters", len(y), len(cluster))
	}
	if b.Draws < 1 || !(confidence > 0 && confidence < 1) {
		return 0, 0, fmt.Errorf("R2 with %d draws at confidence %g", b.Draws, confidence)
	}
	if _, err := OLS(y, xs); err != nil {
		return 0, 0, err
	}
	members := map[string][]int{}
	var names []string
	for i, c := range cluster {
		if members[c] == nil {
			names = append(names, c)
		}
		members[c] = append(members[c], i)
	}
	r := rand.New(rand.NewPCG(b.Seed, 0x72320000))
	draws := make([]float64, 0, b.Draws)
	var last error
	for tries := 0; len(draws) < b.Draws && tries < 2*b.Draws; tries++ {
		var yy []float64
		xx := make([][]float64, len(xs))
		for range names {
			for _, k := range members[names[r.IntN(len(names))]] {
				yy = append(yy, y[k])
				for j := range xs {
					xx[j] = append(xx[j], xs[j][k])
				}
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
