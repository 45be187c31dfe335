package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
)

// Panel scores of nine lots of tuna in order of lightness (Hollander & Wolfe 1973, pp. 185-194; the
// example of R's cor.test): tau 0.4444, exact two-sided p 0.1194.
func TestMannKendallExact(t *testing.T) {
	tau, p, err := MannKendall([]float64{2.5, 4.0, 2.6, 3.6, 2.8, 3.1, 5.2, 5.0, 3.8})
	require.NoError(t, err)
	assert.InDelta(t, 0.4444444, tau, 1e-7)
	assert.InDelta(t, 0.1194, p, 5e-5)
}

// J. Little, "A Mann-Kendall example (by hand)", College of the Holy Cross: one tied pair, S = 54,
// variance 14*13*33/18 - 1, Z = 2.9058.
func TestMannKendallWithTies(t *testing.T) {
	xs := []float64{12.9, 14.8, 13.2, 15.7, 13.8, 15.6, 12.9, 11.0, 17.3, 15.9, 19.0, 18.3, 20.1, 21.7}
	tau, p, err := MannKendall(xs)
	require.NoError(t, err)
	assert.InDelta(t, 54/math.Sqrt(91*90), tau, 1e-12)
	assert.InDelta(t, 2.9058, distuv.UnitNormal.Quantile(1-p/2), 5e-5)
}

func TestMannKendallEdges(t *testing.T) {
	tau, p, err := MannKendall([]float64{5, 5, 5, 5, 5})
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 1}, []float64{tau, p}, "a constant series has no trend")
	tau, p, err = MannKendall([]float64{4, 3, 2, 1})
	require.NoError(t, err)
	assert.Equal(t, -1.0, tau)
	assert.InDelta(t, 2.0/24, p, 1e-12)
	_, _, err = MannKendall([]float64{1, 2, 3})
	assert.ErrorIs(t, err, ErrNoData)
	_, _, err = MannKendall([]float64{1, 2, 3, math.NaN()})
	assert.Error(t, err)
}

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

// Counted over all orders, the exact p of an order is the share of orders at least as extreme.
func TestExactKendallCountsOrders(t *testing.T) {
	var taus, ps []float64
	permute([]float64{1, 2, 3, 4, 5, 6}, func(xs []float64) {
		tau, p, err := MannKendall(xs)
		require.NoError(t, err)
		taus, ps = append(taus, tau), append(ps, p)
	})
	for i := range taus {
		extreme := 0
		for _, tau := range taus {
			if math.Abs(tau) >= math.Abs(taus[i])-1e-12 {
				extreme++
			}
		}
		require.InDelta(t, float64(extreme)/720, ps[i], 1e-12)
	}
}

// Over all orders of a tied sample, S has exactly the variance that the p-value uses.
func TestMannKendallVarianceUnderTies(t *testing.T) {
	var sum, n, sd float64
	untied := math.Sqrt(21 * (21 - 1 - 3)) // 7 values: a pair and a triple
	permute([]float64{1, 1, 2, 3, 3, 3, 4}, func(xs []float64) {
		tau, p, err := MannKendall(xs)
		require.NoError(t, err)
		s := tau * untied
		sum += s * s
		n++
		if math.Abs(s) > 5 {
			sd = (math.Abs(s) - 1) / distuv.UnitNormal.Quantile(1-p/2)
		}
	})
	assert.InDelta(t, math.Sqrt(sum/n), sd, 1e-6)
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

// Hollander & Wolfe 1999, example 6.2 (motivational effect of knowledge of performance; the data of R's
// NSM3::pJCK): J = 22 + 30.5 + 26.5 = 79, mean 54. The variance corrected for ties, by formula 6.19, is
// 150.29, hence J* = 2.04.
func TestJonckheereTerpstra(t *testing.T) {
	none := []float64{40, 35, 38, 43, 44, 41}
	rough := []float64{38, 40, 47, 44, 40, 42}
	accurate := []float64{48, 40, 45, 43, 46, 44}
	z, p, err := JonckheereTerpstra([][]float64{none, rough, accurate})
	require.NoError(t, err)
	assert.InDelta(t, (79-54)/math.Sqrt(150.29), z, 1e-4)
	assert.InDelta(t, distuv.UnitNormal.Survival(z), p, 1e-15)
	assert.Less(t, p, 0.025)
	back, pBack, err := JonckheereTerpstra([][]float64{accurate, rough, none})
	require.NoError(t, err)
	assert.InDelta(t, -z, back, 1e-12)
	assert.InDelta(t, 1, p+pBack, 1e-12)
}

// Over all assignments of a tied sample to unequal groups, z has mean 0 and variance exactly 1.
func TestJonckheereTerpstraMomentsUnderTies(t *testing.T) {
	var sum, squares, n float64
	permute([]float64{1, 1, 2, 3, 3, 3, 4, 5}, func(xs []float64) {
		z, _, err := JonckheereTerpstra([][]float64{xs[:3], xs[3:4], xs[4:]})
		require.NoError(t, err)
		sum += z
		squares += z * z
		n++
	})
	assert.InDelta(t, 0, sum/n, 1e-9)
	assert.InDelta(t, 1, squares/n, 1e-9)
}

func TestJonckheereTerpstraEdges(t *testing.T) {
	z, p, err := JonckheereTerpstra([][]float64{{2, 2}, {2}})
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 1}, []float64{z, p})
	z, _, err = JonckheereTerpstra([][]float64{{1}, {2}})
	require.NoError(t, err)
	assert.InDelta(t, 1, z, 1e-12)
	for name, groups := range map[string][][]float64{
		"one group": {{1, 2}}, "empty group": {{1}, {}}, "NaN": {{1}, {math.NaN()}},
	} {
		_, _, err := JonckheereTerpstra(groups)
		assert.Error(t, err, name)
	}
}

