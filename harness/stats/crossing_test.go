package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

var (
	testLevels = []float64{1024, 2048, 4096, 8192, 16384, 32768}
	testRule   = CrossingRule{P: 0.95, Ratio: 0.2, Share: 0.1}
)

// power rises with x and is 1 at one.
func power(one, exponent float64) func(x float64) float64 {
	return func(x float64) float64 { return math.Pow(x/one, exponent) }
}

// sweep makes cells whose conditions, of testRule, are met ratio and share times over; repetitions differ
// by factors of standard deviation between in each kind of latency and in the share.
func sweep(rng *rand.Rand, reps int, between float64, ratio, share func(x float64) float64) []CrossingLevel {
	var out []CrossingLevel
	for _, x := range testLevels {
		out = append(out, CrossingLevel{
			X:     x,
			Num:   scaled(latencies(rng, reps, 2, between), testRule.Ratio*ratio(x)),
			Den:   latencies(rng, reps, 4, between),
			Share: hits(rng, reps, testRule.Share*share(x), between),
		})
	}
	return out
}

// exactSweep has the given scores without noise: the share decides it at the levels marked, the ratio
// elsewhere.
func exactSweep(scores []float64, byShare ...int) []CrossingLevel {
	out := make([]CrossingLevel, len(scores))
	for i, s := range scores {
		ratio, share := s, 5.0
		for _, k := range byShare {
			if k == i {
				ratio, share = 5, s
			}
		}
		out[i] = CrossingLevel{
			X:     testLevels[i],
			Num:   []Rep{flat(50, 100*testRule.Ratio*ratio)},
			Den:   []Rep{flat(50, 100)},
			Share: Share{Part: []Rep{flat(50, testRule.Share*share)}, Whole: []Rep{flat(50, 1)}},
		}
	}
	return out
}

func TestCrossingIsInterpolatedOverLogX(t *testing.T) {
	for name, c := range map[string]struct {
		scores      []float64
		byShare     []int
		want        float64 // 0 for none
		none, first float64
	}{
		"half way":                    {scores: []float64{0.2, 0.5, 1.5, 3}, want: 2048 * math.Sqrt2},
		"by the share":                {scores: []float64{0.2, 0.5, 1.5, 3}, byShare: []int{0, 1, 2, 3}, want: 2048 * math.Sqrt2},
		"ratio below, share above":    {scores: []float64{0.2, 0.5, 1.5, 3}, byShare: []int{2, 3}, want: 2048 * math.Sqrt2},
		"a quarter of the way":        {scores: []float64{0.75, 1.75}, want: 1024 * math.Pow(2, 0.25)},
		"exactly at a level":          {scores: []float64{0.5, 1, 2}, want: 2048},
		"first of two crossings":      {scores: []float64{0.5, 1.5, 0.5, 1.5}, want: 1024 * math.Sqrt2},
		"none":                        {scores: []float64{0.1, 0.2, 0.9}, none: 1},
		"falls below only":            {scores: []float64{2, 0.5, 0.2}, first: 1},
		"at the first level":          {scores: []float64{1, 2, 3}, first: 1},
		"no event and no use of tier": {scores: []float64{0, 0.5, 1.5}, want: 2048 * math.Sqrt2},
	} {
		k, err := testBoot.Crossing(exactSweep(c.scores, c.byShare...), testRule)
		require.NoError(t, err, name)
		lo, hi := k.Interval(0.95)
		assert.InDelta(t, c.none, k.None, 0, name)
		assert.InDelta(t, c.first, k.First, 0, name)
		for i, s := range k.Scores {
			assert.InDelta(t, c.scores[i], s.Value, 1e-12, name)
		}
		last := testLevels[len(c.scores)-1]
		switch {
		case c.none == 1:
			assert.Nil(t, k.Value, name)
			assert.InDelta(t, last, *lo, 1e-6, name)
			assert.Nil(t, hi, name)
		case c.first == 1:
			assert.Nil(t, k.Value, name)
			assert.Nil(t, lo, name)
			assert.InDelta(t, testLevels[0], *hi, 1e-6, name)
		default:
			for _, v := range []*float64{k.Value, lo, hi} {
				require.NotNil(t, v, name)
				assert.InDelta(t, c.want, *v, 1e-6, name)
			}
		}
	}
}

