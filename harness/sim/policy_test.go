package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testBlockTokens = 4

// tiersOf returns a manager with tiers of so many blocks; 0 leaves a lower tier out.
func tiersOf(t testing.TB, policy string, device, host, disk int, change func(*Spec)) *kvManager {
	t.Helper()
	m, err := ModelByName("L8B")
	require.NoError(t, err)
	s := Spec{Model: m, KVElemBytes: 1, BlockTokens: testBlockTokens, BlockReuse: true, OffloadMinFreq: 2}
	tier := func(blocks int) TierSpec {
		return TierSpec{CapacityBytes: int64(blocks) * s.BlockBytes(), Policy: policy}
	}
	s.Device, s.Host, s.Disk = tier(device), tier(host), tier(disk)
	if change != nil {
		change(&s)
	}
	k, err := newKVManager(s)
	require.NoError(t, err)
	return k
}

// request is a sequence whose blocks can all be found: one token is left to compute.
func request(prompt []uint64) *sequence {
	return &sequence{promptTokens: len(prompt)*testBlockTokens + 1, maxTokens: 1, hashes: prompt}
}

// serve takes a prompt through the manager and returns where its leading blocks were.
func serve(t testing.TB, k *kvManager, prompt []uint64, now int64) match {
	s := request(prompt)
	require.True(t, k.admit(s, false))
	k.computed(s, now)
	k.finish(s)
	return s.match
}

// serveBelow serves a prompt of which nothing stands on the device before or after.
func serveBelow(t testing.TB, k *kvManager, prompt []uint64, now int64) match {
	m := serve(t, k, prompt, now)
	require.True(t, k.device.evict(len(k.device.blocks)))
	require.Zero(t, m.device)
	return m
}

// conversations are n prompts of some users, each of which goes on, branches off or starts anew: their
// hashes are chained, so that prompts share prefixes.
func conversations(seed uint64, n int) [][]uint64 {
	rng := rand.New(rand.NewPCG(seed, 11))
	talks := make([][]uint32, 12)
	out := make([][]uint64, n)
	for i := range out {
		u := min(rng.IntN(len(talks)), rng.IntN(len(talks))) // some users come more often
		switch talk := talks[u]; {
		case len(talk) == 0 || rng.IntN(12) == 0:
			talks[u] = append([]uint32{1, 2, 3, 4}, uint32(u), rng.Uint32N(3), 7, 8) // all have the first block
		case rng.IntN(8) == 0:
			talks[u] = slices.Clone(talk[:testBlockTokens*(1+rng.IntN(len(talk)/testBlockTokens))])
		}
		for range testBlockTokens * rng.IntN(4) {
			talks[u] = append(talks[u], rng.Uint32N(2))
		}
		out[i] = BlockHashes(talks[u], testBlockTokens)
	}
	return out
}

// Each policy gives, request for request, the hits of the plain reference.
func TestPoliciesAgreeWithPlainCache(t *testing.T) {
	for _, policy := range Policies() {
		for _, capacity := range []int{1, 2, 3, 5, 10, 30, 80, 5000} {
			t.Run(fmt.Sprint(policy, "/", capacity), func(t *testing.T) {
				k := tiersOf(t, policy, 200, capacity, 0, nil)
				plain := &plainCache{policy: policy, capacity: capacity}
				for i, p := range conversations(uint64(capacity), 600) {
					require.Equal(t, plain.ask(p), serveBelow(t, k, p, 0).host, "request %d", i)
					require.Equal(t, plain.hashes(), slices.Sorted(maps.Keys(k.host.blocks)))
				}
				assert.Equal(t, capacity < 5000, len(k.host.blocks) == capacity, "all but the biggest have to evict")
			})
		}
	}
}

// On tier 0, where sequences hold blocks: whatever is inserted, held, freed and evicted in whatever
// order, tier and plain reference hold the same, and a block that is held never goes.
func TestHeldBlocksAgreeWithPlainCache(t *testing.T) {
	for _, policy := range Policies() {
		for seed := range uint64(8) {
			t.Run(fmt.Sprint(policy, "/", seed), func(t *testing.T) {
				const capacity = 12
				tr, err := newTier(TierSpec{CapacityBytes: capacity, Policy: policy}, 1)
				require.NoError(t, err)
				plain := &plainCache{policy: policy, capacity: capacity}
				rng := rand.New(rand.NewPCG(seed, 12))
				var held []uint64
				for range 2000 {
					h := rng.Uint64N(30)
					e := plain.find(h)
					switch op := rng.IntN(6); {
					case op == 0 && e == nil && (len(plain.entries) < capacity || plain.evict()):
						if len(tr.blocks) == capacity {
							require.True(t, tr.evict(1))
						}
						tr.insertHeld(h)
						plain.insert(h, 1)
						held = append(held, h)
					case op == 1 && e == nil:
						tr.insert(h)
						plain.insert(h, 0)
					case op == 2 && e != nil:
						tr.retain(h)
						plain.retain(e)
						held = append(held, h)
					case op == 3 && e != nil && e.refs == 0:
						tr.use(h)
						plain.use(e)
					case op == 4 && e != nil && e.refs == 0:
						tr.refresh(h)
						plain.refresh(e)
					case op == 5 && len(held) > 0:
						i := rng.IntN(len(held))
						tr.release(held[i])
						plain.release(plain.find(held[i]))
						held = slices.Delete(held, i, i+1)
					}
					require.Equal(t, plain.hashes(), slices.Sorted(maps.Keys(tr.blocks)))
					for _, h := range held {
						require.True(t, tr.has(h))
					}
				}
				for plain.evict() { // the whole order
					require.True(t, tr.evict(1))
					require.Equal(t, plain.hashes(), slices.Sorted(maps.Keys(tr.blocks)))
				}
				require.False(t, tr.evict(1), "only held blocks are left")
			})
		}
	}
}

