package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Of the same prompts an inverted policy finds fewer in the host tier than FIFO does, whichever it is, and it goes by its
// name. FIFO is as ever.
func TestInvertedPoliciesAreWorseThanFIFO(t *testing.T) {
	hits := func(policy string, wrong bool, capacity int) (host int) {
		k := tiersOf(t, policy, 200, capacity, 0, nil)
		k.breaks(tierFaults{inverted: wrong})
		assert.Contains(t, k.host.describe("host", 1), "eviction_policy="+policy)
		for _, p := range conversations(5, 3000) {
			host += serveBelow(t, k, p, 0).host
		}
		assert.Len(t, k.host.blocks, capacity, "it had to evict")
		return host
	}
	for _, capacity := range []int{20, 50} {
		fifo := hits("FIFO", false, capacity)
		assert.Equal(t, fifo, hits("FIFO", true, capacity))
		for _, policy := range []string{"LRU", "LFU", "SEGMENTED"} {
			right, wrong := hits(policy, false, capacity), hits(policy, true, capacity)
			t.Logf("%d blocks, %s: %d hits, inverted %d, FIFO %d", capacity, policy, right, wrong, fifo)
			assert.Greater(t, right, wrong, policy)
			assert.Less(t, float64(wrong), 0.9*float64(fifo), policy)
		}
	}
}
