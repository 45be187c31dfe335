package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of 100 answers the five slowest were given up at 60 s. Left out they would leave every percentile too low, the
// median by two and a half places and p99 by far.
func TestCensoredObservationsAreNotDropped(t *testing.T) {
	all, answered := counting(100), counting(95)
	for i := range all {
		if all[i].V > 95 {
			all[i] = Obs{V: 60000, Censored: true}
		}
	}
	for _, tc := range []struct {
		p, with, without float64
		atLeast          bool
	}{
		{0.5, 50.5, 48, false},
		{0.9, 90.1, 85.6, false},
		{0.95, 95 + 0.05*(60000-95), 90.3, true},
		{0.99, 60000, 94.06, true},
	} {
		got, err := EstimatePercentile(all, tc.p, 0.95)
		require.NoError(t, err)
		assert.InDelta(t, tc.with, got.Value, 1e-9, "p%g", 100*tc.p)
		assert.Equal(t, tc.atLeast, got.AtLeast, "p%g", 100*tc.p)
		assert.Equal(t, []int{100, 5}, []int{got.N, got.NCensored})
		dropped, err := EstimatePercentile(answered, tc.p, 0.95)
		require.NoError(t, err)
		assert.InDelta(t, tc.without, dropped.Value, 1e-9, "p%g of those that were answered", 100*tc.p)
	}
}

// The bootstrap keeps them, too: its value is that of all observations, and so is the least that its draws can be.
func TestBootstrapDoesNotDropCensoredObservations(t *testing.T) {
	var rep, answered Rep
	for i := range 100 {
		p := Point{T: float64(i), V: float64(1 + i*37%100)}
		if p.V > 95 {
			p.V, p.Censored = 60000, true
		} else {
			answered = append(answered, p)
		}
		rep = append(rep, p)
	}
	b := Bootstrap{Block: 5, Draws: 400, Seed: 1}
	ps, err := b.Percentiles([]Rep{rep, rep}, 0.5, 0.99)
	require.NoError(t, err)
	assert.InDelta(t, 50.5, ps[0].Value, 0.5)
	assert.InDelta(t, 60000, ps[1].Value, 0)
	assert.True(t, ps[1].Censored)
	lo, hi := ps[1].Interval(0.95)
	assert.Greater(t, lo, 90.0)
	assert.Equal(t, math.Inf(1), hi)

	less, err := b.Percentiles([]Rep{answered, answered}, 0.5, 0.99)
	require.NoError(t, err)
	assert.InDelta(t, 48, less[0].Value, 0.5)
	_, hi = less[1].Interval(0.95)
	assert.LessOrEqual(t, hi, 95.0, "what a run without its time-outs would seem to be")
}
