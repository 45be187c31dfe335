package stats

import (
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
