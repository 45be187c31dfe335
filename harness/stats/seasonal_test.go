package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
)

// One series is Mann-Kendall's normal approximation. J. Little, "A Mann-Kendall example (by hand)", College of the
// Holy Cross: one tied pair, S = 54, variance 14*13*33/18 - 1, Z = 2.9058.
func TestSeasonalKendallOfOneSeries(t *testing.T) {
	xs := []float64{12.9, 14.8, 13.2, 15.7, 13.8, 15.6, 12.9, 11.0, 17.3, 15.9, 19.0, 18.3, 20.1, 21.7}
	p, err := SeasonalKendall([][]float64{xs}, 0)
	require.NoError(t, err)
	assert.InDelta(t, 2.9058, distuv.UnitNormal.Quantile(1-p/2), 5e-5)
}

// Over all orders of a tied sample, S has exactly the variance that the p-value uses.
func TestSeasonalKendallVarianceUnderTies(t *testing.T) {
	var sum, n, sd float64
	permute([]float64{1, 1, 2, 3, 3, 3, 4}, func(xs []float64) {
		s := 0
		for i, x := range xs {
			for _, later := range xs[i+1:] {
				s += sign(later - x)
			}
		}
		p, err := SeasonalKendall([][]float64{xs}, 0)
		require.NoError(t, err)
		sum += float64(s * s)
		n++
		if s > 5 {
			sd = float64(s-1) / distuv.UnitNormal.Quantile(1-p/2)
		}
	})
	assert.InDelta(t, math.Sqrt(sum/n), sd, 1e-6)
}

// Several weak trends of one direction add up to a strong one, and opposite ones cancel.
func TestSeasonalKendall(t *testing.T) {
	rising, falling := []float64{1, 3, 2, 4, 3.5, 5}, []float64{5, 3.5, 4, 2, 3, 1}
	one, err := SeasonalKendall([][]float64{rising}, 0)
	require.NoError(t, err)
	three, err := SeasonalKendall([][]float64{rising, rising, rising}, 0)
	require.NoError(t, err)
	assert.Less(t, three, one/5)
	none, err := SeasonalKendall([][]float64{rising, falling}, 0)
	require.NoError(t, err)
	assert.Equal(t, 1.0, none)
	flat, err := SeasonalKendall([][]float64{{2, 2, 2, 2}}, 0)
	require.NoError(t, err)
	assert.Equal(t, 1.0, flat)
	_, err = SeasonalKendall([][]float64{{1, 2, 3}}, 0)
	require.ErrorIs(t, err, ErrNoData)
	_, err = SeasonalKendall([][]float64{{1, 2, 3, math.NaN()}}, 0)
	require.Error(t, err)
}

// Each lag's part of the formula, by hand for four values: 1 + 2 (3*2*1 r1)/(4*3*2).
func TestKendallInflation(t *testing.T) {
	r1 := 6 / math.Pi * math.Asin(0.25)
	assert.InDelta(t, 1+2*6*r1/24, kendallInflation(4, 0.5), 1e-12)
	assert.Equal(t, 1.0, kendallInflation(10, 0))
	assert.Equal(t, 1.0, kendallInflation(10, -0.4), "a test must not gain from what alternates")
	assert.Less(t, kendallInflation(10, 0.3), kendallInflation(10, 0.6))
	assert.Equal(t, kendallInflation(10, 0.95), kendallInflation(10, 3))
}

// autoregressive is a stationary series in which a value correlates with the next one by rho.
func autoregressive(rng *rand.Rand, n int, rho float64) []float64 {
	out := make([]float64, n)
	x := rng.NormFloat64() / math.Sqrt(1-rho*rho)
	for i := range out {
		x = rho*x + rng.NormFloat64()
		out[i] = x
	}
	return out
}

// Steady sets of three series of ten values, as a cell has: how often the test at 0.01 finds a trend in
// them, with the correlation estimated and without it, and the mean estimate.
func TestAutocorrelationKeepsSteadySeriesSteady(t *testing.T) {
	const runs = 4000
	for rho, want := range map[float64]struct{ plain, corrected, low, high float64 }{
		0:   {0.02, 0.01, -0.05, 0.05},
		0.3: {0.05, 0.025, 0.2, 0.35},
		0.5: {0.09, 0.035, 0.35, 0.55},
	} {
		rng := rand.New(rand.NewPCG(7, 1))
		plain, corrected, mean := 0, 0, 0.0
		for range runs {
			set := [][]float64{autoregressive(rng, 10, rho), autoregressive(rng, 10, rho), autoregressive(rng, 10, rho)}
			estimate := Autocorrelation(set)
			mean += estimate / runs
			p, err := SeasonalKendall(set, 0)
			require.NoError(t, err)
			q, err := SeasonalKendall(set, estimate)
			require.NoError(t, err)
			require.GreaterOrEqual(t, q, p)
			if p < 0.01 {
				plain++
			}
			if q < 0.01 {
				corrected++
			}
		}
		t.Logf("rho %.1f: estimate %.3f; found at 0.01: %.4f, corrected %.4f", rho, mean, float64(plain)/runs, float64(corrected)/runs)
		assert.LessOrEqual(t, float64(plain)/runs, want.plain, "rho %v", rho)
		assert.LessOrEqual(t, float64(corrected)/runs, want.corrected, "rho %v", rho)
		assert.GreaterOrEqual(t, mean, want.low, "rho %v", rho)
		assert.LessOrEqual(t, mean, want.high, "rho %v", rho)
		if rho == 0.5 {
			assert.Greater(t, float64(plain), 1.5*float64(corrected), "the correction must do something")
		}
	}
}

// A trend over the whole series is found all the same, less often where the noise wanders: that it could be
// noise is then no longer excluded.
func TestAutocorrelationLeavesTrends(t *testing.T) {
	for rho, least := range map[float64]int{0: 475, 0.5: 340} {
		rng := rand.New(rand.NewPCG(8, 1))
		found := 0
		for range 500 {
			var set [][]float64
			for range 3 {
				xs := autoregressive(rng, 10, rho)
				for i := range xs {
					xs[i] += 0.6 * float64(i) // six standard deviations of what is new in a value, over the series
				}
				set = append(set, xs)
			}
			p, err := SeasonalKendall(set, Autocorrelation(set))
			require.NoError(t, err)
			if p < 0.01/16 {
				found++
			}
		}
		t.Logf("rho %.1f: %d of 500", rho, found)
		assert.Greater(t, found, least, "rho %v", rho)
	}
}

func TestAutocorrelationOfLittle(t *testing.T) {
	assert.Zero(t, Autocorrelation(nil))
	assert.Zero(t, Autocorrelation([][]float64{{1, 2, 3, 4, 5}}))
	assert.Zero(t, Autocorrelation([][]float64{{1, 2, 3, 4, 5, 6}}), "a line leaves nothing")
}
