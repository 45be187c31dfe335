package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// onDisk returns a manager that has the prompts on the NVMe alone.
func onDisk(t *testing.T, host int, change func(*Spec), prompts ...[]uint64) *kvManager {
	k := tiersOf(t, "LRU", 40, host, 100, change)
	for _, p := range prompts {
		toDisk(k, p)
	}
	return k
}

// toDisk writes a prompt to the NVMe.
func toDisk(k *kvManager, prompt []uint64) {
	var write []StoredBlock
	for _, h := range prompt {
		write = append(write, k.write(h))
	}
	k.written(write)
}

// Requests that share blocks share their prefetch: the second claims the rest, waits for the later of
// the two, and each block counts as used once.
func TestPrefetchesAreShared(t *testing.T) {
	long := chain(1, 10)
	k := onDisk(t, 20, nil, long)
	first, second := request(long[:6]), request(long)
	p := k.prefetch(first)
	require.Equal(t, long[:6], keys(p.blocks))
	q := k.prefetch(second)
	require.Equal(t, long[6:], keys(q.blocks))
	require.Nil(t, k.prefetch(request(long)), "all is on its way")

	require.True(t, k.admit(first, false))
	assert.Equal(t, match{disk: 6}, first.match)
	assert.Equal(t, 6, first.late)
	assert.Same(t, p, first.awaits)
	k.prefetched(p)
	k.prefetched(q)
	require.True(t, k.admit(second, false))
	assert.Equal(t, match{host: 10}, second.match)
	assert.Zero(t, second.late)
	assert.EqualValues(t, 10, k.host.stats.Prefetches)
	assert.EqualValues(t, 10, k.host.stats.PrefetchesUsed)

	other := chain(2, 4)
	toDisk(k, other)
	p = k.prefetch(request(other[:2]))
	q = k.prefetch(request(other))
	third := request(other)
	require.True(t, k.admit(third, false))
	assert.Same(t, q, third.awaits, "the last to end")
	assert.Equal(t, 4, third.late)
	k.prefetched(p)
	k.prefetched(q)
	k.computed(third, 0)
	assert.EqualValues(t, 14, k.host.stats.PrefetchesUsed)
	assert.Equal(t, 4, k.host.run(other))
}

// A request makes one use of a block, whether it found it prefetched, on its way, or in the host tier.
func TestPrefetchUses(t *testing.T) {
	block := chain(1, 1)
	uses := func(t *testing.T, wait bool) int64 {
		k := onDisk(t, 20, func(s *Spec) { s.Host.Policy, s.Disk.Policy = "LFU", "LFU" }, block)
		p := k.prefetch(request(block))
		assert.EqualValues(t, 2, k.disk.blocks[block[0]].frequency.count, "the read")
		if wait {
			k.prefetched(p)
		}
		s := request(block)
		require.True(t, k.admit(s, false))
		if !wait {
			k.prefetched(p)
		}
		k.computed(s, 0)
		assert.EqualValues(t, 2, k.disk.blocks[block[0]].frequency.count, "no second use on the NVMe")
		before := k.host.blocks[block[0]].frequency.count
		again := request(block)
		k.finish(s)
		require.True(t, k.device.evict(1))
		require.True(t, k.admit(again, false))
		assert.Equal(t, before+1, k.host.blocks[block[0]].frequency.count)
		return before
	}
	assert.EqualValues(t, 1, uses(t, true))
	assert.EqualValues(t, 1, uses(t, false))
}

// In exclusive tiers a prefetched block moves, and does not come back below what is on the device.
func TestExclusivePrefetch(t *testing.T) {
	a, b := chain(1, 4), chain(2, 4)
	k := onDisk(t, 20, exclusive, a, b)
	k.prefetched(k.prefetch(request(a)))
	assert.Equal(t, match{host: 4}, k.find(request(a)))
	assert.Zero(t, k.disk.run(a))

	p := k.prefetch(request(b))
	s := request(b)
	require.True(t, k.admit(s, false))
	k.computed(s, 0)
	k.prefetched(p)
	assert.Equal(t, match{device: 4}, k.find(request(b)))
	assert.Zero(t, k.host.run(b))
	assert.Zero(t, k.disk.run(b))
}

// A prefetch into a small host tier keeps the prompt's beginning.
func TestPrefetchOverflow(t *testing.T) {
	a := chain(1, 10)
	k := onDisk(t, 4, nil, a)
	k.prefetched(k.prefetch(request(a)))
	assert.Equal(t, match{host: 4, disk: 6}, k.find(request(a)))
	assert.Zero(t, k.host.stats.PrefetchesUsed)
}

// What came into the host tier by itself while a prefetch was bringing it was not prefetched, and what
// two requests waited for was used once.
func TestPrefetchUsedOnce(t *testing.T) {
	a, b := chain(1, 4), chain(2, 4)
	k := onDisk(t, 20, nil, a, b)
	s := request(a)
	require.True(t, k.admit(s, false)) // loads on its own account
	p := k.prefetch(request(a))
	k.computed(s, 0)
	k.finish(s)
	k.prefetched(p)
	require.True(t, k.device.evict(4))
	require.Equal(t, match{host: 4}, serve(t, k, a, 0))
	assert.EqualValues(t, 4, k.host.stats.Prefetches)
	assert.Zero(t, k.host.stats.PrefetchesUsed)

	k.prefetch(request(b))
	for range 2 {
		require.True(t, k.admit(request(b), false))
	}
	assert.EqualValues(t, 4, k.host.stats.PrefetchesUsed)
}
