package sim_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// pushedOut starts a machine with a CPU tier of so many blocks, on which a prompt of five blocks has been computed and pushed
// out of the device and the CPU tier by others.
func pushedOut(t *testing.T, cpu, disk int64, change func(*sim.Spec), mech sim.Mechanisms) *machine {
	spec := offloadSpec(sim.OffloadFS, 7, cpu, disk)
	change(&spec)
	m := start(t, spec, quiet(mech))
	for _, tag := range []string{"a", "b", "c"} {
		require.Zero(t, m.told(tag, 161))
	}
	return m
}

func asItIs(*sim.Spec) {}

// A chain has a hit as a whole or not at all: one block more than the CPU tier has, and what was read is wasted.
func TestPromotionCliff(t *testing.T) {
	for cpu, want := range map[int64]int{5: 160, 4: 0} {
		synctest.Test(t, func(t *testing.T) {
			m := pushedOut(t, cpu, 40, asItIs, sim.Mechanisms{})
			o := m.stats().Offload
			require.EqualValues(t, 15, m.stats().KV.Disk.OccupancyBlocks, "each prompt is in files")
			require.Zero(t, o.Reads)
			assert.Equal(t, want, m.told("a", 161))
			o = m.stats().Offload
			read, _ := m.drive()
			page := m.get("worker", "/metrics")
			failures := series(page, "vllm:kv_offload_tiering_promotion_allocation_failures_total")
			block := m.stats().KV.Disk.BytesOut / min(cpu, 5)
			assert.Equal(t, min(cpu, 5)*block, read, "as much as had room")
			assert.EqualValues(t, read, series(page, "vllm:kv_offload_tiering_read_bytes_total")[fsLabels])
			assert.EqualValues(t, 5, o.Secondary.Hits, "the lookups hit all the same")
			assert.EqualValues(t, want, o.ExternalHits)
			assert.EqualValues(t, want/32, m.stats().KV.OnboardH2D)
			if want == 0 {
				assert.Equal(t, map[string]float64{vllmLabels: 1}, failures)
				assert.Zero(t, m.told("b", 161), "and every time")
				return
			}
			assert.Empty(t, failures, "a series that has never counted is not there")
		})
	}
}

// A chunk is written once: a prompt that had to be computed again finds its files, which the job counts and does not write.
func TestChunksAreWrittenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := pushedOut(t, 4, 40, asItIs, sim.Mechanisms{})
		_, before := m.drive()
		was := m.stats().Offload
		require.Zero(t, was.ChunksSkipped)
		m.told("a", 161)
		_, after := m.drive()
		o := m.stats().Offload
		assert.Equal(t, before, after)
		assert.Positive(t, o.ChunksSkipped)
		assert.Equal(t, o.ChunksSkipped*before/15, o.WriteBytes-was.WriteBytes)
		assert.EqualValues(t, 15, m.stats().KV.Disk.OccupancyBlocks)
	})
}

// A full file system keeps what it has and takes no more; requests are served from what there is.
func TestFullFileSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := pushedOut(t, 5, 7, asItIs, sim.Mechanisms{})
		assert.EqualValues(t, 7, m.stats().KV.Disk.OccupancyBlocks)
		_, written := m.drive()
		block := m.stats().KV.Disk.BytesIn / 7
		assert.Equal(t, 7*block, written)
		page := m.get("worker", "/metrics")
		assert.Positive(t, series(page, "vllm:kv_offload_tiering_cascade_job_failures_total")[fsLabels])
		assert.Less(t, series(page, "vllm:kv_offload_tiering_write_bytes_total")[fsLabels], 8*float64(block), "a job that fails counts no bytes")
		assert.Equal(t, 160, m.told("a", 161), "the first prompt is in files")
		assert.Equal(t, 64, m.told("b", 161), "of the second what there was space for")
		assert.Zero(t, m.told("c", 161))
	})
}

// Promotions of different requests run side by side, as many as there are threads.
func TestPromotionsSideBySide(t *testing.T) {
	for threads, waits := range map[int]bool{1: true, 2: false} {
		synctest.Test(t, func(t *testing.T) {
			m := pushedOut(t, 10, 40, func(s *sim.Spec) {
				s.Offload.ReadThreads, s.Device.CapacityBytes = threads, 12*s.BlockBytes()
			}, sim.Mechanisms{})
			m.told("d", 161)
			m.told("e", 161)
			var wg sync.WaitGroup
			for _, tag := range []string{"a", "b"} {
				wg.Go(func() { assert.Equal(t, 160, m.ask("u-"+tag, prompt(tag, 161), 1).cached) })
			}
			wg.Wait()
			f := m.stats().Fetch
			require.EqualValues(t, 2, f.Transfer.Count)
			assert.Equal(t, waits, f.Queue.Sum > 0, "%d threads: waited %g s", threads, f.Queue.Sum)
			o := m.stats().Offload
			assert.InDelta(t, f.Queue.Sum+f.Transfer.Sum, float64(o.ReadNS)/1e9, 1e-9, "read_time is summed over jobs, with their wait")
		})
	}
}

