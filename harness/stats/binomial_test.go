package stats

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"gonum.org/v1/gonum/stat/distuv"
)

// R: binom.test(k, n)$conf.int.
func TestClopperPearsonAgreesWithR(t *testing.T) {
	for _, c := range []struct {
		k, n   int
		lo, hi float64
	}{{0, 10, 0, 0.3084971}, {5, 10, 0.1870860, 0.8129140}, {10, 10, 0.6915029, 1}, {0, 0, 0, 1}} {
		lo, hi := ClopperPearson(c.k, c.n, 0.95)
		assert.InDelta(t, c.lo, lo, 1e-6, "%d of %d", c.k, c.n)
		assert.InDelta(t, c.hi, hi, 1e-6, "%d of %d", c.k, c.n)
	}
	assert.Panics(t, func() { ClopperPearson(3, 2, 0.95) })
	assert.Panics(t, func() { ClopperPearson(1, 2, 95) })
}

// The definition: at each end the tail that holds the observation has probability (1-confidence)/2.
func TestClopperPearsonTails(t *testing.T) {
	for _, n := range []int{1, 7, 100, 5000} {
		for _, k := range []int{1, n / 3, n - 1} {
			if k < 1 || k >= n {
				continue
			}
			lo, hi := ClopperPearson(k, n, 0.9)
			low := distuv.Binomial{N: float64(n), P: lo}
			high := distuv.Binomial{N: float64(n), P: hi}
			assert.InDelta(t, 0.05, 1-low.CDF(float64(k-1)), 1e-6, "%d of %d", k, n)
			assert.InDelta(t, 0.05, high.CDF(float64(k)), 1e-6, "%d of %d", k, n)
		}
	}
}
