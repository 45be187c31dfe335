package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Counting by rank must give what sorting the resampled values gives, censored or not.
func TestArmsAgreeWithSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		reps := make([]Rep, 1+rng.IntN(3))
		for r := range reps {
			for range 1 + rng.IntN(25) {
				reps[r] = append(reps[r], Point{
					T: math.Floor(10 * rng.Float64()), V: math.Floor(9*rng.Float64()) + 1, Censored: rng.Float64() < 0.1,
				})
			}
		}
		a, s := newRanked(reps), newSummed(reps)
		var low, high []float64
		for range 1 + rng.IntN(8) {
			r, from, to := rng.IntN(len(reps)), 10*rng.Float64(), 12*rng.Float64()
			a.take(r, from, max(from, to))
			s.take(r, from, max(from, to))
			for _, p := range reps[r] {
				if p.T >= from && p.T < to {
					low = append(low, p.V)
					if p.Censored {
						high = append(high, math.Inf(1))
					} else {
						high = append(high, p.V)
					}
				}
			}
		}
		require.Equal(t, len(low), a.size())
		require.Equal(t, len(low), s.size())
		if len(low) == 0 {
			continue
		}
		slices.Sort(low)
		slices.Sort(high)
		for _, p := range []float64{0, 0.3, 0.5, 0.9, 0.99, 1} {
			got := a.percentile(p)
			require.InDelta(t, Quantile(low, p), got.at, 1e-9)
			if want := Quantile(high, p); math.IsInf(want, 1) {
				require.Equal(t, want, got.hi)
			} else {
				require.InDelta(t, want, got.hi, 1e-9)
			}
		}
		sum := 0.0
		for _, v := range low {
			sum += v
		}
		require.InDelta(t, sum/float64(len(low)), s.mean().at, 1e-9)
		require.Equal(t, math.IsInf(high[len(high)-1], 1), math.IsInf(s.mean().hi, 1))
		a.reset()
		s.reset()
		require.Zero(t, a.size()+s.size())
		require.Zero(t, slices.Max(a.low.count))
	}
}

// Every point is equally likely, the first and the last of the window too.
func TestDrawsAreFairOverTheWindow(t *testing.T) {
	rep := flat(31, 0)
	for i := range rep {
		rep[i].V = float64(i)
	}
	wins, err := windows(40, []Rep{rep})
	require.NoError(t, err)
	require.Equal(t, 8, wins[0].blocks, "300 s are cut into a whole number of blocks")
	a := newRanked([]Rep{rep})
	s := sampler{arms: []arm{a}, windows: wins, rng: rand.New(rand.NewPCG(1, 1))}
	const draws = 20000
	hits := make([]float64, len(rep))
	for range draws {
		s.draw()
		for k, c := range a.low.count {
			hits[k] += float64(c) / draws
		}
	}
	for k, h := range hits {
		assert.InDelta(t, 1, h, 0.04, "point %d", k)
	}
}
