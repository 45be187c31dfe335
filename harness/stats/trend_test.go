package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// permute calls f with every order of xs.
func permute(xs []float64, f func([]float64)) {
	var rec func(k int)
	rec = func(k int) {
		if k == len(xs) {
			f(xs)
			return
		}
		for i := k; i < len(xs); i++ {
			xs[k], xs[i] = xs[i], xs[k]
			rec(k + 1)
			xs[k], xs[i] = xs[i], xs[k]
		}
	}
	rec(0)
}

// Hollander & Wolfe 1999, example 9.1 (cloud seeding, double ratios of five years): the median of the
// ten slopes is -0.05625.
func TestTheilSen(t *testing.T) {
	slope, err := TheilSen([]float64{1, 2, 3, 4, 5}, []float64{1.26, 1.27, 1.12, 1.16, 1.03})
	require.NoError(t, err)
	assert.InDelta(t, -0.05625, slope, 1e-12)
	slope, err = TheilSen([]float64{0, 0, 10, 20}, []float64{1, 100, 21, 41})
	require.NoError(t, err)
	assert.InDelta(t, 2, slope, 1e-12, "equal times give no slope; a wild point does not decide")
	_, err = TheilSen([]float64{1, 1}, []float64{1, 2})
	assert.ErrorIs(t, err, ErrNoData)
	_, err = TheilSen([]float64{1}, []float64{1, 2})
	assert.Error(t, err)
}

// A line added to the values is added to the slope; units scale it, a negative one too; order and outliers do not matter.
func TestTheilSenLaws(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		n := 5 + rng.IntN(20)
		ts, xs, moved, back, backTimes := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range ts {
			ts[i], xs[i] = math.Floor(100*rng.Float64()), rng.NormFloat64()
			moved[i] = 3 - 2*xs[i] - 0.7*ts[i]
			backTimes[n-1-i], back[n-1-i] = ts[i], xs[i]
		}
		slope, err := TheilSen(ts, xs)
		require.NoError(t, err)
		got, err := TheilSen(ts, moved)
		require.NoError(t, err)
		require.InDelta(t, -2*slope-0.7, got, 1e-9)
		got, err = TheilSen(backTimes, back)
		require.NoError(t, err)
		require.InDelta(t, slope, got, 1e-12)
	}
	// Up to 29 % of wild points leave the slope finite (Sen 1968): 5 of 20 here.
	ts, xs := ascending(20), ascending(20)
	for _, i := range []int{2, 7, 11, 15, 19} {
		xs[i] = 1e9
	}
	slope, err := TheilSen(ts, xs)
	require.NoError(t, err)
	assert.InDelta(t, 1, slope, 1e-9)
}

// How often the test calls noise a trend at 0.05. A continuity correction keeps seasonal Kendall's near it.
func TestTrendLevels(t *testing.T) {
	const runs = 10000
	noise := func(rng *rand.Rand, n int) []float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = rng.NormFloat64()
		}
		return xs
	}
	for name, c := range map[string]struct {
		p      func(*rand.Rand) (float64, error)
		lo, hi float64
	}{
		"seasonal, three of ten": {func(rng *rand.Rand) (float64, error) {
			return SeasonalKendall([][]float64{noise(rng, 10), noise(rng, 10), noise(rng, 10)}, 0)
		}, 0.038, 0.055},
	} {
		rng := rand.New(rand.NewPCG(2, 1))
		called := 0
		for range runs {
			p, err := c.p(rng)
			require.NoError(t, err)
			if p <= 0.05 {
				called++
			}
		}
		got := float64(called) / runs
		t.Logf("%s: %.4f", name, got)
		assert.GreaterOrEqual(t, got, c.lo, name)
		assert.LessOrEqual(t, got, c.hi, name)
	}
}
