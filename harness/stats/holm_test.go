package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
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
