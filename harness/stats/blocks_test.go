package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func blocksOf(t *testing.T, scale Scale, values ...float64) Blocks {
	t.Helper()
	b, err := NewBlocks(values, scale)
	require.NoError(t, err)
	return b
}

// Quantiles of Student's t from tables (NIST/SEMATECH e-Handbook, 1.3.6.7.2): the interval of values with the
// mean 10 and the standard error 1.
func TestBlocksIntervalOfKnownQuantiles(t *testing.T) {
	for _, c := range []struct {
		n        int
		alpha, q float64
	}{{2, 0.025, 12.706}, {3, 0.025, 4.303}, {5, 0.025, 2.776}, {10, 0.05, 1.833}, {3, 0.001, 22.327}} {
		values := make([]float64, c.n)
		half := math.Sqrt(float64(c.n*(c.n-1)) / float64(c.n/2*2))
		for i := range values {
			switch {
			case i == c.n-1 && c.n%2 == 1:
				values[i] = 10
			case i%2 == 0:
				values[i] = 10 - half
			default:
				values[i] = 10 + half
			}
		}
		b := blocksOf(t, Linear, values...)
		lo, hi := b.Interval(c.alpha)
		assert.InDelta(t, 10-c.q, lo, 1e-3, "%d values", c.n)
		assert.InDelta(t, 10+c.q, hi, 1e-3, "%d values", c.n)
		assert.InDelta(t, c.alpha, b.PAbove(10-c.q), c.alpha*1e-3, "%d values", c.n)
		assert.InDelta(t, c.alpha, b.PBelow(10+c.q), c.alpha*1e-3, "%d values", c.n)
		assert.InDelta(t, 10, b.Mean(), 1e-12)
		assert.Equal(t, c.n, b.N())
	}
}

// The scale is where values are averaged: ratios as their logarithms, correlations as Fisher's z.
func TestBlocksScales(t *testing.T) {
	ratios := blocksOf(t, Log, 0.5, 2, 4)
	assert.InDelta(t, math.Cbrt(4), ratios.Mean(), 1e-12)
	lo, hi := ratios.Interval(0.025)
	inverse := blocksOf(t, Log, 2, 0.5, 0.25)
	iLo, iHi := inverse.Interval(0.025)
	assert.InDelta(t, 1/hi, iLo, 1e-9, "exchanging the arms changes nothing")
	assert.InDelta(t, 1/lo, iHi, 1e-9)
	assert.InDelta(t, ratios.PAbove(1.1), inverse.PBelow(1/1.1), 1e-12)

	relations := blocksOf(t, Atanh, 0.3, 0.9, 0.7)
	assert.InDelta(t, math.Tanh((math.Atanh(0.3)+math.Atanh(0.9)+math.Atanh(0.7))/3), relations.Mean(), 1e-12)
	lo, hi = relations.Interval(0.025)
	assert.Greater(t, lo, -1.0)
	assert.Less(t, hi, 1.0)
}

// A p-value is at most alpha exactly if the interval's end has cleared the threshold.
func TestBlocksPAgreesWithInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, scale := range []Scale{Linear, Log, Atanh} {
		for range 200 {
			values := make([]float64, 2+rng.IntN(6))
			for i := range values {
				values[i] = scale.from(rng.NormFloat64())
			}
			b := blocksOf(t, scale, values...)
			alpha := 0.001 + 0.4*rng.Float64()
			lo, hi := b.Interval(alpha)
			for _, z := range []float64{-1, -0.1, 0, 0.3, 1.5} {
				at := scale.from(z)
				require.Equal(t, lo >= at, b.PAbove(at) <= alpha)
				require.Equal(t, hi <= at, b.PBelow(at) <= alpha)
				require.InDelta(t, 1, b.PAbove(at)+b.PBelow(at), 1e-12)
			}
			least, most := scale.from(-0.5), scale.from(0.5)
			require.Equal(t, lo >= least && hi <= most, b.PInside(least, most) <= alpha)
		}
	}
}

