package sim_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// offloadSpec is the small stack with a manager, and so many blocks in each tier. Two blocks are computed an iteration.
func offloadSpec(manager string, device, host, disk int64) sim.Spec {
	s := smallSpec()
	s.Offload.Manager, s.Loader.QueueDepth, s.MaxNumTokens = manager, 1, 64
	for tier, blocks := range map[*sim.TierSpec]int64{&s.Device: device, &s.Host: host, &s.Disk: disk} {
		*tier = sim.TierSpec{CapacityBytes: blocks * s.BlockBytes(), Policy: "LRU"}
	}
	if manager == sim.OffloadDisk {
		s.Host = sim.TierSpec{}
	}
	return s
}

// quiet is the machine without the operating system's own I/O.
func quiet(m sim.Mechanisms) sim.Params {
	p := sim.DefaultParams()
	p.NVMe.BackgroundReadsPerSec, p.NVMe.BackgroundWritesPerSec = 0, 0
	p.Mechanisms = m
	return p
}

// drive is what has been read from the drive and written to it, bytes.
func (m *machine) drive() (read, written int64) {
	m.t.Helper()
	files, err := sim.NewFiles(m.t.TempDir())
	require.NoError(m.t, err)
	defer files.Close()
	require.NoError(m.t, m.Render(m.t.Context(), files))
	r, w := diskBytes(m.t, files)
	return r["nvme0n1"], w["nvme0n1"]
}

// told asks for a prompt, lets everything come to rest, and returns how many tokens were cached.
func (m *machine) told(tag string, tokens int) int {
	m.t.Helper()
	a := m.ask("u0-q0", prompt(tag, tokens), 1)
	require.Equal(m.t, 200, a.status, a.body)
	time.Sleep(time.Second)
	return a.cached
}

// series are the values of a family on a page, by what stands in braces.
func series(page, family string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(page) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		name, labels, _ := strings.Cut(name, "{")
		if ok && name == family {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				v = math.NaN()
			}
			out[strings.TrimSuffix(labels, "}")] = v
		}
	}
	return out
}

const (
	vllmLabels = `engine="0",model_name="test/small"`
	fsLabels   = vllmLabels + `,tier="1:fs"`
)

// busy has several clients ask for a few prompts of different lengths at once.
func (m *machine) busy(rounds int) {
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := range rounds {
				m.ask(fmt.Sprintf("u%d-q%d", c, i), prompt(fmt.Sprint("p", (i*(c+1))%7), 65+32*((i+c)%4)), 2)
				time.Sleep(time.Duration(137*(c+1)) * time.Microsecond)
			}
		})
	}
	wg.Wait()
	time.Sleep(time.Second)
}

// What the tiers count is what the drive has moved, and nothing comes onto the device or leaves it but by the path of its
// manager.
func TestOffloadedBytes(t *testing.T) {
	for _, manager := range sim.Offloads() {
		t.Run(manager, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := offloadSpec(manager, 24, 16, 40)
				m := start(t, spec, quiet(sim.Mechanisms{}))
				m.busy(60)
				kv, o := m.stats().KV, m.stats().Offload
				read, written := m.drive()
				require.Positive(t, read)
				assert.Equal(t, read, kv.Disk.BytesOut, "read from the drive")
				assert.Equal(t, written, kv.Disk.BytesIn, "written to the drive")
				assert.LessOrEqual(t, kv.Disk.OccupancyBlocks, 40)
				block := spec.BlockBytes()
				switch manager {
				case sim.OffloadKVBM:
					assert.Equal(t, kv.Device.BytesIn, kv.Host.BytesOut-written+kv.Disk.BytesOut)
				case sim.OffloadKVBMv2:
					assert.Equal(t, read, kv.OnboardD2H*block)
					assert.Zero(t, kv.OnboardD2D, "the disk does not reach the device")
					assert.Equal(t, kv.Host.BytesOut, kv.Device.BytesIn+written)
					assert.Equal(t, kv.Host.BytesIn, kv.Device.BytesOut+read)
				case sim.OffloadDisk:
					assert.Equal(t, sim.TierStats{}, kv.Host)
					assert.Equal(t, read, kv.Device.BytesIn)
					assert.Equal(t, written, kv.Device.BytesOut)
				case sim.OffloadFS:
					assert.Equal(t, kv.Host.BytesOut, kv.Device.BytesIn+written)
					assert.Equal(t, kv.Host.BytesIn, kv.Device.BytesOut+read)
					page := m.get("worker", "/metrics")
					bytes := func(name, labels string) int64 { return int64(series(page, "vllm:kv_offload_"+name+"_total")[labels]) }
					assert.Equal(t, read, bytes("tiering_read_bytes", fsLabels))
					assert.Equal(t, written, bytes("tiering_write_bytes", fsLabels)-o.ChunksSkipped*block)
					assert.Equal(t, kv.Device.BytesIn, bytes("load_bytes", vllmLabels))
					assert.Equal(t, kv.Device.BytesOut, bytes("store_bytes", vllmLabels))
				}
				assert.Zero(t, o.ActivePromotions+o.ActiveCascades+o.PromotingChunks+o.CascadingChunks+o.CPUHeld+o.PendingLoads+o.PendingStores+o.SlotsUsed)
				assert.Zero(t, m.stats().KVUsedBlocks)
			})
		})
	}
}

