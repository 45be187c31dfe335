package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func ascending(n int) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = float64(i + 1)
	}
	return xs
}

// LoadGen's own floors: 662 queries for p99, 64 for p90 at 99 %; there the bound is the maximum.
func TestEarlyStoppingFloors(t *testing.T) {
	for _, c := range []struct {
		p     float64
		floor int
	}{{0.99, 662}, {0.90, 64}} {
		_, ok := EarlyStopping(ascending(c.floor-1), c.p, 0.99)
		assert.False(t, ok, "p=%g n=%d", c.p, c.floor-1)
		bound, ok := EarlyStopping(ascending(c.floor), c.p, 0.99)
		require.True(t, ok, "p=%g n=%d", c.p, c.floor)
		assert.Equal(t, float64(c.floor), bound)
	}
	_, ok := EarlyStopping(nil, 0.99, 0.99)
	assert.False(t, ok)
	assert.Panics(t, func() { EarlyStopping([]float64{2, 1}, 0.9, 0.99) })
}

// The bound is one order statistic above the least valid one, or equal to it where both are the maximum.
func TestEarlyStoppingIsAboveTheOrderStatisticBound(t *testing.T) {
	for _, n := range []int{662, 1000, 1001, 2500, 24576} {
		bound, ok := EarlyStopping(ascending(n), 0.99, 0.99)
		require.True(t, ok)
		tight, err := EstimatePercentile(counting(n), 0.99, 0.99)
		require.NoError(t, err)
		require.NotNil(t, tight.Hi)
		assert.Equal(t, *tight.Hi+1, bound, "n=%d", n)
	}
}

// One order statistic more is discarded at each of Wilks' sample sizes after the first.
func TestEarlyStoppingAgreesWithWilks(t *testing.T) {
	for p, sizes := range wilks {
		for i, n := range sizes[1:] {
			bound, ok := EarlyStopping(ascending(n), p, p)
			require.True(t, ok)
			assert.Equal(t, float64(n-i), bound, "p=%g n=%d", p, n)
			if i > 0 {
				bound, _ = EarlyStopping(ascending(n-1), p, p)
				assert.Equal(t, float64(n-i), bound, "p=%g n=%d", p, n-1)
			}
		}
	}
}

// The bound lies below the true percentile in fewer runs than the confidence allows, 1 % here.
func TestEarlyStoppingHolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	const runs = 10000
	truth := -math.Log(0.1)
	below := 0
	for range runs {
		xs := make([]float64, 100)
		for i := range xs {
			xs[i] = rng.ExpFloat64()
		}
		slices.Sort(xs)
		bound, ok := EarlyStopping(xs, 0.9, 0.99)
		require.True(t, ok)
		if bound < truth {
			below++
		}
	}
	t.Logf("%.4f", float64(below)/runs)
	assert.Less(t, float64(below)/runs, 0.01)
	assert.Positive(t, below)
}
