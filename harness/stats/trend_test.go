package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat/distuv"
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

// How often each test calls noise a trend at 0.05. A continuity correction keeps seasonal Kendall's near it;
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
	for name, c := range map[string]struct {
		p      func(*rand.Rand) (float64, error)
		lo, hi float64
	}{
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
