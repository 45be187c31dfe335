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

// norris is the NIST StRD data set of that name: y, then x.
var norris = [][2]float64{
	{0.1, 0.2}, {338.8, 337.4}, {118.1, 118.2}, {888.0, 884.6}, {9.2, 10.1}, {228.1, 226.5}, {668.5, 666.3}, {998.5, 996.3},
	{449.1, 448.6}, {778.9, 777.0}, {559.2, 558.2}, {0.3, 0.4}, {0.1, 0.6}, {778.1, 775.5}, {668.8, 666.9}, {339.3, 338.0},
	{448.9, 447.5}, {10.8, 11.6}, {557.7, 556.0}, {228.3, 228.1}, {998.0, 995.8}, {888.8, 887.6}, {119.6, 120.2}, {0.3, 0.3},
	{0.6, 0.3}, {557.6, 556.8}, {339.3, 339.1}, {888.0, 887.2}, {998.5, 999.0}, {778.9, 779.0}, {10.2, 11.1}, {117.6, 118.3},
	{228.9, 229.2}, {668.4, 669.1}, {449.2, 448.9}, {0.2, 0.5},
}

// Certified values of NIST StRD Norris, in however many repetitions.
func TestSlopeAgreesWithNISTNorris(t *testing.T) {
	for _, reps := range []int{1, 3} {
		x, y := make([]Rep, reps), make([]Rep, reps)
		for i, pair := range norris {
			r := i % reps
			x[r] = append(x[r], Point{T: float64(10 * i), V: pair[1]})
			y[r] = append(y[r], Point{T: float64(10 * i), V: pair[0]})
		}
		slope, r2, err := testBoot.Slope(x, y)
		require.NoError(t, err)
		assert.InDelta(t, 1.00211681802045, slope.Value, 1e-12)
		assert.InDelta(t, 0.999993745883712, r2.Value, 1e-11)
	}
}

// scattered makes repetitions of n pairs: x about levels of standard deviation level, and y of the slope of
// its repetition (1, differing by slopes), an intercept differing by offset, and noise.
func scattered(rng *rand.Rand, reps, n int, level, slopes, offset, noise float64) (x, y []Rep) {
	x = series(rng, reps, n, level)
	y = scaled(series(rng, reps, n, 0), noise)
	for r := range y {
		slope, intercept := 1+slopes*rng.NormFloat64(), offset*rng.NormFloat64()
		for i := range y[r] {
			y[r][i].V += slope*x[r][i].V + intercept
		}
	}
	return x, y
}

// Sums over stretches must give what a fit to the resampled pairs gives.
func TestLineAgreesWithOLS(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	fitted := 0
	for range 200 {
		reps := 1 + rng.IntN(3)
		x, y := make([]Rep, reps), make([]Rep, reps)
		for r := range x {
			for range 3 + rng.IntN(20) {
				at := math.Floor(10 * rng.Float64())
				x[r] = append(x[r], Point{T: at, V: 1e6 + math.Floor(9*rng.Float64())})
				y[r] = append(y[r], Point{T: at, V: 1e3 + math.Floor(9*rng.Float64())})
			}
		}
		a := newLine(x, y)
		var xs, ys []float64
		seen := map[int]bool{}
		for range 1 + rng.IntN(9) {
			r, from, to := rng.IntN(reps), 10*rng.Float64(), 12*rng.Float64()
			a.take(r, from, max(from, to))
			for i, p := range x[r] {
				if p.T >= from && p.T < to {
					xs, ys = append(xs, p.V), append(ys, y[r][i].V)
					seen[r] = true
				}
			}
		}
		if len(seen) < reps || slices.Min(xs) == slices.Max(xs) {
			require.Zero(t, a.size())
			continue
		}
		require.Equal(t, len(xs), a.size())
		if fit, err := OLS(ys, [][]float64{xs}); err == nil {
			fitted++
			m, _ := a.pooled()
			require.InDelta(t, fit.Coef[1], m.slope(), 1e-6)
			require.InDelta(t, fit.R2, math.Pow(m.correlation(), 2), 1e-6)
		}
		a.reset()
		require.Zero(t, a.size())
	}
	assert.Greater(t, fitted, 80)
}

