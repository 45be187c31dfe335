package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

// hits makes repetitions of 300 s with 4 lookups/s of 1 to 20 blocks each, of which the share p hits; p
// differs between repetitions by a factor of standard deviation between.
func hits(rng *rand.Rand, reps int, p, between float64) Share {
	var s Share
	for range reps {
		part, whole := Rep{}, Rep{}
		q := p * (1 + between*math.Sqrt(3)*(2*rng.Float64()-1))
		for at := rng.ExpFloat64() / 4; at < 300; at += rng.ExpFloat64() / 4 {
			n, k := 1+rng.IntN(20), 0
			for range n {
				if rng.Float64() < q {
					k++
				}
			}
			part, whole = append(part, Point{T: at, V: float64(k)}), append(whole, Point{T: at, V: float64(n)})
		}
		s.Part, s.Whole = append(s.Part, part), append(s.Whole, whole)
	}
	return s
}

func sum(reps []Rep) float64 {
	out := 0.0
	for _, v := range pooled(reps) {
		out += v
	}
	return out
}

func TestShareDifferenceIsOfRatiosOfSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, y := hits(rng, 3, 0.4, 0.1), hits(rng, 3, 0.1, 0.1)
	for _, paired := range []bool{true, false} {
		d, err := testBoot.ShareDifference(x, y, paired)
		require.NoError(t, err)
		assert.InDelta(t, sum(x.Part)/sum(x.Whole)-sum(y.Part)/sum(y.Whole), d.Value, 1e-12)
		assert.Len(t, d.Draws, testBoot.Draws)
		lo, hi := d.Interval(0.95)
		assert.Less(t, lo, d.Value)
		assert.Greater(t, hi, d.Value)
	}
}

// Within one repetition the standard error is that of the linearised ratio, sum((part-share*whole)^2) of
// independent lookups (Cochran 1977, Sampling Techniques, section 2.11).
func TestShareHasTheStandardErrorOfARatioEstimator(t *testing.T) {
	x := hits(rand.New(rand.NewPCG(2, 1)), 1, 0.3, 0)
	none := Share{Part: []Rep{{}}, Whole: []Rep{flat(50, 1)}}
	d, err := Bootstrap{Block: 5, Draws: 2000, Seed: 1}.ShareDifference(x, none, false)
	require.NoError(t, err)
	squares := 0.0
	for i, whole := range x.Whole[0] {
		e := x.Part[0][i].V - d.Value*whole.V
		squares += e * e
	}
	assert.InEpsilon(t, math.Sqrt(squares)/sum(x.Whole), stat.StdDev(d.Draws, nil), 0.15)
}

// What both arms of a repetition share cancels if they are paired.
func TestPairedSharesShareTheirNoise(t *testing.T) {
	y := hits(rand.New(rand.NewPCG(3, 1)), 3, 0.2, 0.3)
	more := slices.Clone(y.Part)
	for r := range more {
		more[r] = slices.Clone(more[r])
		for i := range more[r] {
			more[r][i].V += 0.1 * y.Whole[r][i].V
		}
	}
	x := Share{Part: more, Whole: y.Whole}
	paired, err := testBoot.ShareDifference(x, y, true)
	require.NoError(t, err)
	lo, hi := paired.Interval(0.95)
	assert.InDelta(t, 0.1, lo, 1e-9)
	assert.InDelta(t, 0.1, hi, 1e-9)
	unpaired, err := testBoot.ShareDifference(x, y, false)
	require.NoError(t, err)
	lo, hi = unpaired.Interval(0.95)
	assert.Less(t, lo, 0.05)
	assert.Greater(t, hi, 0.15)
}

// A draw of times at which nothing was counted has no share: it is drawn again.
func TestShareOfARareWhole(t *testing.T) {
	x := hits(rand.New(rand.NewPCG(4, 1)), 1, 0.3, 0)
	busy := Share{Part: []Rep{nil}, Whole: []Rep{nil}}
	for i, p := range x.Whole[0] {
		part := x.Part[0][i]
		if p.T > 20 {
			p.V, part.V = 0, 0
		}
		busy.Whole[0], busy.Part[0] = append(busy.Whole[0], p), append(busy.Part[0], part)
	}
	d, err := testBoot.ShareDifference(busy, Share{Part: []Rep{nil}, Whole: x.Whole}, false)
	require.NoError(t, err)
	assert.InDelta(t, sum(busy.Part)/sum(busy.Whole), d.Value, 1e-12)
	for _, v := range d.Draws {
		require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "a draw without a whole was kept")
	}
}

func TestShareDifferenceRefuses(t *testing.T) {
	good := hits(rand.New(rand.NewPCG(5, 1)), 2, 0.3, 0)
	with := func(part, whole Point) Share {
		return Share{
			Part:  []Rep{good.Part[0], append(slices.Clone(good.Part[1]), part)},
			Whole: []Rep{good.Whole[0], append(slices.Clone(good.Whole[1]), whole)},
		}
	}
	one := Point{T: 1, V: 1}
	for name, c := range map[string]struct {
		share Share
		says  string
	}{
		"no part":           {Share{Part: good.Part[:1], Whole: good.Whole}, "1 repetitions of the part and 2 of the whole"},
		"whole of nothing":  {Share{Part: good.Part, Whole: []Rep{good.Whole[0], flat(50, 0)}}, "whole of repetition 2 is 0"},
		"negative part":     {with(Point{T: 1, V: -1}, one), "repetition 2 has the amount -1"},
		"negative whole":    {with(one, Point{T: 1, V: -1}), "repetition 2 has the amount -1"},
		"censored amount":   {with(Point{T: 1, V: 1, Censored: true}, one), "censored: true"},
		"part not measured": {with(Point{T: 1, V: math.NaN()}, one), "not measured"},
	} {
		for _, paired := range []bool{true, false} {
			_, err := testBoot.ShareDifference(c.share, good, paired)
			assert.ErrorContains(t, err, c.says, name)
			_, err = testBoot.ShareDifference(good, c.share, paired)
			assert.ErrorContains(t, err, c.says, name)
		}
	}
	_, err := testBoot.ShareDifference(good, Share{Part: good.Part[:1], Whole: good.Whole[:1]}, true)
	assert.ErrorContains(t, err, "paired shares of 2 and 1 repetitions")
}

// Coverage of nominal 95 % intervals at three repetitions, paired and not, for shares that are equal
// between repetitions or differ by a standard deviation of 30 %.
func TestShareDifferenceCoverage(t *testing.T) {
	simulation(t)
	const runs = 100
	for _, between := range []float64{0, 0.3} {
		rng := rand.New(rand.NewPCG(6, 1))
		counts := map[bool]int{}
		for i := range runs {
			x, y := hits(rng, 3, 0.3, between), hits(rng, 3, 0.2, between)
			for _, paired := range []bool{true, false} {
				d, err := Bootstrap{Block: 20, Draws: 200, Seed: uint64(i + 1)}.ShareDifference(x, y, paired)
				require.NoError(t, err)
				counts[paired] += covers(d, 0.1)
			}
		}
		t.Logf("between %g: paired %.3f, unpaired %.3f", between, float64(counts[true])/runs, float64(counts[false])/runs)
		assert.GreaterOrEqual(t, float64(counts[true])/runs, 0.88)
		assert.GreaterOrEqual(t, float64(counts[false])/runs, 0.88)
	}
}
