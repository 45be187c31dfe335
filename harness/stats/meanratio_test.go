package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

// completions makes repetitions of 300 windows of 1 s of Poisson counts, whose rate varies with a correlation
// time of 3 s and differs between repetitions by a factor of mean 1 and log standard deviation between.
func completions(rng *rand.Rand, reps int, rate, between float64) []Rep {
	out := series(rng, reps, 300, 0)
	for r := range out {
		level := rate * math.Exp(between*rng.NormFloat64()-between*between/2)
		for i := range out[r] {
			mean, n := level*math.Exp(0.3*out[r][i].V-0.045), 0.0
			for at := rng.ExpFloat64(); at < mean; at += rng.ExpFloat64() {
				n++
			}
			out[r][i].V = n
		}
	}
	return out
}

func TestMeanRatioIsOfPooledMeans(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	num, den := completions(rng, 3, 2, 0.1), completions(rng, 3, 3, 0.1)
	want := stat.Mean(pooled(num), nil) / stat.Mean(pooled(den), nil)
	for _, paired := range []bool{true, false} {
		d, err := testBoot.MeanRatio(num, den, paired)
		require.NoError(t, err)
		assert.InDelta(t, want, d.Value, 1e-12)
		assert.Len(t, d.Draws, testBoot.Draws)
		lo, hi := d.Interval(0.95)
		assert.Less(t, lo, want)
		assert.Greater(t, hi, want)
		// Another unit scales it; exchanging the arms inverts it.
		twice, err := testBoot.MeanRatio(scaled(num, 2), den, paired)
		require.NoError(t, err)
		for i := range d.Draws {
			require.InEpsilon(t, 2*d.Draws[i], twice.Draws[i], 1e-9)
		}
	}
	d, err := testBoot.MeanRatio(num, den, true)
	require.NoError(t, err)
	inverse, err := testBoot.MeanRatio(den, num, true)
	require.NoError(t, err)
	assert.InDelta(t, 1/d.Value, inverse.Value, 1e-12)
}

// Within repetitions the variance of the ratio's logarithm is the sum of those of the means.
func TestMeanRatioHasTheStandardErrorOfBothMeans(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	num, den := completions(rng, 1, 4, 0), completions(rng, 1, 4, 0)
	b := Bootstrap{Block: 20, Draws: 2000, Seed: 1}
	relative := func(reps []Rep) float64 {
		d := one(t, b.Mean, reps)
		return stat.StdDev(d.Draws, nil) / d.Value
	}
	d, err := b.MeanRatio(num, den, false)
	require.NoError(t, err)
	logs := make([]float64, len(d.Draws))
	for i, v := range d.Draws {
		logs[i] = math.Log(v)
	}
	assert.InEpsilon(t, math.Hypot(relative(num), relative(den)), stat.StdDev(logs, nil), 0.1)
}

// Where nothing varies inside the repetitions, the interval is Student's over the logarithms of the ratios
// if paired.
func TestMeanRatiosThatDifferGiveTheTInterval(t *testing.T) {
	const t975 = 4.302653 // 2 degrees of freedom
	den := []Rep{flat(600, 50), flat(600, 100), flat(600, 200)}
	num := []Rep{flat(600, 50), flat(600, 110), flat(600, 252)}
	d, err := Bootstrap{Block: 20, Draws: 4000, Seed: 3}.MeanRatio(num, den, true)
	require.NoError(t, err)
	half := t975 * stat.StdDev([]float64{math.Log(1), math.Log(1.1), math.Log(1.26)}, nil) / math.Sqrt(3)
	lo, hi := d.Interval(0.95)
	assert.InDelta(t, 412.0/350, d.Value, 1e-12)
	assert.InDelta(t, half, math.Log(d.Value/lo), 0.03*half)
	assert.InDelta(t, half, math.Log(hi/d.Value), 0.03*half)
}

func TestPairedMeanRatioSharesItsNoise(t *testing.T) {
	den := completions(rand.New(rand.NewPCG(4, 1)), 3, 2, 0.3)
	num := scaled(den, 0.97)
	d, err := testBoot.MeanRatio(num, den, true)
	require.NoError(t, err)
	lo, hi := d.Interval(0.95)
	assert.InDelta(t, 0.97, lo, 1e-9)
	assert.InDelta(t, 0.97, hi, 1e-9)
	d, err = testBoot.MeanRatio(num, den, false)
	require.NoError(t, err)
	lo, hi = d.Interval(0.95)
	assert.Less(t, lo, 0.9)
	assert.Greater(t, hi, 1.05)
}

