package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFirstReached(t *testing.T) {
	for _, tc := range []struct {
		what   string
		scores []float64 // at 1, 2, 4, 8
		at     float64   // log2 of x
		side   int
	}{
		{"half way between two levels", []float64{0, 0.5, 1.5, 2}, 1.5, 0},
		{"a quarter of the way", []float64{0, 0.75, 1.75, 2}, 1.25, 0},
		{"just at a level", []float64{0, 0.5, 1, 2}, 2, 0},
		{"the first of two crossings", []float64{0.5, 1.5, 0.5, 1.5}, 0.5, 0},
		{"at the first level already", []float64{1, 2, 3, 4}, 0, -1},
		{"only just not at the first", []float64{0.999, 2, 3, 4}, 0.001 / 1.001, 0},
		{"nowhere", []float64{0, 0.5, 0.9, 0.999}, 3, 1},
		{"from the last level on", []float64{0, 0, 0, 1}, 3, 0},
	} {
		levels := make([]Score, len(tc.scores))
		for i, v := range tc.scores {
			levels[i] = Score{X: math.Exp2(float64(i)), Value: v}
		}
		at, side := FirstReached(levels)
		assert.InDelta(t, tc.at, at, 1e-9, tc.what)
		assert.Equal(t, tc.side, side, tc.what)
	}
}