// Another unit of x scales the knee; a higher ratio or a lower threshold moves each draw of it down.
func TestCrossingScalesAndIsMonotone(t *testing.T) {
	levels := sweep(rand.New(rand.NewPCG(1, 1)), 1, 0, power(5000, 0.5), power(5000, 0.5))
	k, err := testBoot.Crossing(levels, testRule)
	require.NoError(t, err)
	lo, hi := k.Interval(0.9)
	assert.Less(t, *lo, *k.Value)
	assert.Greater(t, *hi, *k.Value)

	inKilo, higher := make([]CrossingLevel, len(levels)), make([]CrossingLevel, len(levels))
	for i, l := range levels {
		inKilo[i], higher[i] = l, l
		inKilo[i].X /= 1000
		higher[i].Num = scaled(l.Num, 1.2)
	}
	kilo, err := testBoot.Crossing(inKilo, testRule)
	require.NoError(t, err)
	assert.InEpsilon(t, *k.Value, 1000**kilo.Value, 1e-9)
	loKilo, hiKilo := kilo.Interval(0.9)
	assert.InEpsilon(t, *lo, 1000**loKilo, 1e-9)
	assert.InEpsilon(t, *hi, 1000**hiKilo, 1e-9)

	easier := testRule
	easier.Share /= 1.2
	for name, later := range map[string]func() (Knee, error){
		"ratio": func() (Knee, error) { return testBoot.Crossing(higher, testRule) },
		"share": func() (Knee, error) { return testBoot.Crossing(levels, easier) },
	} {
		e, err := later()
		require.NoError(t, err)
		assert.LessOrEqual(t, *e.Value, *k.Value, name)
		down := e.draws.combine(k.draws, estimate.minus)
		lower := 0
		for i, d := range down.each {
			if d.at < 0 {
				lower++
			}
			require.LessOrEqual(t, d.at, 1e-12, "%s: draw %d", name, i)
		}
		assert.Greater(t, lower, testBoot.Draws/4, name)
	}
}

func TestCrossingSameSeedSameDraws(t *testing.T) {
	levels := sweep(rand.New(rand.NewPCG(2, 1)), 3, 0.1, power(5000, 0.5), power(3000, 0.5))
	a, err := testBoot.Crossing(levels, testRule)
	require.NoError(t, err)
	again, err := testBoot.Crossing(levels, testRule)
	require.NoError(t, err)
	assert.Equal(t, a, again)
	other := testBoot
	other.Seed++
	b, err := other.Crossing(levels, testRule)
	require.NoError(t, err)
	assert.Equal(t, a.Value, b.Value)
	assert.NotEqual(t, a.draws, b.draws)
}

// Levels are cells of their own: equal data at two levels gives unequal draws.
func TestCrossingDrawsLevelsIndependently(t *testing.T) {
	one, plenty := power(1, 0), func(float64) float64 { return 4 }
	levels := sweep(rand.New(rand.NewPCG(3, 1)), 3, 0, one, plenty)[:2]
	levels[1] = levels[0]
	levels[1].X *= 2
	k, err := testBoot.Crossing(levels, testRule)
	require.NoError(t, err)
	assert.Equal(t, k.Scores[0].Value, k.Scores[1].Value)
	assert.NotEqual(t, k.Scores[0].Draws, k.Scores[1].Draws)
	// Two scores near 1 cross if the first falls below it and the second does not.
	assert.Less(t, k.None+k.First, 0.95)
}