// Another unit or origin of x or y scales the slope and leaves R2; the order of the points does not matter.
func TestSlopeScales(t *testing.T) {
	x, y := scattered(rand.New(rand.NewPCG(2, 1)), 3, 100, 0.5, 0.1, 0.2, 0.5)
	slope, r2, err := testBoot.Slope(x, y)
	require.NoError(t, err)
	moved := func(reps []Rep, by, to float64) []Rep {
		out := scaled(reps, by)
		for r := range out {
			slices.Reverse(out[r])
			for i := range out[r] {
				out[r][i].V += to
			}
		}
		return out
	}
	scaledSlope, sameR2, err := testBoot.Slope(moved(x, 4e6, 1e9), moved(y, 2e3, 1e6))
	require.NoError(t, err)
	assert.InEpsilon(t, slope.Value*2e3/4e6, scaledSlope.Value, 1e-8)
	assert.InDelta(t, r2.Value, sameR2.Value, 1e-8)
	require.Len(t, scaledSlope.Draws, testBoot.Draws)
	for i := range slope.Draws {
		require.InEpsilon(t, slope.Draws[i]*2e3/4e6, scaledSlope.Draws[i], 1e-6)
		require.InDelta(t, r2.Draws[i], sameR2.Draws[i], 1e-6)
	}
	assert.True(t, slices.IsSorted(sameR2.Draws))
}

func TestSlopeOfALine(t *testing.T) {
	x := series(rand.New(rand.NewPCG(3, 1)), 3, 100, 1)
	for by, fit := range map[float64]float64{2: 1, -2: 1, 0: 0} {
		slope, r2, err := testBoot.Slope(x, scaled(x, by))
		require.NoError(t, err)
		for _, d := range []struct {
			Dist
			want float64
		}{{slope, by}, {r2, fit}} {
			lo, hi := d.Interval(0.95)
			for _, v := range []float64{d.Value, lo, hi} {
				assert.InDelta(t, d.want, v, 1e-9, "y of %g x", by)
			}
		}
	}
	// Noise about 0 has draws of either sign.
	_, r2, err := testBoot.Slope(x, series(rand.New(rand.NewPCG(3, 2)), 3, 100, 0))
	require.NoError(t, err)
	assert.True(t, slices.IsSorted(r2.Draws))
	// A y that does not vary in one of the repetitions is not correlated there, however far from the rest.
	a := newLine(x[:2], []Rep{x[0], plus(scaled(x[1:2], 0), 1, []Rep{flat(100, 1e9+0.1)})[0]})
	a.take(1, 0, math.Inf(1))
	m, _ := a.pooled()
	assert.Zero(t, m.slope())
	assert.Zero(t, m.correlation())
	// A power law is a line of logarithms.
	lx, ly := scaled(x, 1), scaled(x, 1)
	for r := range x {
		for i := range x[r] {
			q := math.Exp(x[r][i].V)
			lx[r][i].V, ly[r][i].V = math.Log(q), math.Log(7*math.Pow(q, 0.4))
		}
	}
	elasticity, _, err := testBoot.Slope(lx, ly)
	require.NoError(t, err)
	assert.InDelta(t, 0.4, elasticity.Value, 1e-12)
}

// Independent pairs in one repetition: the standard error of the slope is that of the noise over
// sd(x)*sqrt(n), that of Fisher's z of the correlation 1/sqrt(n-3).
func TestSlopeHasTheStandardErrorOfTheFit(t *testing.T) {
	const n, noise = 1000, 0.5
	rng := rand.New(rand.NewPCG(4, 1))
	x, y := Rep{}, Rep{}
	for i := range n {
		v := 3 * rng.NormFloat64()
		x = append(x, Point{T: float64(i), V: v})
		y = append(y, Point{T: float64(i), V: v + noise*rng.NormFloat64()})
	}
	slope, r2, err := Bootstrap{Block: 5, Draws: 1000, Seed: 1}.Slope([]Rep{x}, []Rep{y})
	require.NoError(t, err)
	assert.InEpsilon(t, noise/3/math.Sqrt(n), stat.StdDev(slope.Draws, nil), 0.1)
	z := make([]float64, len(r2.Draws))
	for i, v := range r2.Draws {
		z[i] = math.Atanh(math.Sqrt(v))
	}
	assert.InEpsilon(t, 1/math.Sqrt(n-3), stat.StdDev(z, nil), 0.1)
}