// A draw of windows in which nothing completed has no ratio: it is drawn again.
func TestMeanRatioOfRareCompletions(t *testing.T) {
	rare := flat(301, 0)
	for i := range rare {
		if rare[i].T < 20 {
			rare[i].V = 1
		}
	}
	for _, paired := range []bool{true, false} {
		for _, arms := range [][2]Rep{{rare, flat(301, 1)}, {flat(301, 1), rare}} {
			d, err := testBoot.MeanRatio([]Rep{arms[0]}, []Rep{arms[1]}, paired)
			require.NoError(t, err)
			for _, v := range d.Draws {
				require.False(t, math.IsNaN(v) || math.IsInf(v, 0) || v == 0, "a draw without completions was kept")
			}
		}
	}
}

func TestCensoringOpensTheMeanRatio(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	clean, timedOut := latencies(rng, 3, 4, 0), latencies(rng, 3, 4, 0)
	for _, rep := range timedOut {
		for i := range rep {
			rep[i].Censored = i%10 == 0
		}
	}
	for _, paired := range []bool{true, false} {
		over, err := testBoot.MeanRatio(timedOut, clean, paired)
		require.NoError(t, err)
		lo, hi := over.Interval(0.95)
		assert.Greater(t, lo, 0.8)
		assert.Equal(t, math.Inf(1), hi)
		assert.True(t, over.Censored)
		under, err := testBoot.MeanRatio(clean, timedOut, paired)
		require.NoError(t, err)
		lo, hi = under.Interval(0.95)
		assert.Equal(t, 0.0, lo)
		assert.Less(t, hi, 1.2)
	}
}

func TestMeanRatioRefuses(t *testing.T) {
	good := completions(rand.New(rand.NewPCG(6, 1)), 2, 2, 0)
	for name, c := range map[string]struct {
		reps []Rep
		says string
	}{
		"below 0":      {[]Rep{good[0], append(slices.Clone(good[1]), Point{T: 1, V: -1})}, "repetition 2 has the value -1"},
		"nothing":      {[]Rep{good[0], flat(50, 0)}, "repetition 2 has nothing but 0"},
		"not measured": {[]Rep{good[0], append(slices.Clone(good[1]), Point{T: 1, V: math.NaN()})}, "not measured"},
	} {
		for _, paired := range []bool{true, false} {
			_, err := testBoot.MeanRatio(c.reps, good, paired)
			assert.ErrorContains(t, err, c.says, name)
			_, err = testBoot.MeanRatio(good, c.reps, paired)
			assert.ErrorContains(t, err, c.says, name)
		}
	}
	_, err := testBoot.MeanRatio(good, good[:1], true)
	assert.ErrorContains(t, err, "paired ratio of 2 and 1 repetitions")
	_, err = testBoot.MeanRatio(good, good[:1], false)
	assert.NoError(t, err)
}

// Coverage of nominal 95 % intervals, the claim of MeanRatio's comment, at three repetitions. The bands are
// the measured coverage with room for 150 runs (standard error 2 %).
func TestMeanRatioCoverage(t *testing.T) {
	simulation(t)
	const runs = 150
	for _, between := range []float64{0, 0.3} {
		t.Run(fmt.Sprintf("between=%g", between), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 1))
			counts := map[bool]int{}
			for i := range runs {
				num, den := completions(rng, 3, 0.97*4, between), completions(rng, 3, 4, between)
				for _, paired := range []bool{true, false} {
					d, err := Bootstrap{Block: 20, Draws: 200, Seed: uint64(i + 1)}.MeanRatio(num, den, paired)
					require.NoError(t, err)
					counts[paired] += covers(d, 0.97)
				}
			}
			t.Logf("paired %.3f, unpaired %.3f", float64(counts[true])/runs, float64(counts[false])/runs)
			assert.GreaterOrEqual(t, float64(counts[true])/runs, 0.87)
			assert.GreaterOrEqual(t, float64(counts[false])/runs, 0.91)
		})
	}
}