// However often blocks are used, LFU keeps no bucket that no block is in.
func TestLFUBuckets(t *testing.T) {
	tr, err := newTier(TierSpec{CapacityBytes: 3, Policy: "LFU"}, 1)
	require.NoError(t, err)
	for h := range uint64(3) {
		tr.insert(h)
	}
	for range 100 {
		tr.use(0)
		tr.use(1)
	}
	l := tr.order.(*lfu)
	var counts []int64
	for f := l.head.next; f != &l.head; f = f.next {
		counts = append(counts, f.count)
	}
	assert.Equal(t, []int64{1, 101}, counts)
}

// A bigger LRU tier has every block that a smaller one has, and serves at least its hits.
func TestLRUInclusion(t *testing.T) {
	var tiers []*kvManager
	for _, capacity := range []int{1, 4, 9, 20, 45, 100} {
		tiers = append(tiers, tiersOf(t, "LRU", 200, capacity, 0, nil))
	}
	for i, p := range conversations(3, 800) {
		smaller := 0
		for j, k := range tiers {
			hits := serveBelow(t, k, p, 0).host
			require.GreaterOrEqual(t, hits, smaller, "request %d, tier %d", i, j)
			require.LessOrEqual(t, len(k.host.blocks), k.host.capacity)
			smaller = hits
			if j > 0 {
				for h := range tiers[j-1].host.blocks {
					require.True(t, k.host.has(h), "request %d, tier %d", i, j)
				}
			}
		}
	}
}

// hits serves prompts of one block from a host tier and counts those that were there.
func hits(t *testing.T, policy string, capacity int, blocks []uint64) int {
	k := tiersOf(t, policy, 4, capacity, 0, nil)
	n := 0
	for _, h := range blocks {
		n += serveBelow(t, k, []uint64{h}, 0).host
	}
	return n
}

// Half of the requests are for a few hot blocks, half for blocks that never come back: counting uses
// and segments both keep the hot ones, first-in-first-out lets the cold ones push them out. When other
// blocks become hot, the counts of the first are in the way.
func TestPoliciesByWorkload(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	rng := rand.New(rand.NewPCG(1, 13))
	cold := uint64(1000)
	mixed := func(n int, first uint64) []uint64 {
		out := make([]uint64, n)
		for i := range out {
			if out[i] = first + rng.Uint64N(16); rng.IntN(2) == 0 {
				cold++
				out[i] = cold
			}
		}
		return out
	}
	const capacity, n = 20, 4000
	hotCold := mixed(n, 0)
	shifting := slices.Concat(mixed(n, 100), mixed(n/4, 200), mixed(n/4, 300), mixed(n/4, 400), mixed(n/4, 500))
	got, shifted := map[string]int{}, map[string]int{}
	for _, p := range Policies() {
		got[p], shifted[p] = hits(t, p, capacity, hotCold), hits(t, p, capacity, shifting)-hits(t, p, capacity, shifting[:n])
	}
	// 16 hot blocks in 20: at most all of the 2,000 requests for them.
	assert.Greater(t, float64(got["LFU"]), 1.4*float64(got["FIFO"]), "%v", got)
	assert.Greater(t, float64(got["SEGMENTED"]), 1.4*float64(got["FIFO"]), "%v", got)
	assert.Less(t, float64(shifted["LFU"]), 0.5*float64(shifted["LRU"]), "%v", shifted)
	assert.Less(t, shifted["LFU"], shifted["FIFO"], "%v", shifted)
}

func TestUnknownPolicy(t *testing.T) {
	_, err := newPolicy("MRU", 1)
	require.EqualError(t, err, `eviction policy "MRU" is not known (known: LRU, FIFO, LFU, SEGMENTED)`)
	for _, name := range Policies() {
		p, err := newPolicy(name, 1)
		require.NoError(t, err)
		assert.Equal(t, name, p.name())
	}
}

// One policy operation: a use and a block that comes for one that goes, in a tier of 512 GiB in blocks
// of 10 MiB, of which sequences hold a part.
func BenchmarkPolicy(b *testing.B) {
	const capacity, heldBlocks = 52428, 2000
	for _, policy := range Policies() {
		b.Run(policy, func(b *testing.B) {
			tr, err := newTier(TierSpec{CapacityBytes: capacity, Policy: policy}, 1)
			require.NoError(b, err)
			for h := range uint64(capacity) {
				tr.insert(h)
				if h < heldBlocks {
					tr.retain(h)
				}
			}
			rng := rand.New(rand.NewPCG(1, 14))
			next := uint64(capacity)
			for b.Loop() {
				if h := next - 1 - rng.Uint64N(capacity); h >= heldBlocks && tr.has(h) {
					tr.use(h)
				}
				tr.insert(next)
				next++
			}
		})
	}
}
