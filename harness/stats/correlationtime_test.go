package stats

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// chains are series that keep their state with the probability keep and else draw it anew, true with the
// given share: the autocorrelation at lag k is keep^k.
func chains(rng *rand.Rand, series, n int, share, keep float64) [][]bool {
	out := make([][]bool, series)
	for r := range out {
		out[r] = make([]bool, n)
		state := rng.Float64() < share
		for i := range out[r] {
			if rng.Float64() >= keep {
				state = rng.Float64() < share
			}
			out[r][i] = state
		}
	}
	return out
}

// The sum 1 + 2 sum keep^k is (1+keep)/(1-keep).
func TestCorrelationTimeOfChains(t *testing.T) {
	for _, share := range []float64{0.5, 0.9, 0.05} {
		for _, keep := range []float64{0, 0.5, 0.9} {
			got := correlationTime(chains(rand.New(rand.NewPCG(1, 1)), 4, 20000, share, keep))
			assert.InEpsilon(t, (1+keep)/(1-keep), got, 0.12, "share %g, keep %g", share, keep)
		}
	}
}

// The sparse sums are those of the definition, whichever value is the rarer one.
func TestIndicatorProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for range 50 {
		s := chains(rng, 1, 1+rng.IntN(30), rng.Float64(), 0.5)[0]
		mean := rng.Float64()
		for lag := range len(s) + 2 {
			want, inverse := 0.0, 0.0
			v := func(i int) float64 {
				if s[i] {
					return 1 - mean
				}
				return -mean
			}
			for i := 0; i+lag < len(s); i++ {
				want += v(i) * v(i+lag)
			}
			inverse = newIndicator(s, false).products(lag, 1-mean)
			assert.InDelta(t, want, newIndicator(s, true).products(lag, mean), 1e-9)
			assert.InDelta(t, want, inverse, 1e-9)
		}
	}
}

func TestCorrelationTimeEdges(t *testing.T) {
	assert.Equal(t, 1.0, correlationTime(nil))
	assert.Equal(t, 1.0, correlationTime([][]bool{{true, true, true}}), "what never changes")
	assert.Equal(t, 1.0, correlationTime([][]bool{{true, false, true, false, true, false}}), "what alternates")
	// A level that differs between repetitions counts as correlation.
	rng := rand.New(rand.NewPCG(3, 1))
	low, high := chains(rng, 1, 400, 0.1, 0)[0], chains(rng, 1, 400, 0.5, 0)[0]
	assert.Less(t, correlationTime([][]bool{low}), 2.0)
	assert.Greater(t, correlationTime([][]bool{low, high}), 5.0)
}