// Whatever a prompt's KV came from, its tokens are counted once.
func TestPromptTokensBySource(t *testing.T) {
	for _, manager := range []string{sim.OffloadFS, sim.OffloadDisk} {
		t.Run(manager, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, offloadSpec(manager, 24, 16, 40), quiet(sim.Mechanisms{}))
				m.busy(30)
				page := m.get("worker", "/metrics")
				sum := 0.0
				for _, source := range []string{"local_compute", "local_cache_hit", "external_kv_transfer"} {
					v := series(page, "vllm:prompt_tokens_by_source_total")[vllmLabels+`,source="`+source+`"`]
					assert.Positive(t, v, source)
					sum += v
				}
				of := func(name string) float64 { return series(page, "vllm:"+name+"_total")[vllmLabels] }
				assert.EqualValues(t, m.stats().PromptTokens, sum)
				assert.Equal(t, sum, of("prompt_tokens"))
				assert.Equal(t, of("prompt_tokens_cached"), of("prefix_cache_hits")+of("external_prefix_cache_hits"))
				assert.Equal(t, of("prefix_cache_queries")-of("prefix_cache_hits"), of("external_prefix_cache_queries"))
				assert.Equal(t, sum, of("prefix_cache_queries"))
			})
		})
	}
}

// The same seed leaves the same pages, counters and times.
func TestOffloadRepeats(t *testing.T) {
	for _, manager := range sim.Offloads() {
		t.Run(manager, func(t *testing.T) {
			var first string
			for range 2 {
				synctest.Test(t, func(t *testing.T) {
					m := start(t, offloadSpec(manager, 24, 16, 40), sim.DefaultParams())
					m.busy(20)
					all := fmt.Sprintf("%s%+v", m.get("worker", "/metrics"), m.stats())
					if first == "" {
						first = all
					}
					assert.Equal(t, first, all)
				})
			}
		})
	}
}

// What does not go together is refused in a line.
func TestOffloadRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*sim.Spec, *sim.Mechanisms)
		want   string
	}{
		"unknown":       {func(s *sim.Spec, _ *sim.Mechanisms) { s.Offload.Manager = "nvme" }, `the manager "nvme" of KV below the device is not known (known: kvbm, kvbm_v2, fs, disk)`},
		"Stack A":       {func(s *sim.Spec, _ *sim.Mechanisms) { s.Dialect = sim.DialectTRTLLM }, "the manager fs is Stack B's: let Stack A have none"},
		"prefetch":      {func(s *sim.Spec, _ *sim.Mechanisms) { s.PrefetchDepth = 2 }, "the manager fs prefetches nothing: set PrefetchDepth 0, or take kvbm"},
		"exclusive":     {func(s *sim.Spec, _ *sim.Mechanisms) { s.ExclusiveTiers = true }, "the manager fs has no exclusive tiers: switch them off, or take kvbm"},
		"host of disk":  {func(s *sim.Spec, _ *sim.Mechanisms) { s.Offload.Manager = sim.OffloadDisk }, "the manager disk has no host tier: leave it out, or take fs"},
		"filter":        {func(s *sim.Spec, _ *sim.Mechanisms) { s.OffloadMinFreq = 2 }, "the manager fs has no frequency filter: set the minimum frequency 1, or take kvbm"},
		"depth":         {func(s *sim.Spec, _ *sim.Mechanisms) { s.Loader.QueueDepth = 8 }, "the manager fs has one I/O in flight for each thread: set the loader's queue depth 1, and threads instead"},
		"policy":        {func(s *sim.Spec, _ *sim.Mechanisms) { s.Host.Policy = "FIFO" }, "the manager fs evicts by LRU: set that policy, or take kvbm"},
		"chunk":         {func(s *sim.Spec, _ *sim.Mechanisms) { s.Offload.BlocksPerChunk = 17 }, "the manager fs needs a CPU tier of at least one chunk, 139264 bytes"},
		"buffered":      {func(_ *sim.Spec, m *sim.Mechanisms) { m.BufferedKVTier = true }, "the manager fs goes around the page cache: take a world without buffered_kv_tier, or kvbm"},
		"no NVMe":       {func(s *sim.Spec, _ *sim.Mechanisms) { s.Disk = sim.TierSpec{} }, "the simulated machine needs an NVMe tier for fs"},
		"negative":      {func(s *sim.Spec, _ *sim.Mechanisms) { s.Offload.ReadThreads = -1 }, "the simulated machine needs offload parameters of 0 or more"},
		"no host of fs": {func(s *sim.Spec, _ *sim.Mechanisms) { s.Host = sim.TierSpec{} }, "the simulated machine needs a host tier above the NVMe tier"},
	} {
		t.Run(name, func(t *testing.T) {
			spec, p := offloadSpec(sim.OffloadFS, 24, 16, 40), sim.DefaultParams()
			tc.change(&spec, &p.Mechanisms)
			_, err := sim.Start(spec, p, 1)
			assert.EqualError(t, err, tc.want)
		})
	}
}
