package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
)

func TestNeeded(t *testing.T) {
	inf := math.Inf(1)
	for name, c := range map[string]struct {
		v, lo, hi float64
		bounds    []float64
		want      float64 // 0: not ok
	}{
		"above the bound":               {1.3, 1.1, 1.6, []float64{1.2}, 4},
		"below the bound":               {1.1, 1.0, 1.4, []float64{1.2}, 9},
		"cleared":                       {1.3, 1.21, 1.6, []float64{1.2}, 1},
		"touched":                       {1.3, 1.2, 1.6, []float64{1.2}, 1},
		"no bound":                      {1.3, 1.2, 1.6, nil, 1},
		"equivalent, one margin":        {0.02, -0.08, 0.12, []float64{-0.1, 0.1}, 1.5625},
		"equivalent, both margins":      {0.02, -0.22, 0.26, []float64{-0.1, 0.1}, 9},
		"beyond a margin":               {0.15, 0.05, 0.25, []float64{-0.1, 0.1}, 4},
		"beyond both, crossing both":    {0.15, -0.15, 0.45, []float64{-0.1, 0.1}, 36},
		"on the bound":                  {1.2, 1.1, 1.3, []float64{1.2}, 0},
		"on the bound and at its end":   {1.2, 1.2, 1.3, []float64{1.2}, 0},
		"next to the bound":             {1.2, 1.1, 1.3, []float64{1.201}, 0},
		"a thousand times":              {0, -math.Sqrt(1000), 1, []float64{-1.0000001}, 1000},
		"open beyond the bound":         {1.3, 1.1, inf, []float64{1.4}, 0},
		"open on the other side":        {1.3, 1.1, inf, []float64{1.2}, 4},
		"estimate outside its interval": {1.0, 1.1, 1.4, []float64{1.2}, 4},
		"cleared, the estimate outside": {1.0, 1.1, 1.4, []float64{0.95}, 1},
		"not measured":                  {math.NaN(), 1.1, 1.4, []float64{1.2}, 0},
	} {
		got, ok := Needed(c.v, c.lo, c.hi, c.bounds...)
		assert.Equal(t, c.want > 0, ok, name)
		assert.InDelta(t, c.want, got, 1e-3, name)
	}
}

// The factor is at least 1; another unit, origin or sign changes nothing; a longer interval needs more and a
// bound further off less; with as much data as it says the interval ends at the bound.
func TestNeededLaws(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	open := 0
	for range 2000 {
		v, bound := rng.NormFloat64(), rng.NormFloat64()
		below, above := rng.ExpFloat64(), rng.ExpFloat64()
		got, ok := Needed(v, v-below, v+above, bound)
		if !ok {
			continue
		}
		require.GreaterOrEqual(t, got, 1.0)
		a, b := math.Exp(3*rng.NormFloat64()), 10*rng.NormFloat64()
		moved, ok := Needed(a*v+b, a*(v-below)+b, a*(v+above)+b, a*bound+b)
		require.True(t, ok)
		require.InEpsilon(t, got, moved, 1e-6)
		mirrored, ok := Needed(-v, -v-above, -v+below, -bound)
		require.True(t, ok)
		require.InEpsilon(t, got, mirrored, 1e-9)
		if longer, ok := Needed(v, v-1.2*below, v+1.2*above, bound); ok {
			require.GreaterOrEqual(t, longer, got)
		}
		further, ok := Needed(v, v-below, v+above, v+1.2*(bound-v))
		require.True(t, ok)
		require.LessOrEqual(t, further, got+1e-9)
		both, ok := Needed(v, v-below, v+above, bound, v+1.2*(bound-v))
		require.True(t, ok)
		require.InEpsilon(t, got, both, 1e-9)
		if got > 1 {
			open++
			shrunk := 1 / math.Sqrt(got)
			if bound < v {
				require.InDelta(t, bound, v-shrunk*below, 1e-9)
			} else {
				require.InDelta(t, bound, v+shrunk*above, 1e-9)
			}
		}
	}
	assert.Greater(t, open, 400)
}

// The law itself: four times the seconds halve the standard error of a mean.
func TestMoreSecondsShrinkAsNeededSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	deviation := func(seconds int) float64 {
		rep := make(Rep, seconds)
		for i := range rep {
			rep[i] = Point{T: float64(i), V: rng.NormFloat64()}
		}
		return stat.StdDev(one(t, Bootstrap{Block: 5, Draws: 2000, Seed: 1}.Mean, []Rep{rep}).Draws, nil)
	}
	assert.InEpsilon(t, 2, deviation(600)/deviation(2400), 0.15)
}

// Student's interval over as many repetitions of the same scatter is the first that clears the bound, and the
// number is never above what the square root gives.
func TestNeededRepetitions(t *testing.T) {
	// half is that of the interval over n values of standard deviation 1.
	half := func(n int) float64 {
		xs := make([]float64, n)
		for i := range xs {
			xs[i] = float64(i)
		}
		sd := stat.StdDev(xs, nil)
		_, lo, hi, err := MeanT(xs, 0.95)
		require.NoError(t, err)
		return (hi - lo) / 2 / sd
	}
	for _, reps := range []int{2, 3, 5, 10, 30} {
		before := reps
		for _, factor := range []float64{1, 1.01, 1.5, 2, 4, 10, 100} {
			got := NeededRepetitions(factor, reps, 0.95)
			bound := half(reps) / math.Sqrt(factor)
			assert.LessOrEqual(t, half(got), bound*(1+1e-12), "%g of %d", factor, reps)
			if got > reps {
				assert.Greater(t, half(got-1), bound, "%g of %d", factor, reps)
			}
			assert.LessOrEqual(t, got, int(math.Ceil(factor*float64(reps))))
			assert.GreaterOrEqual(t, got, before, "more for a greater factor")
			before = got
		}
	}
	// t of 2 and 4 degrees of freedom: 4.3027/sqrt(3) = 2.4842 and 2.7764/sqrt(5) = 1.2417, of 3: 1.5912.
	assert.Equal(t, 5, NeededRepetitions(4, 3, 0.95))
	assert.Equal(t, 4, NeededRepetitions(2.4, 3, 0.95))
	assert.Equal(t, 3, NeededRepetitions(1, 3, 0.95))
	// Of many repetitions the square root is what is left.
	assert.InEpsilon(t, 4000, NeededRepetitions(4, 1000, 0.95), 0.002)
	for _, c := range []struct {
		factor     float64
		reps       int
		confidence float64
	}{{2, 1, 0.95}, {0.5, 3, 0.95}, {1001, 3, 0.95}, {math.NaN(), 3, 0.95}, {2, 3, 95}} {
		assert.Panics(t, func() { NeededRepetitions(c.factor, c.reps, c.confidence) }, "%+v", c)
	}
}
