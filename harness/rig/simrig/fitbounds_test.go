package simrig

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A fit finds the costs that made its rows, keeps to its least values where they would be beaten, and is drawn to the
// prior where rows tell nothing.
func TestSolve(t *testing.T) {
	made := func(factors ...float64) equation {
		return equation{factors: factors, value: 2*factors[0] + 5*factors[1], weight: 1}
	}
	eqs := []equation{made(1, 0), made(1, 3), made(4, 1)}
	one := []float64{1, 1}
	p, err := solve(eqs, nil, one, []float64{0, 0}, 0)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{2, 5}, p, 1e-9)

	p, err = solve(eqs, nil, one, []float64{0, 6}, 0)
	require.NoError(t, err)
	assert.Equal(t, 6.0, p[1], "at its least")
	assert.Less(t, p[0], 2.0, "what the other takes is missing here")

	blind := []equation{made(1, 0), made(2, 0)}
	_, err = solve(blind, nil, one, []float64{0, 0}, 0)
	require.NoError(t, err, "at its least, what no row tells")
	p, err = solve(blind, []float64{3, 7}, one, []float64{0, 0}, ridge)
	require.NoError(t, err)
	assert.InDelta(t, 7, p[1], 1e-9, "the prior's, which no row contradicts")
	assert.InDelta(t, 2, p[0], 0.05)
}

// No fit has a cost below zero, nor a rate above the memory's, whichever source is left out of it; and an engine without
// rows is what all others are together.
func TestFitsArePhysical(t *testing.T) {
	rows := published(t)
	for _, without := range append([]string{"nobody"}, sourcesOf(rows)...) {
		f, err := fitAll(slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.source == without }))
		require.NoError(t, err, without)
		assert.Equal(t, f.pooled, f.of(engineUnknown))
		for name, c := range f.engines {
			for _, s := range []float64{c.weight, c.kv} {
				assert.GreaterOrEqual(t, s, 1/273e9, "%s without %s", name, without)
			}
			assert.GreaterOrEqual(t, c.sequence, 0.0, "%s without %s", name, without)
			assert.GreaterOrEqual(t, c.request, 0.0, "%s without %s", name, without)
			for _, q := range slices.Sorted(maps.Keys(c.prompt)) {
				assert.Positive(t, c.prompt[q], "%s without %s: %s", name, without, q)
			}
		}
	}
	f, err := fitAll(slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.source == "llama-cpp" }))
	require.NoError(t, err)
	assert.NotContains(t, f.engines, "llama-cpp", "its only rows are left out")
	assert.Equal(t, f.pooled.anyPrompt, f.of("llama-cpp").promptOf("Q8_0"), "no other source has the quantization")
}