// With equal x in all repetitions, and lines without noise, the slope is the mean of theirs, the
// pseudo-values are theirs, and the interval is Student's.
func TestSlopesThatDifferGiveTheTInterval(t *testing.T) {
	const t975 = 4.302653 // 2 degrees of freedom
	one := series(rand.New(rand.NewPCG(5, 1)), 1, 600, 0)
	slopes := []float64{0.9, 1.0, 1.3}
	var x, y []Rep
	for _, s := range slopes {
		x, y = append(x, one[0]), append(y, scaled(one, s)[0])
	}
	slope, _, err := Bootstrap{Block: 20, Draws: 4000, Seed: 3}.Slope(x, y)
	require.NoError(t, err)
	half := t975 * stat.StdDev(slopes, nil) / math.Sqrt(3)
	lo, hi := slope.Interval(0.95)
	assert.InDelta(t, stat.Mean(slopes, nil), slope.Value, 1e-12)
	assert.InDelta(t, slope.Value-half, lo, 0.05*half)
	assert.InDelta(t, slope.Value+half, hi, 0.05*half)
}

func TestSlopeRefuses(t *testing.T) {
	x, y := related(rand.New(rand.NewPCG(6, 1)), 2, 100, 0, 0.5)
	change := func(f func(y []Rep)) []Rep {
		out := scaled(y, 1)
		f(out)
		return out
	}
	for name, c := range map[string]struct {
		x, y []Rep
		says string
	}{
		"one repetition":   {x, y[:1], "2 and 1 repetitions"},
		"a value missing":  {x, change(func(y []Rep) { y[1] = y[1][:99] }), "repetition 2 has 100 values to pair with 99"},
		"another window":   {x, change(func(y []Rep) { y[1][3].T++ }), "values of one window"},
		"censored":         {x, change(func(y []Rep) { y[0][3].Censored = true }), "repetition 1 has a censored value"},
		"constant x":       {[]Rep{x[0], scaled(x[1:], 0)[0]}, y, "0 throughout: what does not vary"},
		"not measured":     {x, change(func(y []Rep) { y[0][3].V = math.NaN() }), "not measured"},
		"empty repetition": {x, []Rep{y[0], {}}, "repetition 2 is empty"},
	} {
		_, _, err := testBoot.Slope(c.x, c.y)
		assert.ErrorContains(t, err, c.says, name)
	}
	_, _, err := Bootstrap{Block: 20, Draws: 400}.Slope(x, y)
	assert.ErrorContains(t, err, "seed")
}

// Coverage of nominal 95 % intervals, the claim of Slope's comment, at three repetitions. The bands are the
// measured coverage with room for 150 runs (standard error 2 %).
func TestSlopeCoverage(t *testing.T) {
	simulation(t)
	const runs = 150
	for _, c := range []struct{ level, slopes, offset float64 }{{}, {slopes: 0.1}, {level: 1, offset: 0.3}} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 1))
			var slopes, fits int
			for i := range runs {
				x, y := scattered(rng, 3, 60, c.level, c.slopes, c.offset, 1.0/3)
				slope, r2, err := Bootstrap{Block: 20, Draws: 200, Seed: uint64(i + 1)}.Slope(x, y)
				require.NoError(t, err)
				slopes += covers(slope, 1)
				fits += covers(r2, 0.9)
			}
			t.Logf("slope %.3f, R2 %.3f", float64(slopes)/runs, float64(fits)/runs)
			assert.GreaterOrEqual(t, float64(slopes)/runs, 0.85)
			if c.level == 0 {
				assert.GreaterOrEqual(t, float64(fits)/runs, 0.87)
			}
		})
	}
}

func BenchmarkSlope(b *testing.B) {
	x, y := scattered(rand.New(rand.NewPCG(1, 1)), 3, 300, 0, 0, 0, 1)
	boot := Bootstrap{Block: 30, Draws: 1000, Seed: 1}
	for b.Loop() {
		if _, _, err := boot.Slope(x, y); err != nil {
			b.Fatal(err)
		}
	}
}
