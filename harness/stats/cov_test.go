package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCoV(t *testing.T) {
	// Mean 5, sum of squares about it 32, of eight values.
	got, err := CoV([]float64{2, 4, 4, 4, 5, 5, 7, 9})
	assert.NoError(t, err)
	assert.InDelta(t, math.Sqrt(32.0/7)/5, got, 1e-12)
	negative, err := CoV([]float64{-2, -4, -4, -4, -5, -5, -7, -9})
	assert.NoError(t, err)
	assert.InDelta(t, got, negative, 1e-12)
	for name, xs := range map[string][]float64{"one value": {1}, "mean 0": {-1, 1}, "NaN": {1, math.NaN()}} {
		_, err := CoV(xs)
		assert.Error(t, err, name)
	}
}