// The moves between repetitions are common to the levels: where repetitions vary and next to nothing does
// inside them, equal levels are on one side of 1 together. A quarter of independent moves would cross.
func TestCrossingMovesLevelsTogether(t *testing.T) {
	wholes := []Rep{flat(50, 10), flat(50, 10), flat(50, 10)}
	parts := []Rep{flat(50, 0.9), flat(50, 1), flat(50, 1.1)}
	l := CrossingLevel{X: 1, Num: wholes, Den: wholes, Share: Share{Part: parts, Whole: wholes}}
	next := l
	next.X = 2
	k, err := testBoot.Crossing([]CrossingLevel{l, next}, testRule)
	require.NoError(t, err)
	assert.Greater(t, k.None+k.First, 0.95)
	assert.InDelta(t, 0.5, k.First, 0.05)
}

// With one repetition the score's draws vary as those of the share or the ratio that decides it.
func TestScoreVariesAsWhatDecidesIt(t *testing.T) {
	some, plenty := power(5000, 0.5), power(1, 1)
	for _, l := range sweep(rand.New(rand.NewPCG(6, 1)), 1, 0, plenty, some) {
		k, err := testBoot.score(1, l, testRule)
		require.NoError(t, err)
		d, err := testBoot.ShareDifference(l.Share, Share{Part: []Rep{nil}, Whole: l.Share.Whole}, false)
		require.NoError(t, err)
		assert.InEpsilon(t, stat.StdDev(d.Draws, nil)/testRule.Share, stat.StdDev(k.dist().Draws, nil), 0.2, "share at %g", l.X)
	}
	for _, l := range sweep(rand.New(rand.NewPCG(6, 2)), 1, 0, some, func(float64) float64 { return 8 }) {
		k, err := testBoot.score(1, l, testRule)
		require.NoError(t, err)
		d, err := testBoot.Ratio(l.Num, l.Den, testRule.P, true)
		require.NoError(t, err)
		assert.InEpsilon(t, stat.StdDev(d.Draws, nil)/testRule.Ratio, stat.StdDev(k.dist().Draws, nil), 0.2, "ratio at %g", l.X)
	}
}

// Events that are rare: repetitions without any, and draws without any, have a score of 0.
func TestCrossingWithoutEvents(t *testing.T) {
	levels := sweep(rand.New(rand.NewPCG(4, 1)), 2, 0, power(5000, 0.5), power(2000, 0.5))
	levels[0].Num = []Rep{nil, nil}
	levels[1].Num = []Rep{nil, {{T: 10, V: 1}}}
	k, err := testBoot.Crossing(levels, testRule)
	require.NoError(t, err)
	assert.Zero(t, k.Scores[0].Value)
	lo, hi := k.Scores[0].Interval(0.95)
	assert.Equal(t, []float64{0, 0}, []float64{lo, hi})
	assert.Positive(t, k.Scores[1].Value)
	require.NotNil(t, k.Value)
}

// A draw of times without any Den, or without any whole, has no score: it is drawn again.
func TestCrossingOfRareRequests(t *testing.T) {
	const early = 20
	for name, cut := range map[string]func(l *CrossingLevel){
		"Den":   func(l *CrossingLevel) { l.Den = []Rep{{{T: early, V: 100}}} },
		"whole": func(l *CrossingLevel) { l.Share = Share{Part: []Rep{nil}, Whole: []Rep{{{T: early, V: 10}}}} },
	} {
		levels := sweep(rand.New(rand.NewPCG(7, 1)), 1, 0, power(5000, 0.5), power(5000, 0.5))
		cut(&levels[0])
		k, err := testBoot.Crossing(levels, testRule)
		require.NoError(t, err, name)
		for _, v := range k.Scores[0].Draws {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0), name)
		}
	}
}