// One promotion serves all requests that ask for its chunks meanwhile.
func TestPromotionIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := pushedOut(t, 5, 40, func(s *sim.Spec) { s.Device.CapacityBytes = 13 * s.BlockBytes(); s.MaxNumTokens = 96 }, sim.Mechanisms{})
		m.told("d", 161)
		var wg sync.WaitGroup
		var asked [2]answer
		for i, id := range []string{"u0-q1", "u1-q1"} {
			wg.Go(func() { asked[i] = m.ask(id, prompt("a", 161), 1) })
		}
		wg.Wait()
		for _, a := range asked {
			assert.Equal(t, 160, a.cached)
			assert.Greater(t, a.ttft.Seconds(), m.stats().Fetch.Transfer.Sum, "it has waited for the chunks")
		}
		assert.EqualValues(t, 1, m.stats().Offload.Reads)
		assert.EqualValues(t, 2, m.stats().Offload.Loads)
	})
}

// A promotion makes room in the CPU tier, but not by chunks of its own chain, though they be the oldest.
func TestChainKeepsItsChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := pushedOut(t, 8, 40, asItIs, sim.Mechanisms{})
		require.Equal(t, 96, m.told("a", 97), "three of its chunks are in the CPU tier")
		m.told("d", 97)
		m.told("e", 65)
		m.pushes(7)
		require.Equal(t, 160, m.told("a", 161))
		assert.EqualValues(t, 5, m.stats().KV.OnboardD2H, "two were left to promote")
		assert.Zero(t, m.stats().Offload.ChunksSkipped, "nor was any of it stored again")
		m.pushes(7)
		require.Equal(t, 160, m.told("a", 161))
		assert.EqualValues(t, 5, m.stats().KV.OnboardD2H, "all are there")
	})
}

// pushes takes so many blocks of the device for a moment, and leaves nothing cached.
func (m *machine) pushes(blocks int) {
	m.t.Helper()
	require.Equal(m.t, 200, m.ask("u9-q0", prompt("short", 31), 32*blocks-31).status)
}

// What is less than a chunk behind the device's run is not loaded.
func TestPartOfAChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for left, want := range map[int]int{3: 96, 2: 128} { // blocks of the prompt that the device keeps
			spec := offloadSpec(sim.OffloadFS, 7, 16, 40)
			spec.Offload.BlocksPerChunk = 2
			m := start(t, spec, quiet(sim.Mechanisms{}))
			m.told("a", 161)
			m.pushes(7 - left)
			assert.Equal(t, want, m.told("a", 161), "%d blocks left", left)
			assert.EqualValues(t, want/32-left, m.stats().KV.OnboardH2D)
		}
	})
}

// Blocks of a chunk are stored, found and loaded together.
func TestChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := pushedOut(t, 6, 40, func(s *sim.Spec) { s.Offload.BlocksPerChunk = 2 }, sim.Mechanisms{})
		assert.EqualValues(t, 12, m.stats().KV.Disk.OccupancyBlocks, "the fifth block of each prompt is no chunk")
		assert.Equal(t, 128, m.told("a", 161))
		o := m.stats().Offload
		assert.EqualValues(t, 2, o.Secondary.Hits)
		assert.Equal(t, 2*o.CPUChunks, m.stats().KV.Host.OccupancyBlocks)
		assert.Equal(t, 3, o.CPUCapacity)
	})
}

// Files outlive the server; nothing else does.
func TestFilesOutliveTheServer(t *testing.T) {
	for manager, want := range map[string]int{sim.OffloadFS: 160, sim.OffloadDisk: 0} {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, offloadSpec(manager, 24, 16, 40), quiet(sim.Mechanisms{}))
			m.told("a", 161)
			require.NoError(t, m.restart())
			assert.Zero(t, m.stats().KV.Host.OccupancyBlocks)
			assert.Zero(t, m.stats().Offload.Queries)
			assert.Equal(t, want, m.told("a", 161))
			assert.EqualValues(t, want, m.stats().Offload.ExternalHits)
		})
	}
}

// A server that ends while a file is being written leaves none.
func TestHalfAFileIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := offloadSpec(sim.OffloadFS, 24, 16, 40)
		spec.Loader.SoftwareNSPerIO = 1e9
		m := start(t, spec, quiet(sim.Mechanisms{}))
		m.ask("u0-q0", prompt("a", 161), 1)
		require.Positive(t, m.stats().Offload.ActiveCascades)
		require.NoError(t, m.restart())
		time.Sleep(time.Minute)
		assert.Zero(t, m.told("a", 161))
	})
}

// What has never counted has no series; what every vLLM has stands at 0 from the start.
func TestVLLMPageBeforeTheFirstRequest(t *testing.T) {
	m := start(t, offloadSpec(sim.OffloadFS, 24, 16, 40), quiet(sim.Mechanisms{}))
	page := m.get("worker", "/metrics")
	for _, family := range []string{"tiering_read_bytes", "tiering_write_bytes", "tiering_chunk_queries", "tiering_chunk_hits", "load_bytes",
		"store_bytes", "tiering_promotion_allocation_failures", "tiering_cascade_job_failures", "allocation_failure"} {
		assert.Contains(t, page, "# TYPE vllm:kv_offload_"+family+"_total counter\n")
		assert.Empty(t, series(page, "vllm:kv_offload_"+family+"_total"), family)
	}
	assert.Equal(t, map[string]float64{vllmLabels: 0}, series(page, "vllm:external_prefix_cache_hits_total"))
	assert.Len(t, series(page, "vllm:prompt_tokens_by_source_total"), 3)
	assert.Equal(t, map[string]float64{fsLabels: 0}, series(page, "vllm:kv_offload_tiering_active_promotion_jobs"))
	assert.Contains(t, page, "trtllm_kv_cache_max_blocks", "beside the worker's own")
	assert.Nil(t, m.handlers["kvbm"], "there is no KVBM")
	assert.NotContains(t, m.StartupLog(), "kvbm")
}
