package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// evenly is a distribution whose draws lie evenly from lo to hi, so that its interval is known.
func evenly(lo, hi float64) Dist {
	d := Dist{Value: (lo + hi) / 2}
	for i := range 1001 {
		d.Draws = append(d.Draws, lo+(hi-lo)*float64(i)/1000)
	}
	return d
}

func TestEquivalentRatio(t *testing.T) {
	for name, c := range map[string]struct {
		d    Dist
		want bool
	}{
		"tight around 1":         {evenly(0.98, 1.02), true},
		"shifted, still inside":  {evenly(1.02, 1.08), true},
		"reaches past the top":   {evenly(1.00, 1.12), false},
		"1/1.1 is the lower end": {evenly(0.900, 0.95), false},
		"no effect, wide":        {evenly(0.5, 1.5), false},
		"different":              {evenly(1.5, 1.6), false},
		"no draws":               {Dist{Value: 1}, false},
		"censored upper end":     {Dist{Value: 1, Draws: []float64{1, 1}, Upper: []float64{1, math.Inf(1)}}, false},
		"only tails reach past":  {evenly(0.9, 1.1), true},
	} {
		assert.Equal(t, c.want, EquivalentRatio(c.d, 0.10, 0.05).Equivalent, name)
	}
	got := EquivalentRatio(evenly(0.9, 1.1), 0.10, 0.05)
	assert.InDelta(t, 0.91, got.Lo, 1e-9, "the interval is that of 1-2*alpha = 90 %")
	assert.InDelta(t, 1.09, got.Hi, 1e-9)
	assert.Equal(t, 0.10, got.Margin)
	assert.False(t, EquivalentRatio(evenly(1, 1), 0, 0.05).Equivalent, "a margin that was not set proves nothing")
	assert.Panics(t, func() { EquivalentRatio(evenly(1, 1), 0.1, 0.95) })
}

func TestExchangingTheArmsChangesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	agreed := 0
	for range 200 {
		d, inverse := Dist{}, Dist{}
		centre, width := 0.1*rng.NormFloat64(), 0.1*rng.Float64()
		for range 201 {
			x := math.Exp(centre + width*rng.NormFloat64())
			d.Draws, inverse.Draws = append(d.Draws, x), append(inverse.Draws, 1/x)
		}
		slices.Sort(d.Draws)
		slices.Sort(inverse.Draws)
		a, b := EquivalentRatio(d, 0.1, 0.05), EquivalentRatio(inverse, 0.1, 0.05)
		require.Equal(t, a.Equivalent, b.Equivalent)
		if a.Equivalent {
			agreed++
		}
	}
	assert.Greater(t, agreed, 20)
	assert.Less(t, agreed, 180)
}

func TestEquivalentDifference(t *testing.T) {
	assert.True(t, EquivalentDifference(evenly(-0.5, 0.9), 1, 0.05).Equivalent)
	assert.False(t, EquivalentDifference(evenly(-1.5, 0.9), 1, 0.05).Equivalent)
	assert.False(t, EquivalentDifference(evenly(0.5, 1.5), 1, 0.05).Equivalent)
	assert.False(t, EquivalentDifference(evenly(0, 0), 0, 0.05).Equivalent)
}

// At a true ratio on the margin, TOST at alpha 0.05 may call 5 % of the runs equivalent, not more.
func TestEquivalenceErrorRateAtTheMargin(t *testing.T) {
	simulation(t)
	rng := rand.New(rand.NewPCG(2, 2))
	const runs = 200
	called := 0
	for i := range runs {
		den := latencies(rng, 3, 4, 0)
		num := scaled(latencies(rng, 3, 4, 0), 1.2)
		d, err := Bootstrap{Block: 20, Draws: 200, Seed: uint64(i + 1)}.Ratio(num, den, 0.5, false)
		require.NoError(t, err)
		if EquivalentRatio(d, 0.2, 0.05).Equivalent {
			called++
		}
	}
	assert.LessOrEqual(t, float64(called)/runs, 0.08)
	assert.Positive(t, called, "a test that never errs at the margin has no power inside it")
}

// Equivalence is what its name says: two one-sided tests at alpha, by the shares of the draws beyond each
// margin. Shares within one draw of alpha are left out, where interpolation decides.
func TestEquivalenceIsTwoOneSidedTests(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	agreed := map[bool]int{}
	for range 500 {
		d := Dist{}
		centre, width := 0.06*rng.NormFloat64(), 0.1*rng.Float64()
		for range 401 {
			d.Draws = append(d.Draws, centre+width*rng.NormFloat64())
		}
		slices.Sort(d.Draws)
		below, above := 0, 0
		for _, v := range d.Draws {
			if v <= -0.1 {
				below++
			}
			if v >= 0.1 {
				above++
			}
		}
		if max(below-20, 20-below) <= 1 || max(above-20, 20-above) <= 1 { // 5 % of 401
			continue
		}
		want := below < 20 && above < 20
		require.Equal(t, want, EquivalentDifference(d, 0.1, 0.05).Equivalent, "%d below, %d above", below, above)
		agreed[want]++
	}
	assert.Greater(t, agreed[true], 100)
	assert.Greater(t, agreed[false], 100)
}
