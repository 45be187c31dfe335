package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func exclusive(s *Spec) { s.ExclusiveTiers = true }

// keys are the names of blocks on the storage.
func keys(blocks []StoredBlock) []uint64 {
	var out []uint64
	for _, b := range blocks {
		out = append(out, b.Key)
	}
	return out
}

// play takes prompts through the manager with several sequences open at once, some of them given up
// before their prompt is done, prefetches for the next prompts, and writes and prefetches that end some
// time later. It checks the manager after each event.
func play(t *testing.T, k *kvManager, seed uint64, check func()) {
	rng := rand.New(rand.NewPCG(seed, 15))
	prompts := conversations(seed, 400)
	var admitted, running []*sequence
	var writes [][]StoredBlock
	var prefetches []*prefetch
	now := int64(0)
	take := func(list *[]*sequence) *sequence {
		i := rng.IntN(len(*list))
		s := (*list)[i]
		*list = slices.Delete(*list, i, i+1)
		return s
	}
	for len(prompts) > 0 {
		now += 1e9
		switch op := rng.IntN(8); {
		case op == 0 || op == 1:
			s := request(prompts[0])
			if k.admit(s, false) {
				prompts = prompts[1:]
				admitted = append(admitted, s)
			} else {
				require.NotEmpty(t, slices.Concat(admitted, running), "an empty machine takes every prompt")
			}
		case op == 2 && len(admitted) > 0:
			s := take(&admitted)
			writes = append(writes, k.computed(s, now))
			running = append(running, s)
		case op == 3 && len(running) > 0:
			k.finish(take(&running))
		case op == 4 && len(admitted) > 0 && rng.IntN(4) == 0:
			k.finish(take(&admitted)) // the client has gone
		case op == 5 && len(writes) > 0:
			k.written(writes[0])
			writes = writes[1:]
		case op == 6:
			if p := k.prefetch(request(prompts[rng.IntN(min(4, len(prompts)))])); p != nil {
				prefetches = append(prefetches, p)
			}
		case op == 7 && len(prefetches) > 0:
			k.prefetched(prefetches[0])
			prefetches = prefetches[1:]
		}
		writes = append(writes, k.toWrite(now))
		writes = slices.DeleteFunc(writes, func(w []StoredBlock) bool { return len(w) == 0 })
		under := slices.Sorted(slices.Values(keys(slices.Concat(writes...))))
		require.Len(t, slices.Compact(slices.Clone(under)), len(under), "no block is written twice at once")
		for _, s := range running {
			for _, h := range s.shared {
				require.True(t, k.device.has(h), "a block that is used is never evicted")
			}
		}
		check()
	}
	for len(admitted) > 0 {
		k.finish(take(&admitted))
	}
	for len(running) > 0 {
		k.finish(take(&running))
	}
	require.Zero(t, k.usedBlocks())
	for _, p := range prefetches {
		k.prefetched(p)
	}
	require.Empty(t, k.arriving)
	require.LessOrEqual(t, k.host.stats.PrefetchesUsed, k.host.stats.Prefetches)
	require.Positive(t, k.host.stats.PrefetchesUsed)
}

// No tier ever holds more than its capacity, whatever the policy; in exclusive tiers no block is in two.
func TestTierProperties(t *testing.T) {
	for _, policy := range Policies() {
		for name, change := range map[string]func(*Spec){"inclusive": nil, "exclusive": exclusive} {
			for seed := range uint64(2) {
				t.Run(fmt.Sprint(policy, "/", name, "/", seed), func(t *testing.T) {
					k := tiersOf(t, policy, 60, 40, 50, change)
					var most [3]int
					var low match
					twice := 0
					play(t, k, seed, func() {
						occupied := [3]int{len(k.device.blocks) + k.anonymous, len(k.host.blocks), len(k.disk.blocks)}
						for i, capacity := range []int{60, 40, 50} {
							most[i] = max(most[i], occupied[i])
							require.LessOrEqual(t, occupied[i], capacity, "tier %d", i)
						}
						for h := range k.host.blocks {
							if k.device.has(h) || k.disk.has(h) {
								twice++
							}
						}
						for h := range k.disk.blocks {
							if k.device.has(h) {
								twice++
							}
						}
						low = match{host: int(k.counters.HostHitBlocks), disk: int(k.counters.DiskHitBlocks)}
					})
					assert.Equal(t, [3]int{60, 40, 50}, most, "the prompts fill all tiers")
					assert.Positive(t, low.host, "and hit the host")
					assert.Positive(t, low.disk, "and the NVMe")
					assert.Equal(t, name == "exclusive", twice == 0, "%d blocks in two tiers", twice)
				})
			}
		}
	}
}

