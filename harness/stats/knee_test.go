package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRuleFirings(t *testing.T) {
	for name, c := range map[string]struct {
		ratios      []float64 // p99 over p50 of each step
		consecutive int
		want        []int
	}{
		"none":                              {[]float64{1, 1.5, 2}, 2, nil},
		"exactly the ratio does not fire":   {[]float64{2, 2, 2}, 1, nil},
		"a single step is not enough":       {[]float64{1, 3, 1, 3}, 2, nil},
		"first step of the run":             {[]float64{1, 1, 3, 4}, 2, []int{2}},
		"each step of a long run":           {[]float64{3, 3, 3, 3}, 2, []int{0, 1, 2}},
		"decode interference and the queue": {[]float64{1, 3, 4, 1, 1, 8, 9, 15, 1.2}, 2, []int{1, 5, 6}},
		"three consecutive":                 {[]float64{3, 3, 1, 3, 3, 3}, 3, []int{3}},
		"not measured breaks a run":         {[]float64{3, math.NaN(), 3}, 2, nil},
		"no steps":                          {nil, 2, nil},
	} {
		levels := make([]Level, len(c.ratios))
		for i, r := range c.ratios {
			levels[i] = Level{X: float64(i + 1), P50: 50, P99: 50 * r}
		}
		assert.Equal(t, c.want, RuleFirings(levels, 2, c.consecutive), name)
	}
	assert.Panics(t, func() { RuleFirings(nil, 0, 2) })
	assert.Panics(t, func() { RuleFirings(nil, 2, 0) })
}

// A server of 64 slots and 2 s a request saturates at 32 requests/s; with 18 s of thinking the
// asymptotes cross at 640 users, without at 64.
func TestSaturationKnee(t *testing.T) {
	assert.Equal(t, 640.0, SaturationKnee(32, 2, 18))
	assert.Equal(t, 64.0, SaturationKnee(32, 2, 0))
}