// A censored Den (a timeout) can only be later: the score has no least value, so that the knee can be
// later too, up to none at all, but not earlier.
func TestCrossingOfCensoredLatencies(t *testing.T) {
	for name, den := range map[string]bool{"Den": true, "Num": false} {
		levels := exactSweep([]float64{0.2, 0.5, 1.5, 3})
		exact, err := testBoot.Crossing(levels, testRule)
		require.NoError(t, err)
		for _, l := range levels {
			reps := l.Num
			if den {
				reps = l.Den
			}
			for i := range reps[0] {
				reps[0][i].Censored = i%2 == 0
			}
		}
		k, err := testBoot.Crossing(levels, testRule)
		require.NoError(t, err)
		assert.Equal(t, *exact.Value, *k.Value, name)
		lo, hi := k.Interval(0.95)
		if den {
			assert.InDelta(t, *exact.Value, *lo, 1e-6)
			assert.Nil(t, hi)
			assert.Equal(t, []float64{1, 0}, []float64{k.None, k.First})
			assert.True(t, k.Scores[0].Censored)
		} else {
			assert.Nil(t, lo)
			assert.InDelta(t, *exact.Value, *hi, 1e-6)
			assert.Equal(t, []float64{0, 1}, []float64{k.None, k.First})
		}
	}
}

func TestShift(t *testing.T) {
	knee := func(scores ...float64) Knee {
		k, err := testBoot.Crossing(exactSweep(scores), testRule)
		require.NoError(t, err)
		return k
	}
	inf := math.Inf(1)
	early, late := knee(0.5, 1.5, 2, 3), knee(0.2, 0.3, 0.5, 1.5) // at 2^10.5 and 2^12.5
	none, first := knee(0.1, 0.1, 0.1, 0.1), knee(2, 2, 2, 2)     // from 2^13 and up to 2^10
	for name, c := range map[string]struct {
		from, to      Knee
		value, lo, hi float64
		censored      bool
	}{
		"later":                  {early, late, 2, 2, 2, false},
		"earlier":                {late, early, -2, -2, -2, false},
		"same":                   {early, early, 0, 0, 0, false},
		"to beyond the last":     {early, none, 2.5, 2.5, inf, true},
		"from beyond the last":   {none, early, -2.5, -inf, -2.5, true},
		"to before the first":    {early, first, -0.5, -inf, -0.5, true},
		"from before the first":  {first, early, 0.5, 0.5, inf, true},
		"both beyond the last":   {none, none, 0, -inf, inf, true},
		"both before the first":  {first, first, 0, -inf, inf, true},
		"from first to the last": {first, none, 3, 3, inf, true},
	} {
		d, err := testBoot.Shift(c.from, c.to)
		require.NoError(t, err, name)
		lo, hi := d.Interval(0.95)
		near := func(want, got float64) {
			if math.IsInf(want, 0) {
				assert.Equal(t, want, got, name)
				return
			}
			assert.InDelta(t, want, got, 1e-9, name)
		}
		near(c.value, d.Value)
		near(c.lo, lo)
		near(c.hi, hi)
		assert.Equal(t, c.censored, d.Censored, name)
	}
	_, err := testBoot.Shift(early, Knee{})
	assert.ErrorContains(t, err, "knees of 400 and 0 draws")
	_, err = testBoot.Shift(Knee{}, Knee{})
	assert.ErrorContains(t, err, "take both from Crossing")
}

// Two sweeps drawn from one seed are independent all the same: the variances add.
func TestShiftOfKneesOfOneSeed(t *testing.T) {
	levels := sweep(rand.New(rand.NewPCG(5, 1)), 3, 0, power(5000, 0.7), power(1000, 0.7))
	k, err := testBoot.Crossing(levels, testRule)
	require.NoError(t, err)
	lo, hi := k.Interval(0.68)
	d, err := testBoot.Shift(k, k)
	require.NoError(t, err)
	l, h := d.Interval(0.68)
	assert.InEpsilon(t, math.Sqrt2*math.Log2(*hi / *lo), h-l, 0.2)
}

