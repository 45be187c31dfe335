package stats

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
func TestHolmAgreesWithR(t *testing.T) {
	p := []float64{0.01, 0.04, 0.03, 0.005}
	assert.InDeltaSlice(t, []float64{0.03, 0.06, 0.06, 0.02}, Holm(p), 1e-12)
	assert.Equal(t, []float64{0.01, 0.04, 0.03, 0.005}, p, "the input is left as it was")
	assert.Equal(t, []float64{1, 1}, Holm([]float64{0.9, 0.8}))
	assert.Empty(t, Holm(nil))
	assert.Panics(t, func() { Holm([]float64{math.NaN()}) })
	assert.Panics(t, func() { Holm([]float64{1.01}) })
}

// Holm's is the closed test of Bonferroni's: an adjusted value is the greatest of the Bonferroni values of
// all families that hold it (Marcus, Peritz & Gabriel 1976). It is never below the value itself, and keeps
// the order.
func TestHolmIsTheClosedTest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		p := make([]float64, 1+rng.IntN(6))
		for i := range p {
			p[i] = math.Round(50*rng.Float64()*rng.Float64()) / 50
		}
		got := Holm(p)
		for i := range p {
			want := 0.0
			for family := range 1 << len(p) {
				if family&(1<<i) == 0 {
					continue
				}
				least := 1.0
				for j := range p {
					if family&(1<<j) != 0 {
						least = min(least, p[j])
					}
				}
				want = max(want, min(1, float64(bits.OnesCount(uint(family)))*least))
			}
			require.InDelta(t, want, got[i], 1e-12, "%v", p)
			require.GreaterOrEqual(t, got[i], p[i])
			for j := range p {
				require.False(t, p[i] < p[j] && got[i] > got[j], "%v", p)
			}
		}
	}
}

// With some hypotheses false, the chance of rejecting any true one is at most alpha, and near it.
func TestHolmErrorRate(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	const runs = 20000
	wrong := 0
	for range runs {
		p := []float64{rng.Float64(), rng.Float64(), rng.Float64(), 0, 0}
		adjusted := Holm(p)
		if min(adjusted[0], adjusted[1], adjusted[2]) <= 0.05 {
			wrong++
		}
	}
	assert.InDelta(t, 1-math.Pow(1-0.05/3, 3), float64(wrong)/runs, 0.005)
}
