package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// R: quantile(1:10, c(0, .25, .5, .9, 1)), type 7.
func TestQuantileAgreesWithR(t *testing.T) {
	oneToTen := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for p, want := range map[float64]float64{0: 1, 0.25: 3.25, 0.5: 5.5, 0.9: 9.1, 1: 10} {
		assert.InDelta(t, want, Quantile(oneToTen, p), 1e-12, "p=%g", p)
	}
	assert.Equal(t, 7.0, Quantile([]float64{7}, 0.99))
	for _, p := range []float64{-0.1, 1.1, math.NaN()} {
		assert.Panics(t, func() { Quantile(oneToTen, p) }, "p=%g", p)
	}
	assert.Panics(t, func() { Quantile(nil, 0.5) })
}

func counting(n int) []Obs {
	obs := make([]Obs, n)
	for i := range obs {
		obs[i].V = float64(n - i) // descending: order must not matter
	}
	return obs
}

// The ranks 40 and 61 of the median of 100 are in every table of the sign test interval
// (Conover 1999, Practical Nonparametric Statistics, table A3).
func TestEstimatePercentileRanks(t *testing.T) {
	got, err := EstimatePercentile(counting(100), 0.5, 0.975)
	require.NoError(t, err)
	require.NotNil(t, got.Lo)
	require.NotNil(t, got.Hi)
	assert.Equal(t, 40.0, *got.Lo)
	assert.Equal(t, 61.0, *got.Hi)
	assert.Equal(t, 50.5, got.Value)
	assert.Equal(t, 100, got.N)
	assert.False(t, got.AtLeast)
}

func TestUpperBoundIsOpenInFewSamples(t *testing.T) {
	short, err := EstimatePercentile(counting(298), 0.99, 0.95)
	require.NoError(t, err)
	assert.Nil(t, short.Hi)
	assert.NotNil(t, short.Lo)
	enough, err := EstimatePercentile(counting(299), 0.99, 0.95)
	require.NoError(t, err)
	require.NotNil(t, enough.Hi)
	assert.Equal(t, 299.0, *enough.Hi)
	tiny, err := EstimatePercentile(counting(1), 0.01, 0.95)
	require.NoError(t, err)
	assert.Nil(t, tiny.Lo)

	// 59 is Wilks' 95/95 sample size, 459 his 99/99 one.
	for _, c := range []struct {
		p, confidence float64
		n             int
	}{{0.99, 0.95, 299}, {0.95, 0.95, 59}, {0.99, 0.99, 459}, {0.9, 0.95, 29}, {0.5, 0.95, 5}, {0.999, 0.9, 2302}} {
		at, err := EstimatePercentile(counting(c.n), c.p, c.confidence)
		require.NoError(t, err)
		assert.NotNil(t, at.Hi, "%+v", c)
		below, err := EstimatePercentile(counting(c.n-1), c.p, c.confidence)
		require.NoError(t, err)
		assert.Nil(t, below.Hi, "%+v", c)
	}
}

// Whatever the censored observations would have become, the value can only rise and the bounds hold.
func TestCensoredBoundsHoldForEveryCompletion(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 2000 {
		n := 1 + rng.IntN(60)
		obs, full := make([]Obs, n), make([]Obs, n)
		for i := range obs {
			obs[i] = Obs{V: math.Floor(20 * rng.Float64()), Censored: rng.Float64() < 0.08}
			full[i].V = obs[i].V
			if obs[i].Censored {
				full[i].V += math.Floor(30 * rng.Float64())
			}
		}
		p := []float64{0.5, 0.9, 0.95}[rng.IntN(3)]
		got, err := EstimatePercentile(obs, p, 0.9)
		require.NoError(t, err)
		want, err := EstimatePercentile(full, p, 0.9)
		require.NoError(t, err)
		require.LessOrEqual(t, got.Value, want.Value)
		if !got.AtLeast {
			seen["exact"]++
			require.Equal(t, want.Value, got.Value, "obs %v full %v p=%g", obs, full, p)
		}
		if got.Lo != nil {
			require.LessOrEqual(t, *got.Lo, *want.Lo)
		}
		if got.Hi != nil {
			seen["bounded"]++
			require.GreaterOrEqual(t, *got.Hi, *want.Hi)
		}
	}
	assert.Greater(t, seen["exact"], 200)
	assert.Greater(t, seen["bounded"], 200)
}

