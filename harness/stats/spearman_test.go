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

// series makes repetitions of 300 s of n values: standard normal with a correlation time of 3 s, about a
// level of standard deviation between.
func series(rng *rand.Rand, reps, n int, between float64) []Rep {
	out := make([]Rep, reps)
	keep := math.Exp(-300 / float64(n) / 3)
	for r := range out {
		level, x := between*rng.NormFloat64(), rng.NormFloat64()
		for i := range n {
			out[r] = append(out[r], Point{T: 300 * float64(i) / float64(n), V: level + x})
			x = keep*x + math.Sqrt(1-keep*keep)*rng.NormFloat64()
		}
	}
	return out
}

// plus is x + by*y, point by point.
func plus(x []Rep, by float64, y []Rep) []Rep {
	out := scaled(x, 1)
	for r := range out {
		for i := range out[r] {
			out[r][i].V += by * y[r][i].V
		}
	}
	return out
}

func related(rng *rand.Rand, reps, n int, between, correlation float64) (x, y []Rep) {
	x, noise := series(rng, reps, n, between), series(rng, reps, n, between)
	return x, plus(scaled(noise, math.Sqrt(1-correlation*correlation)), correlation, x)
}

func values(rep Rep) []float64 {
	out := make([]float64, len(rep))
	for i, p := range rep {
		out[i] = p.V
	}
	return out
}

func TestSpearman(t *testing.T) {
	for name, c := range map[string]struct {
		x, y []float64
		want float64
	}{
		// The worked example of the Wikipedia article on the coefficient: 1 - 6*194/(10*99).
		"IQ and hours of television": {
			[]float64{106, 100, 86, 101, 99, 103, 97, 113, 112, 110},
			[]float64{7, 27, 2, 50, 28, 29, 20, 12, 6, 17}, -29.0 / 165,
		},
		// The example of scipy.stats.spearmanr's documentation, with a tie.
		"scipy":            {[]float64{1, 2, 3, 4, 5}, []float64{5, 6, 7, 8, 7}, 0.8207826816681233},
		"rises":            {[]float64{1, 2, 3, 40}, []float64{0, 1, 100, 101}, 1},
		"falls":            {[]float64{1, 2, 3, 40}, []float64{3, 2, 1, -9}, -1},
		"a tie of three":   {[]float64{1, 1, 1, 2}, []float64{1, 2, 3, 4}, 3 / math.Sqrt(15)},
		"ties of the same": {[]float64{1, 1, 2, 2}, []float64{5, 5, 9, 9}, 1},
	} {
		got, err := Spearman(c.x, c.y)
		require.NoError(t, err, name)
		assert.InDelta(t, c.want, got, 1e-12, name)
		swapped, err := Spearman(c.y, c.x)
		require.NoError(t, err, name)
		assert.InDelta(t, got, swapped, 1e-12, name)
		slices.Reverse(c.x)
		slices.Reverse(c.y)
		again, err := Spearman(c.x, c.y)
		require.NoError(t, err, name)
		assert.InDelta(t, got, again, 1e-12, name)
	}
	_, err := Spearman([]float64{1}, []float64{1})
	assert.ErrorIs(t, err, ErrNoData)
	_, err = Spearman([]float64{1, 2}, []float64{1})
	assert.ErrorContains(t, err, "2 and 1 values")
	_, err = Spearman([]float64{1, 2}, []float64{3, 3})
	assert.ErrorContains(t, err, "all 3")
	_, err = Spearman([]float64{1, math.NaN()}, []float64{3, 4})
	assert.ErrorContains(t, err, "not measured")
}

func TestSpearmanIsTheMeanOfTheRepetitions(t *testing.T) {
	x, y := related(rand.New(rand.NewPCG(1, 1)), 3, 100, 5, 0.5)
	x[1], y[1] = x[1][:80], y[1][:80]
	want, n := 0.0, 0.0
	for r := range x {
		rho, err := Spearman(values(x[r]), values(y[r]))
		require.NoError(t, err)
		want += rho * float64(len(x[r]))
		n += float64(len(x[r]))
	}
	d, err := testBoot.Spearman(x, y)
	require.NoError(t, err)
	assert.InDelta(t, want/n, d.Value, 1e-9)
	assert.True(t, slices.IsSorted(d.Draws))
	lo, hi := d.Interval(0.95)
	assert.Less(t, lo, d.Value)
	assert.Greater(t, hi, d.Value)
	again, err := testBoot.Spearman(x, y)
	require.NoError(t, err)
	assert.Equal(t, d, again)
}

