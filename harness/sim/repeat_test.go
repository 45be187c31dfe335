package sim_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// tierTraffic sends random requests, of which some are given up, restarts the server once, and returns
// all that can be seen of it.
func tierTraffic(t *testing.T, spec sim.Spec, seed uint64) (seen string, st sim.EngineStats) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, spec, sim.DefaultParams())
		rng := rand.New(rand.NewPCG(seed, 16))
		var lines []string
		for range 2 {
			var wg sync.WaitGroup
			var mu sync.Mutex
			for i := range 100 {
				time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
				text, patience := prompt(fmt.Sprint("p", min(rng.IntN(12), rng.IntN(12))), 64+rng.IntN(500)), time.Hour
				if rng.IntN(6) == 0 {
					patience = time.Duration(rng.IntN(2000)) * time.Millisecond
				}
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/completions",
						strings.NewReader(fmt.Sprintf(`{"model":%q,"prompt":%q,"max_tokens":3,"stream":true,"stream_options":{"include_usage":true}}`, m.served, text)))
					req.Header.Set("X-Request-Id", fmt.Sprintf("u%d-q0", i))
					rec, began := httptest.NewRecorder(), time.Now()
					m.handlers["frontend"].ServeHTTP(rec, req)
					mu.Lock()
					defer mu.Unlock()
					lines = append(lines, fmt.Sprint(i, time.Since(began), rec.Body))
				})
			}
			wg.Wait()
			time.Sleep(10 * time.Second)
			st = m.stats()
			require.Zero(t, st.Running+st.Waiting)
			require.Zero(t, st.KVUsedBlocks)
			lines = append(lines, fmt.Sprintf("%+v", st), m.get("kvbm", "/metrics"))
			require.NoError(t, m.restart())
		}
		slices.Sort(lines)
		seen = strings.Join(lines, "\n")
	})
	return seen, st
}

// The same seed gives the same figures with exclusive or inclusive tiers, any policy and prefetches,
// however many threads there are.
func TestTiersRepeat(t *testing.T) {
	for _, policy := range sim.Policies() {
		for _, exclusive := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/exclusive=%t", policy, exclusive), func(t *testing.T) {
				spec := specB(t, "L8B")
				disk := int64(120)
				if exclusive {
					disk = 50
				}
				for tier, blocks := range map[*sim.TierSpec]int64{&spec.Device: 60, &spec.Host: 50, &spec.Disk: disk} {
					*tier = sim.TierSpec{CapacityBytes: blocks * spec.BlockBytes(), Policy: policy}
				}
				spec.MaxBatchSize, spec.PrefetchDepth, spec.ExclusiveTiers = 2, 3, exclusive
				one, st := tierTraffic(t, spec, 1)
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
				again, _ := tierTraffic(t, spec, 1)
				assert.True(t, one == again, "same seed, same bytes")
				other, _ := tierTraffic(t, spec, 2)
				assert.False(t, one == other, "another seed, other bytes")
				assert.Positive(t, st.KV.Host.PrefetchesUsed)
				assert.Positive(t, st.KV.OnboardH2D)
				assert.Positive(t, st.KV.OffloadH2D)
				for _, tier := range []sim.TierStats{st.KV.Device, st.KV.Host, st.KV.Disk} {
					assert.Positive(t, tier.Hits)
					assert.Positive(t, tier.Evictions)
				}
				// The machine moved whole blocks, and what came into a tier came out of another.
				in, out := st.KV.Device.BytesIn+st.KV.Host.BytesIn+st.KV.Disk.BytesIn, st.KV.Device.BytesOut+st.KV.Host.BytesOut+st.KV.Disk.BytesOut
				assert.Equal(t, in, out)
				assert.Equal(t, (st.KV.OnboardH2D+st.KV.OnboardD2D)*spec.BlockBytes(), st.KV.Device.BytesIn)
			})
		}
	}
}