func TestBlocksOfOneAndOfEqualValues(t *testing.T) {
	one := blocksOf(t, Log, 3)
	lo, hi := one.Interval(0.025)
	assert.True(t, math.IsInf(lo, -1) && math.IsInf(hi, 1), "one block says nothing of the next")
	assert.Equal(t, 1.0, one.PAbove(0.1))
	assert.Equal(t, 1.0, one.PBelow(100))
	e := one.Estimate(0.025)
	assert.InDelta(t, 3, *e.Value, 1e-12)
	assert.Nil(t, e.Lo)
	assert.Nil(t, e.Hi)

	equal := blocksOf(t, Linear, 0.1, 0.1, 0.1) // their mean is rounded
	lo, hi = equal.Interval(0.025)
	assert.Equal(t, []float64{0.1, 0.1}, []float64{lo, hi})
	assert.Equal(t, []float64{0, 0.5, 1}, []float64{equal.PAbove(0.09), equal.PAbove(0.1), equal.PAbove(0.11)})
	assert.Equal(t, []float64{1, 0.5, 0}, []float64{equal.PBelow(0.09), equal.PBelow(0.1), equal.PBelow(0.11)})
	assert.Zero(t, equal.PInside(0, 0.2))
}

func TestBlocksRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		scale  Scale
		says   string
	}{
		"none":          {nil, Linear, "too few"},
		"NaN":           {[]float64{1, math.NaN()}, Linear, "block 2 has the value NaN"},
		"infinite":      {[]float64{math.Inf(1)}, Log, "block 1 has the value +Inf"},
		"ratio of 0":    {[]float64{1, 0}, Log, "above 0"},
		"negative":      {[]float64{-1}, Log, "above 0"},
		"perfect":       {[]float64{0.5, -1}, Atanh, "Imperfect"},
		"not a corr":    {[]float64{1.5}, Atanh, "inside (-1, 1)"},
		"NaN for atanh": {[]float64{math.NaN()}, Atanh, "not measured"},
	} {
		_, err := NewBlocks(c.values, c.scale)
		assert.ErrorContains(t, err, c.says, name)
	}
	b := blocksOf(t, Log, 1, 2)
	assert.Panics(t, func() { b.PAbove(0) })
	assert.Panics(t, func() { b.PBelow(math.NaN()) })
	assert.Panics(t, func() { b.Interval(0.5) })
}

// A perfect order moves halfway to the next possible one, whatever the number of pairs.
func TestImperfect(t *testing.T) {
	for _, n := range []int{3, 4, 7, 20} {
		xs, ys := ascending(n), ascending(n)
		ys[0], ys[1] = ys[1], ys[0]
		next, err := Spearman(xs, ys)
		require.NoError(t, err)
		assert.InDelta(t, (1+next)/2, Imperfect(1, n), 1e-12)
		assert.InDelta(t, -(1+next)/2, Imperfect(-1, n), 1e-12)
		assert.Equal(t, next, Imperfect(next, n))
	}
	assert.Zero(t, Imperfect(1, 2))
	assert.Panics(t, func() { Imperfect(1, 1) })
}

// Student's interval covers exactly, from two blocks on: of 4000 sets each side misses with 0.025 (standard
// error 0.0025).
func TestBlocksCover(t *testing.T) {
	const runs, alpha = 4000, 0.025
	for _, n := range []int{2, 3, 5, 10} {
		for _, scale := range []Scale{Linear, Log, Atanh} {
			t.Run(fmt.Sprintf("%d blocks, scale %d", n, scale), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(2, uint64(n)))
				truth := scale.from(0.4)
				below, above := 0, 0
				for range runs {
					values := make([]float64, n)
					for i := range values {
						values[i] = scale.from(0.4 + 0.3*rng.NormFloat64())
					}
					lo, hi := blocksOf(t, scale, values...).Interval(alpha)
					if truth < lo {
						below++
					}
					if truth > hi {
						above++
					}
				}
				assert.InDelta(t, alpha, float64(below)/runs, 0.009)
				assert.InDelta(t, alpha, float64(above)/runs, 0.009)
			})
		}
	}
}
