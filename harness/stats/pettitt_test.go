package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPettitt(t *testing.T) {
	at, p := Pettitt([]float64{5, 6, 7, 1, 2, 3})
	assert.Equal(t, 3, at)
	// Ranks 4 5 6 1 2 3: U(3) = 2*15 - 3*7 = 9, p = 2 exp(-6*81/252).
	assert.InDelta(t, 2*math.Exp(-486.0/252), p, 1e-12)
	at, p = Pettitt([]float64{1, 1, 1, 1})
	assert.Zero(t, at)
	assert.EqualValues(t, 1, p)
	for _, short := range [][]float64{nil, {1}} {
		_, p = Pettitt(short)
		assert.EqualValues(t, 1, p)
	}
}

// Where nothing changes, p is at most as often below a level as the level says; a step is found where it is.
func TestPettittLevel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	below, near := 0, 0
	for range 2000 {
		xs := make([]float64, 60)
		for i := range xs {
			xs[i] = rng.NormFloat64()
		}
		if _, p := Pettitt(xs); p < 0.05 {
			below++
		}
		for i := 20; i < 60; i++ {
			xs[i] -= 3
		}
		if at, p := Pettitt(xs); p < 0.001 && at >= 18 && at <= 22 {
			near++
		}
	}
	assert.LessOrEqual(t, below, 100+3*10, "5 % of 2000, and three standard deviations")
	assert.Greater(t, below, 20, "nor is it never")
	assert.Greater(t, near, 1900)
}
