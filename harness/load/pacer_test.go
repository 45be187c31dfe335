package load

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestConstantPacerDoesNotDrift(t *testing.T) {
	for _, rps := range []float64{0.1, 1. / 3, 1, 3, 7, 12, 1000, 30_000, MaxRPS} {
		var at time.Duration
		for n := 1; n <= 3000; n++ {
			at = Constant{rps}.Next(nil, at)
			require.Zero(t, at%time.Microsecond)
			require.InDelta(t, float64(n)/rps, at.Seconds(), 0.5001e-6, "send %d at %v requests a second", n, rps)
		}
	}
}

func TestPoissonPacerHasExponentialGaps(t *testing.T) {
	const n, rps = 200_000, 12.0
	rng := generator(3)
	var at, sum time.Duration
	var square float64
	for range n {
		next := Poisson{rps}.Next(rng, at)
		require.GreaterOrEqual(t, next, at)
		require.Zero(t, next%time.Microsecond)
		sum += next - at
		square += math.Pow((next - at).Seconds(), 2)
		at = next
	}
	mean := sum.Seconds() / n
	assert.InEpsilon(t, 1/rps, mean, 0.01)
	assert.InEpsilon(t, 1, math.Sqrt(square/n-mean*mean)/mean, 0.02, "coefficient of variation")
}

func TestMicrosIsBounded(t *testing.T) {
	assert.Equal(t, 1500*time.Microsecond, micros(0.0015))
	assert.Equal(t, 2*time.Microsecond, micros(1.6e-6))
	assert.Positive(t, micros(1e300)+micros(1e300))
	assert.Equal(t, time.Microsecond, ceilMicro(1))
	assert.Equal(t, time.Microsecond, ceilMicro(time.Microsecond))
	assert.Equal(t, time.Duration(0), ceilMicro(0))
}

func TestOpenLoopRefusesRates(t *testing.T) {
	for _, rps := range []float64{0, -1, math.NaN(), math.Inf(1), MaxRPS + 1} {
		assert.Error(t, Open{Constant{rps}}.check(), "%v", rps)
		assert.Error(t, Open{Poisson{rps}}.check(), "%v", rps)
	}
	assert.Error(t, Open{}.check())
	assert.NoError(t, Open{Poisson{2}}.check())
}