func TestCrossingRefuses(t *testing.T) {
	change := func(f func(l []CrossingLevel, rule *CrossingRule)) func() ([]CrossingLevel, CrossingRule) {
		return func() ([]CrossingLevel, CrossingRule) {
			levels, rule := exactSweep([]float64{0.5, 1.5}), testRule
			f(levels, &rule)
			return levels, rule
		}
	}
	for name, c := range map[string]struct {
		make func() ([]CrossingLevel, CrossingRule)
		says string
	}{
		"one level":      {func() ([]CrossingLevel, CrossingRule) { return exactSweep([]float64{1}), testRule }, "two are needed"},
		"no ratio":       {change(func(_ []CrossingLevel, r *CrossingRule) { r.Ratio = 0 }), "set both above 0"},
		"no share":       {change(func(_ []CrossingLevel, r *CrossingRule) { r.Share = 0 }), "set both above 0"},
		"percentile":     {change(func(_ []CrossingLevel, r *CrossingRule) { r.P = 95 }), "percentile 95"},
		"level at 0":     {change(func(l []CrossingLevel, _ *CrossingRule) { l[0].X = 0 }), "ascending order"},
		"levels fall":    {change(func(l []CrossingLevel, _ *CrossingRule) { l[1].X = 512 }), "level 2 of the crossing is at 512"},
		"endless level":  {change(func(l []CrossingLevel, _ *CrossingRule) { l[1].X = math.Inf(1) }), "level 2 of the crossing"},
		"Num missing":    {change(func(l []CrossingLevel, _ *CrossingRule) { l[1].Num = nil }), "level 2048: score of 0 and 1 repetitions"},
		"Den missing":    {change(func(l []CrossingLevel, _ *CrossingRule) { l[1].Den = nil }), "level 2048: bootstrap: too few observations"},
		"Den of 0":       {change(func(l []CrossingLevel, _ *CrossingRule) { l[1].Den[0][0].V = 0 }), "by a difference"},
		"Num of NaN":     {change(func(l []CrossingLevel, _ *CrossingRule) { l[1].Num[0][0].V = math.NaN() }), "not measured"},
		"share of 0 / 0": {change(func(l []CrossingLevel, _ *CrossingRule) { l[1].Share.Whole[0] = flat(50, 0) }), "whole of repetition 1 is 0"},
		"share elsewhere": {change(func(l []CrossingLevel, _ *CrossingRule) {
			l[1].Share = Share{Part: make([]Rep, 2), Whole: []Rep{flat(50, 1), flat(50, 1)}}
		}), "2 of the share"},
	} {
		levels, rule := c.make()
		_, err := testBoot.Crossing(levels, rule)
		assert.ErrorContains(t, err, c.says, name)
	}
	levels, rule := change(func([]CrossingLevel, *CrossingRule) {})()
	_, err := Bootstrap{Block: 20, Draws: 400}.Crossing(levels, rule)
	assert.ErrorContains(t, err, "seed")
}

// Coverage of nominal 95 % intervals of the knee, the claim of Crossing's comment, at three repetitions.
// The bands are the measured coverage with room for 40 runs (standard error 3.5 %).
func TestCrossingCoverage(t *testing.T) {
	simulation(t)
	const runs, knee = 40, 5000.0
	steep := power(knee, 0.7)
	plenty := func(float64) float64 { return 4 }
	// The knee of the true scores, which are not linear in log x, is where their interpolation is 1.
	xs := []float64{12, 13}
	truth := firstCrossing(xs, func(i int) float64 { return steep(math.Exp2(xs[i])) })
	for _, c := range []struct {
		name         string
		ratio, share func(float64) float64
		between      float64
		least        float64
	}{
		{"by the ratio", steep, plenty, 0, 0.85},
		{"by the share", plenty, steep, 0.3, 0.85},
		{"by both", steep, steep, 0.3, 0.80},
	} {
		t.Run(fmt.Sprintf("%s/between=%g", c.name, c.between), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(8, 8))
			covered := 0
			for i := range runs {
				k, err := Bootstrap{Block: 20, Draws: 200, Seed: uint64(i + 1)}.Crossing(sweep(rng, 3, c.between, c.ratio, c.share), testRule)
				require.NoError(t, err)
				covered += covers(k.draws.dist(), truth)
			}
			t.Logf("%.3f", float64(covered)/runs)
			assert.GreaterOrEqual(t, float64(covered)/runs, c.least)
		})
	}
}
