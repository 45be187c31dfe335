package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// What the filter has seen it forgets: a frequency of 1 after one decay step, so that a block which comes back later
// than that is new; without decay it would pass.
func TestFilterForgets(t *testing.T) {
	for _, tc := range []struct {
		later int64
		want  bool
	}{{filterDecayNS - 1, true}, {filterDecayNS, false}, {10 * filterDecayNS, false}} {
		f := newFrequencyFilter(2)
		assert.False(t, f.see(1, 0), "seen once")
		assert.Equal(t, tc.want, f.see(1, tc.later), "seen again after %d ns", tc.later)
		assert.True(t, f.see(1, tc.later), "seen twice at once")
	}
}

// A frequency doubles with each sighting and loses 1 for each whole step; what is left of a step counts for the next.
func TestFilterDecaysByWholeSteps(t *testing.T) {
	const step = filterDecayNS
	f := newFrequencyFilter(2)
	for _, s := range []struct {
		at   int64
		want int
	}{
		{0, 1}, {0, 2}, {0, 4}, {0, 8},
		{step * 7 / 2, 10}, // three whole steps: (8 - 3) doubled
		{step*4 - 1, 20},   // the half that was left is not a whole one yet
		{step * 4, 38},     // and now it is: (20 - 1) doubled
		{step * 41, 2},     // 37 steps: (38 - 37) doubled
		{step*43 + 1, 1},   // forgotten and seen anew
		{step * 44, 2},     // and its steps count from there
		{step*44 + 1, 2},   // (2 - 1) doubled
	} {
		f.see(7, s.at)
		assert.Equal(t, s.want, f.seen[7].frequency, "at %g steps", float64(s.at)/step)
	}
}

// The tiers ask the filter with the time of the request: a prompt that comes back after the decay is not written.
func TestForgottenBlocksAreNotWritten(t *testing.T) {
	for _, tc := range []struct {
		later int64
		want  int
	}{{filterDecayNS - 1, 6}, {filterDecayNS, 0}} {
		k := tiersOf(t, "LRU", 64, 64, 64, nil)
		prompt := chain(1, 6)
		first, again := request(prompt), request(prompt)
		assert.True(t, k.admit(first, false))
		assert.Empty(t, k.computed(first, 0))
		k.finish(first)
		assert.True(t, k.admit(again, false))
		assert.Len(t, k.computed(again, tc.later), tc.want, "after %d ns", tc.later)
	}
}
