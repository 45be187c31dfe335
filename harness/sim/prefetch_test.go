package sim_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// hog is a request that has the one slot, and how long after it the next one comes.
type hog struct {
	prompt, tokens int
	after          time.Duration
}

// queued puts a prompt of 128 blocks onto the NVMe alone, then asks for it while the hog has the one
// slot. It returns the time from the end of the hog to the first token.
func queued(t *testing.T, m *machine, h hog) time.Duration {
	for i := range 2 { // seen twice, so that the filter lets it pass
		m.ask(fmt.Sprintf("u0-q%d", i), prompt("alpha", 4096), 16)
		time.Sleep(time.Minute)
	}
	m.ask("u1-q0", prompt("beta", 4160), 16)
	time.Sleep(time.Minute)
	var wg sync.WaitGroup
	var free, first time.Time
	wg.Go(func() {
		m.ask("u0-q2", prompt("gamma", h.prompt), h.tokens)
		free = time.Now()
	})
	wg.Go(func() {
		time.Sleep(h.after)
		asked := time.Now()
		a := m.ask("u0-q3", prompt("alpha", 4096), 16)
		first = asked.Add(a.ttft)
		require.Equal(t, 4064, a.cached)
	})
	wg.Wait()
	time.Sleep(time.Minute)
	return first.Sub(free)
}

// A prefetch takes the fetch of a request that waits for a slot off its way. If the slot comes early the
// request waits for the rest of the prefetch, and nothing is read twice.
func TestPrefetch(t *testing.T) {
	// 127 blocks of 10 MiB at 0.455 GB/s (see TestTiersServePrefixes), and one block to compute.
	const fetch, compute = 127 * 10 * 1.048576e6 / 0.455e9, 0.27
	for name, tc := range map[string]struct {
		depth      int
		hog        hog
		want       float64 // s from the slot to the first token
		prefetched int64
		early      bool // the slot comes before the blocks
	}{
		"off":             {0, hog{64, 40, time.Second}, fetch + compute, 0, true},
		"slot comes late": {1, hog{64, 40, time.Second}, compute, 127, false},
		// The hog takes 8 x 0.244 s, and the next request comes after 1 s.
		"slot comes early": {1, hog{64, 8, time.Second}, fetch - 0.95 + compute, 127, true},
		// The hog takes one iteration of 2048 tokens' prompt.
		"asked at once":             {1, hog{2048, 1, 0}, fetch - 2048/1030.0 + compute, 127, true},
		"asked during an iteration": {1, hog{2048, 1, time.Millisecond}, fetch - 2048/1030.0 + compute, 127, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := smallTiers(t, 131, 130)
				spec.MaxBatchSize, spec.PrefetchDepth = 1, tc.depth
				m := start(t, spec, sim.DefaultParams())
				assert.InDelta(t, tc.want, queued(t, m, tc.hog).Seconds(), 0.05)
				st := m.stats()
				assert.Equal(t, tc.prefetched, st.KV.Host.Prefetches)
				assert.Equal(t, tc.prefetched, st.KV.Host.PrefetchesUsed)
				assert.EqualValues(t, 127, st.KV.OnboardH2D+st.KV.OnboardD2D)
				assert.Equal(t, tc.prefetched, st.KV.OnboardH2D, "what was prefetched comes up from the host")
				if tc.depth == 0 {
					assert.EqualValues(t, 1, st.Fetch.Transfer.Count)
				} else {
					assert.Zero(t, st.Fetch.Transfer.Count, "a prefetch is no onboarding from disk")
				}
				early := int64(0)
				if tc.early {
					early = 127
				}
				assert.Equal(t, early, st.KV.DiskHitBlocks, "a hit counts where the block stood at admission")
			})
		})
	}
}

// Only the first requests of the queue are prefetched for.
func TestPrefetchDepth(t *testing.T) {
	for depth, want := range map[int]int64{0: 0, 1: 16, 2: 32, 3: 48, 9: 48} {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := smallTiers(t, 100, 60)
				spec.MaxBatchSize, spec.PrefetchDepth = 1, depth
				m := start(t, spec, sim.DefaultParams())
				for i := range 6 {
					m.ask(fmt.Sprintf("u%d-q%d", i%3, i/3), prompt(fmt.Sprint("p", i%3), 512), 2)
					time.Sleep(time.Minute)
				}
				m.ask("u8-q0", prompt("other", 3190), 2) // pushes the prompts out of device and host
				time.Sleep(time.Minute)
				var wg sync.WaitGroup
				wg.Go(func() { m.ask("u9-q0", prompt("hog", 64), 60) })
				for i := range 3 {
					wg.Go(func() {
						time.Sleep(time.Second)
						m.ask(fmt.Sprintf("u%d-q9", i), prompt(fmt.Sprint("p", i), 513), 2)
					})
				}
				time.Sleep(10 * time.Second)
				assert.Equal(t, want, m.stats().KV.Host.Prefetches)
				wg.Wait()
			})
		})
	}
	t.Run("once", func(t *testing.T) { // a host tier that is too small does not make it start over
		synctest.Test(t, func(t *testing.T) {
			spec := smallTiers(t, 40, 8)
			spec.MaxBatchSize, spec.PrefetchDepth = 1, 4
			m := start(t, spec, sim.DefaultParams())
			for i := range 2 {
				m.ask(fmt.Sprintf("u0-q%d", i), prompt("p", 512), 2)
				time.Sleep(time.Minute)
			}
			m.ask("u1-q0", prompt("other", 1270), 2)
			var wg sync.WaitGroup
			wg.Go(func() { m.ask("u2-q0", prompt("hog", 64), 60) })
			wg.Go(func() {
				time.Sleep(time.Second)
				m.ask("u0-q2", prompt("p", 513), 2)
			})
			wg.Wait()
			assert.EqualValues(t, 16, m.stats().KV.Host.Prefetches)
		})
	})
	spec := specB(t, "L70B")
	spec.Disk, spec.PrefetchDepth = sim.TierSpec{}, 1
	_, err := sim.Start(spec, sim.DefaultParams(), 1)
	require.EqualError(t, err, "the simulated machine needs an NVMe tier, or PrefetchDepth 0")
	spec.PrefetchDepth = -1
	_, err = sim.Start(spec, sim.DefaultParams(), 1)
	require.EqualError(t, err, "the simulated machine needs a prefetch depth of 0 or more")
}

// In exclusive tiers a prefetch pushes blocks of the host tier onto the NVMe, at once.
func TestPrefetchDemotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := smallTiers(t, 40, 33)
		spec.ExclusiveTiers, spec.MaxBatchSize, spec.PrefetchDepth = true, 1, 1
		m := start(t, spec, sim.DefaultParams())
		for i, name := range []string{"alpha", "alpha", "beta", "beta", "gamma", "gamma"} {
			m.ask(fmt.Sprintf("u0-q%d", i), prompt(name, 1024), 16)
			time.Sleep(time.Minute)
		}
		var wg sync.WaitGroup
		wg.Go(func() { m.ask("u1-q0", prompt("hog", 64), 60) })
		wg.Go(func() {
			time.Sleep(time.Second)
			m.ask("u0-q9", prompt("alpha", 1024), 16)
		})
		time.Sleep(500 * time.Millisecond)
		before := m.stats().KV
		time.Sleep(9 * time.Second)
		after := m.stats().KV
		assert.Greater(t, after.Host.Prefetches, int64(20))
		assert.GreaterOrEqual(t, after.OffloadH2D-before.OffloadH2D, after.Host.Prefetches-1, "for each block that came one went, but for a free place")
		wg.Wait()
	})
}
