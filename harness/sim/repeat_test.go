package sim_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
// all that can be seen of it. Another process may run the loops beside it.
func tierTraffic(t *testing.T, spec sim.Spec, p sim.Params, seed uint64, others ...sim.ForeignLoop) (seen string, st sim.EngineStats) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, spec, p)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		rng := rand.New(rand.NewPCG(seed, 16))
		var lines []string
		if len(others) > 0 {
			time.Sleep(700 * time.Nanosecond)
			_, err := m.StartForeign(t.Context(), others...)
			require.NoError(t, err)
			// The call took a nanosecond of the engine's: back to the grid.
			time.Sleep(time.Microsecond - time.Since(time.Unix(0, 0))%time.Microsecond)
		}
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
					req.Header.Set("Content-Type", "application/json")
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
			time.Sleep(500 * time.Nanosecond)
			require.NoError(t, m.Render(t.Context(), files))
			for _, name := range []string{"stat", "meminfo", "diskstats", "pressure/io"} {
				text, err := os.ReadFile(filepath.Join(files.Proc, name))
				require.NoError(t, err)
				lines = append(lines, name+"\n"+string(text))
			}
			time.Sleep(500 * time.Nanosecond)
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
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
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
				one, st := tierTraffic(t, spec, sim.DefaultParams(), 1)
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
				again, _ := tierTraffic(t, spec, sim.DefaultParams(), 1)
				assert.True(t, one == again, "same seed, same bytes")
				other, _ := tierTraffic(t, spec, sim.DefaultParams(), 2)
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

// So it does with each mechanism of the KV tier and with all of them, and each of them shows.
func TestMechanismsRepeat(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	spec := specB(t, "L8B")
	for tier, blocks := range map[*sim.TierSpec]int64{&spec.Device: 60, &spec.Host: 50, &spec.Disk: 120} {
		*tier = sim.TierSpec{CapacityBytes: blocks * spec.BlockBytes(), Policy: "LRU"}
	}
	spec.MaxBatchSize, spec.PrefetchDepth = 2, 1
	plain, _ := tierTraffic(t, spec, sim.DefaultParams(), 1)
	for name, mech := range map[string]sim.Mechanisms{
		"second drive":   {KVOnSecondDrive: true},
		"async loader":   {AsyncKVLoader: true},
		"blocking fetch": {BlockingFetch: true},
		"buffered tier":  {BufferedKVTier: true},
		"costly scrape":  {ScrapeStall: 40 * time.Millisecond},
		"all": {KVOnSecondDrive: true, AsyncKVLoader: true, BlockingFetch: true, BufferedKVTier: true,
			ScrapeStall: 40 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			p := sim.DefaultParams()
			p.Mechanisms = mech
			one, st := tierTraffic(t, spec, p, 1)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			again, _ := tierTraffic(t, spec, p, 1)
			assert.True(t, one == again, "same seed, same bytes")
			assert.False(t, one == plain, "not the calibrated machine")
			assert.Positive(t, st.KV.OnboardD2D)
		})
	}
}

// So it does beside programs that think, whatever the mechanisms are.
func TestNeighboursRepeat(t *testing.T) {
	spec := specB(t, "L8B")
	for tier, blocks := range map[*sim.TierSpec]int64{&spec.Device: 60, &spec.Host: 50, &spec.Disk: 120} {
		*tier = sim.TierSpec{CapacityBytes: blocks * spec.BlockBytes(), Policy: "LRU"}
	}
	spec.MaxBatchSize, spec.PrefetchDepth = 2, 1
	short := sim.ForeignLoop{Stream: reader, IOTime: 20 * time.Millisecond, ThinkTime: 30 * time.Millisecond, SpinTime: 10 * time.Millisecond}
	for name, mech := range map[string]sim.Mechanisms{
		"none": {},
		"all":  {KVOnSecondDrive: true, AsyncKVLoader: true, BlockingFetch: true, BufferedKVTier: true, ScrapeStall: 40 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			p := sim.DefaultParams()
			p.Mechanisms = mech
			one, _ := tierTraffic(t, spec, p, 1, thinker, thinker, short)
			alone, _ := tierTraffic(t, spec, p, 1)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
			again, _ := tierTraffic(t, spec, p, 1, thinker, thinker, short)
			assert.True(t, one == again, "same seed, same bytes")
			assert.False(t, one == alone, "they show")
		})
	}
}
