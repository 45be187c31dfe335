package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// Runs whose true mean lies where Detectable says are seen in about the share that was asked for.
func TestDetectableIsSeenWithThePower(t *testing.T) {
	const alpha, power, sd, runs = 0.025, 0.8, 0.1, 4000
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{3, 5, 10} {
		draw := func(mean float64) Blocks {
			values := make([]float64, n)
			for i := range values {
				values[i] = math.Exp(math.Log(mean) + sd*r.NormFloat64())
			}
			b, err := NewBlocks(values, Log)
			require.NoError(t, err)
			return b
		}
		even := make([]float64, n) // values whose standard deviation is sd
		_, is := stat.MeanStdDev(floats.Span(even, 0, 1), nil)
		for i := range even {
			even[i] = math.Exp(even[i] * sd / is)
		}
		b, err := NewBlocks(even, Log)
		require.NoError(t, err)
		least := b.Detectable(1.2, 1, alpha, power)
		seen := 0
		for range runs {
			if draw(least).PAbove(1.2) <= alpha {
				seen++
			}
		}
		assert.InDelta(t, power, float64(seen)/runs, 0.03, "%d blocks", n)
	}
	b, err := NewBlocks([]float64{1, 1.1, 1.2}, Linear)
	require.NoError(t, err)
	assert.Less(t, b.Detectable(1, -1, alpha, power), 1.0)
	assert.InDelta(t, 2, b.Detectable(1, -1, alpha, power)+b.Detectable(1, 1, alpha, power), 1e-12)
	one, err := NewBlocks([]float64{1}, Linear)
	require.NoError(t, err)
	assert.True(t, math.IsInf(one.Detectable(1, 1, alpha, power), 1))
}