func TestCensoredTail(t *testing.T) {
	obs := counting(1000)
	for i := range 30 { // the 30 largest
		obs[i].Censored = true
	}
	got, err := EstimatePercentile(obs, 0.99, 0.95)
	require.NoError(t, err)
	assert.True(t, got.AtLeast)
	assert.Nil(t, got.Hi)
	assert.Equal(t, 30, got.NCensored)
	p50, err := EstimatePercentile(obs, 0.5, 0.95)
	require.NoError(t, err)
	assert.False(t, p50.AtLeast)
	require.NotNil(t, p50.Hi)
}

// A censored observation that ties with the deciding one ranks above it and cannot move it.
func TestTiedCensoredObservationDoesNotDecide(t *testing.T) {
	obs := []Obs{{V: 2, Censored: true}, {V: 2}, {V: 1}}
	median, err := EstimatePercentile(obs, 0.5, 0.9)
	require.NoError(t, err)
	assert.False(t, median.AtLeast)
	upper, err := EstimatePercentile(obs, 0.75, 0.9)
	require.NoError(t, err)
	assert.True(t, upper.AtLeast)
}

// Each bound separately covers at its confidence, both together at 2*confidence-1.
func TestPercentileCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const runs, n, p, confidence = 3000, 500, 0.95, 0.95
	truth := -math.Log(1 - p)
	var low, high, both int
	for range runs {
		obs := make([]Obs, n)
		for i := range obs {
			obs[i].V = rng.ExpFloat64()
		}
		got, err := EstimatePercentile(obs, p, confidence)
		require.NoError(t, err)
		l, h := *got.Lo <= truth, *got.Hi >= truth
		if l {
			low++
		}
		if h {
			high++
		}
		if l && h {
			both++
		}
	}
	assert.InDelta(t, 0.96, float64(low)/runs, 0.015)
	assert.InDelta(t, 0.96, float64(high)/runs, 0.015)
	assert.InDelta(t, 0.92, float64(both)/runs, 0.02)
}

func TestEstimatePercentileRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		obs           []Obs
		p, confidence float64
	}{
		"none":            {nil, 0.5, 0.95},
		"p in percent":    {counting(9), 99, 0.95},
		"confidence 1":    {counting(9), 0.5, 1},
		"confidence zero": {counting(9), 0.5, 0},
		"NaN":             {[]Obs{{V: math.NaN()}}, 0.5, 0.95},
		"infinite":        {[]Obs{{V: math.Inf(1)}}, 0.5, 0.95},
	} {
		_, err := EstimatePercentile(c.obs, c.p, c.confidence)
		assert.Error(t, err, name)
	}
	_, err := EstimatePercentile(nil, 0.5, 0.95)
	assert.ErrorIs(t, err, ErrNoData)
}

// wilks are the sample sizes from which the r-th largest value, r from 1, bounds p95 with 95 % and p99 with
// 99 % confidence (Wilks 1941; Guba, Makai & Pal 2003 for the first).
var wilks = map[float64][]int{
	0.95: {59, 93, 124, 153, 181, 208, 234, 260, 286, 311},
	0.99: {459, 662, 838, 1001, 1157},
}

func TestUpperBoundAgreesWithWilks(t *testing.T) {
	for p, sizes := range wilks {
		for i, n := range sizes {
			at, err := EstimatePercentile(counting(n), p, p)
			require.NoError(t, err)
			require.NotNil(t, at.Hi)
			assert.Equal(t, float64(n-i), *at.Hi, "%d values", n)
			if i > 0 {
				below, err := EstimatePercentile(counting(n-1), p, p)
				require.NoError(t, err)
				assert.Equal(t, float64(n-i), *below.Hi, "%d values: one order statistic later", n-1)
			}
		}
	}
}

// The ranks of the 95 % interval of a median, as printed for the sign test.
func TestMedianRanks(t *testing.T) {
	for n, ranks := range map[int][2]float64{6: {1, 6}, 10: {2, 9}, 15: {4, 12}, 20: {6, 15}, 25: {8, 18}, 30: {10, 21}} {
		got, err := EstimatePercentile(counting(n), 0.5, 0.975)
		require.NoError(t, err)
		assert.Equal(t, ranks, [2]float64{*got.Lo, *got.Hi}, "%d values", n)
	}
}