// Ranks do not change with a growing function of the values, nor with the level of a repetition.
func TestSpearmanKnowsRanksOnly(t *testing.T) {
	x, y := related(rand.New(rand.NewPCG(2, 1)), 3, 100, 0, 0.5)
	want, err := testBoot.Spearman(x, y)
	require.NoError(t, err)
	warped := scaled(x, 1)
	for r := range warped {
		for i := range warped[r] {
			warped[r][i].V = math.Exp(3*x[r][i].V) + 1000*float64(r)
		}
	}
	got, err := testBoot.Spearman(warped, y)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// Counting must give what ranking the resampled values gives.
func TestCoupledAgreesWithRanking(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		reps := 1 + rng.IntN(3)
		x, y := make([]Rep, reps), make([]Rep, reps)
		for r := range x {
			for range 3 + rng.IntN(20) {
				at := math.Floor(10 * rng.Float64())
				x[r] = append(x[r], Point{T: at, V: math.Floor(9 * rng.Float64())})
				y[r] = append(y[r], Point{T: at, V: math.Floor(9 * rng.Float64())})
			}
		}
		a := newCoupled(x, y)
		xs, ys := make([][]float64, reps), make([][]float64, reps)
		for range 1 + rng.IntN(9) {
			r, from, to := rng.IntN(reps), 10*rng.Float64(), 12*rng.Float64()
			a.take(r, from, max(from, to))
			for i, p := range x[r] {
				if p.T >= from && p.T < to {
					xs[r], ys[r] = append(xs[r], p.V), append(ys[r], y[r][i].V)
				}
			}
		}
		want, n, ranked := 0.0, 0, true
		for r := range xs {
			rho, err := Spearman(xs[r], ys[r])
			ranked = ranked && err == nil
			want += rho * float64(len(xs[r]))
			n += len(xs[r])
		}
		if !ranked {
			require.Zero(t, a.size())
			continue
		}
		require.Equal(t, n, a.size())
		require.InDelta(t, want/float64(n), a.correlation(), 1e-12)
		a.reset()
		require.Zero(t, a.size())
		a.take(0, 0, math.Inf(1))
		if rho, err := Spearman(values(x[0]), values(y[0])); err == nil {
			require.InDelta(t, rho, a.correlation(), 1e-12, "the resample before must be gone")
		}
	}
}

// Independent pairs: the standard error of Fisher's z of a rank correlation is sqrt(1.06/(n-3)) (Fieller,
// Hartley & Pearson 1957).
func TestSpearmanHasFiellersStandardError(t *testing.T) {
	const n = 1000
	rng := rand.New(rand.NewPCG(4, 1))
	x, y := Rep{}, Rep{}
	for i := range n {
		v := rng.NormFloat64()
		x = append(x, Point{T: float64(i), V: v})
		y = append(y, Point{T: float64(i), V: v + rng.NormFloat64()})
	}
	d, err := Bootstrap{Block: 5, Draws: 1000, Seed: 1}.Spearman([]Rep{x}, []Rep{y})
	require.NoError(t, err)
	z := make([]float64, len(d.Draws))
	for i, v := range d.Draws {
		z[i] = math.Atanh(v)
	}
	assert.InEpsilon(t, math.Sqrt(1.06/(n-3)), stat.StdDev(z, nil), 0.1)
}

func TestSpearmanOfAPerfectOrder(t *testing.T) {
	x := series(rand.New(rand.NewPCG(5, 1)), 2, 100, 1)
	for by, want := range map[float64]float64{2: 1, -2: -1} {
		d, err := testBoot.Spearman(x, scaled(x, by))
		require.NoError(t, err)
		lo, hi := d.Interval(0.95)
		for _, v := range []float64{d.Value, lo, hi} {
			assert.InDelta(t, want, v, 1e-9)
			assert.LessOrEqual(t, math.Abs(v), 1.0)
		}
	}
}

func TestBootstrapSpearmanRefuses(t *testing.T) {
	x, y := related(rand.New(rand.NewPCG(6, 1)), 2, 100, 0, 0.5)
	change := func(f func(y []Rep)) []Rep {
		out := scaled(y, 1)
		f(out)
		return out
	}
	for name, c := range map[string]struct {
		y    []Rep
		says string
	}{
		"one repetition":   {y[:1], "2 and 1 repetitions"},
		"a value missing":  {change(func(y []Rep) { y[1] = y[1][:99] }), "repetition 2 has 100 values to pair with 99"},
		"another window":   {change(func(y []Rep) { y[1][3].T++ }), "values of one window"},
		"censored":         {change(func(y []Rep) { y[0][3].Censored = true }), "repetition 1 has a censored value"},
		"constant":         {[]Rep{y[0], scaled(y[1:], 0)[0]}, "repetition 2: rank correlation with values that are all 0"},
		"not measured":     {change(func(y []Rep) { y[0][3].V = math.NaN() }), "not measured"},
		"empty repetition": {[]Rep{y[0], {}}, "repetition 2 is empty"},
	} {
		_, err := testBoot.Spearman(x, c.y)
		assert.ErrorContains(t, err, c.says, name)
	}
	_, err := Bootstrap{Block: 20, Draws: 400}.Spearman(x, y)
	assert.ErrorContains(t, err, "seed")
}

// Coverage of nominal 95 % intervals, the claim of Spearman's comment, at three repetitions: of repetitions
// that differ in their level, and in the correlation itself (by differ, on Fisher's scale). The correlation
// of ranks of two normal series is 6/pi*asin(r/2) (Pearson 1907).
func TestSpearmanCoverage(t *testing.T) {
	simulation(t)
	const runs = 100
	for _, c := range []struct{ between, correlation, differ float64 }{
		{between: 0}, {between: 1}, {between: 1, correlation: 0.6}, {differ: 1},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 1))
			covered := 0
			for i := range runs {
				var x, y []Rep
				for range 3 {
					r := math.Tanh(math.Atanh(c.correlation) + c.differ*rng.NormFloat64())
					rx, ry := related(rng, 1, 60, c.between, r)
					x, y = append(x, rx...), append(y, ry...)
				}
				d, err := Bootstrap{Block: 20, Draws: 200, Seed: uint64(i + 1)}.Spearman(x, y)
				require.NoError(t, err)
				covered += covers(d, 6/math.Pi*math.Asin(c.correlation/2))
			}
			t.Logf("%.3f", float64(covered)/runs)
			assert.GreaterOrEqual(t, float64(covered)/runs, 0.88)
		})
	}
}