// The upper tails of S in Kendall's table (Kendall 1975; Gilbert 1987, table A18).
func TestExactKendallAgreesWithTheTable(t *testing.T) {
	for n, tails := range map[int]map[int]float64{
		4:  {2: 0.375, 4: 0.167, 6: 0.042},
		5:  {2: 0.408, 4: 0.242, 6: 0.117, 8: 0.042, 10: 0.0083},
		8:  {2: 0.452, 4: 0.360, 6: 0.274, 8: 0.199, 10: 0.138, 12: 0.089, 14: 0.054, 16: 0.031, 18: 0.016, 20: 0.0071, 22: 0.0028},
		9:  {2: 0.460, 4: 0.381, 6: 0.306, 8: 0.238, 10: 0.179, 12: 0.130, 14: 0.090, 16: 0.060, 18: 0.038, 20: 0.022, 22: 0.012},
		10: {1: 0.500, 3: 0.431, 5: 0.364, 7: 0.300, 9: 0.242, 11: 0.190, 13: 0.146, 15: 0.108, 17: 0.078, 19: 0.054, 21: 0.036, 23: 0.023, 25: 0.014, 27: 0.0083},
	} {
		for s, tail := range tails {
			half := 5e-4
			if tail < 0.01 {
				half = 5e-5
			}
			assert.InDelta(t, tail, exactKendall(n, s)/2, half*1.001, "n %d, S %d", n, s)
		}
	}
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

// How often each test calls noise a trend at 0.05. Exact p-values and a continuity correction keep below it;
// Jonckheere-Terpstra's approximation, without one, exceeds it a little where groups are tiny: over all 1680
// assignments of nine values to three groups 0.061 have p <= 0.05.
func TestTrendLevels(t *testing.T) {
	const runs = 10000
	noise := func(rng *rand.Rand, n int) []float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = rng.NormFloat64()
		}
		return xs
	}
	jonckheere := func(size, groups int) func(*rand.Rand) (float64, error) {
		return func(rng *rand.Rand) (float64, error) {
			all := make([][]float64, groups)
			for i := range all {
				all[i] = noise(rng, size)
			}
			_, p, err := JonckheereTerpstra(all)
			return p, err
		}
	}
	mann := func(n int) func(*rand.Rand) (float64, error) {
		return func(rng *rand.Rand) (float64, error) {
			_, p, err := MannKendall(noise(rng, n))
			return p, err
		}
	}
	for name, c := range map[string]struct {
		p      func(*rand.Rand) (float64, error)
		lo, hi float64
	}{
		"Mann-Kendall, 8, exact": {mann(8), 0.025, 0.05},
		"Mann-Kendall, 30":       {mann(30), 0.04, 0.055},
		"seasonal, three of ten": {func(rng *rand.Rand) (float64, error) {
			return SeasonalKendall([][]float64{noise(rng, 10), noise(rng, 10), noise(rng, 10)}, 0)
		}, 0.038, 0.055},
		"Jonckheere-Terpstra, 3 x 3": {jonckheere(3, 3), 0.055, 0.067},
		"Jonckheere-Terpstra, 4 x 3": {jonckheere(3, 4), 0.045, 0.058},
		"Jonckheere-Terpstra, 5 x 5": {jonckheere(5, 5), 0.044, 0.056},
		"Jonckheere-Terpstra, 2 x 5": {jonckheere(5, 2), 0.042, 0.054},
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
