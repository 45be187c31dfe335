package verdict

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/stats"
)

// An interval shrinks on the scale on which it is symmetric: a ratio's on that of its logarithm, a correlation's on Fisher's.
// On each the side towards the bound is three times as long as the estimate is away from it, so that nine times as much data
// is needed.
func TestNeededOnTheScaleOfTheCheck(t *testing.T) {
	for _, tc := range []struct {
		name  string
		scale Scale
		value func(float64) float64 // from the scale
	}{
		{"amount", Linear, func(v float64) float64 { return v }},
		{"ratio", Ratio, math.Exp},
		{"correlation", Correlation, math.Tanh},
	} {
		c := Check{Scale: tc.scale, Estimate: stats.Between(tc.value(0.7), tc.value(0.1), tc.value(1.6)), Bounds: []float64{tc.value(0.5)}}
		factor, ok := needed(c)
		assert.True(t, ok, tc.name)
		assert.InDelta(t, 9, factor, 1e-9, "%s, a bound below", tc.name)
		c.Bounds = []float64{tc.value(1)}
		factor, ok = needed(c)
		assert.True(t, ok, tc.name)
		assert.InDelta(t, 9, factor, 1e-9, "%s, a bound above", tc.name)
	}
}