// chain is a prompt of n blocks of its own.
func chain(name uint32, n int) []uint64 {
	tokens := slices.Repeat([]uint32{name}, n*testBlockTokens)
	return BlockHashes(tokens, testBlockTokens)
}

// Exclusive tiers add up: of two prompts one fits the device and the other the host. Inclusive tiers of
// the same sizes hold the latest prompt twice.
func TestExclusiveTiersAddUp(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Spec)
		want   int
	}{"inclusive": {nil, 0}, "exclusive": {exclusive, 6}} {
		t.Run(name, func(t *testing.T) {
			k := tiersOf(t, "LRU", 7, 6, 0, tc.change) // six blocks and one for the output
			for range 3 {
				serve(t, k, chain(1, 6), 0)
				serve(t, k, chain(2, 6), 0)
			}
			assert.Equal(t, tc.want, serve(t, k, chain(1, 6), 0).host)
		})
	}
}

// A block that the host tier evicts goes to the NVMe, by the filter: one that was seen twice comes back
// from there, one that was seen once is lost.
func TestExclusiveDemotion(t *testing.T) {
	k := tiersOf(t, "LRU", 7, 6, 100, exclusive)
	a, b, c := chain(1, 6), chain(2, 6), chain(3, 6)
	serve(t, k, a, 0)
	serve(t, k, a, 0)
	require.Empty(t, k.toWrite(0), "seen twice, and nothing had to go")
	serve(t, k, b, 0) // a to the host
	require.Empty(t, k.toWrite(0))
	serve(t, k, c, 0) // b to the host, a out of it
	write := k.toWrite(0)
	require.ElementsMatch(t, a, keys(write))
	require.Zero(t, k.find(request(a)).blocks(), "on its way it is in no tier")
	k.written(write)
	serve(t, k, chain(4, 6), 0) // c to the host, b out of it, seen once
	require.Empty(t, k.toWrite(0))
	assert.Equal(t, match{disk: 6}, serve(t, k, a, 0))
	assert.Equal(t, match{}, k.find(request(b)))
	assert.Equal(t, match{device: 6}, k.find(request(a)))
	assert.Empty(t, k.disk.blocks, "on the device it is nowhere else")

	// A block that was computed again while it was being written stays on the device alone.
	serve(t, k, chain(5, 6), 0)
	serve(t, k, chain(6, 6), 0)
	write = k.toWrite(0)
	require.Subset(t, keys(write), a)
	serve(t, k, a, 0)
	k.written(write)
	assert.Equal(t, match{device: 6}, k.find(request(a)))
	assert.Empty(t, k.disk.run(a))
}

// What the default filter and write-through mean: a prompt that the host tier lost after its first use
// is gone; one that is seen again is written at once, though nothing had to be evicted for it.
func TestFilterConsequence(t *testing.T) {
	k := tiersOf(t, "LRU", 7, 12, 100, nil)
	once, twice := chain(1, 6), chain(2, 6)
	s := request(once)
	require.True(t, k.admit(s, false))
	assert.Empty(t, k.computed(s, 0), "seen once")
	k.finish(s)
	serve(t, k, twice, 0)
	s = request(twice)
	require.True(t, k.admit(s, false))
	write := k.computed(s, 0)
	assert.ElementsMatch(t, twice, keys(write))
	k.finish(s)
	k.written(write)
	assert.True(t, k.host.run(once) == 6 && k.host.run(twice) == 6, "the host tier still has both")
	for i := range uint32(3) {
		serve(t, k, chain(10+i, 6), 0)
	}
	assert.Equal(t, match{}, k.find(request(once)))
	assert.Equal(t, match{disk: 6}, k.find(request(twice)))
}

// Asking the filter counts nothing, and what it has seen decays.
func TestFilterPasses(t *testing.T) {
	f := newFrequencyFilter(2)
	f.see(1, 0)
	for range 3 {
		assert.False(t, f.passes(1, 0))
	}
	f.see(1, 0)
	assert.True(t, f.passes(1, filterDecayNS-1))
	assert.False(t, f.passes(1, filterDecayNS))
	assert.True(t, newFrequencyFilter(1).passes(1, 1e15), "with a minimum of 1 all pass")
}
