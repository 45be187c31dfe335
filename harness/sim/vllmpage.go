package sim

import (
	"fmt"
	"strings"
)

// offloadMetrics writes vLLM's families of the managers fs and disk, on the page of the worker whose engine has them:
// names, kinds and labels of vLLM 0.31 (docs.vllm.ai, usage/metrics; vllm/v1/kv_offload/tiering/metrics.py). What the
// engine always has stands there from the start; a series of the offloading appears when it first counts, as its children
// are made by the first observation.
//
// Not there: what the mechanism does not have (store_time, as stores take no time here; back-pressure; the sizes of single
// transfers), and histograms whose buckets are not published (promotion latency, lookup delays).
func (m *Machine) offloadMetrics(p *page, st EngineStats) {
	o := st.Offload
	v := vllmPage{page: p, labels: `engine="0",model_name="` + m.spec.Model.Served + `"`}
	v.prompts(o)
	if m.spec.Offload.Manager == OffloadDisk {
		v.simple(o)
		return
	}
	v.tiering(o)
}

// prompts writes where prompts and their KV came from.
func (v vllmPage) prompts(o OffloadStats) {
	v.always("prefix_cache_queries_total", "counter", "Prefix cache queries, in terms of number of queried tokens.", o.Queries)
	v.always("prefix_cache_hits_total", "counter", "Prefix cache hits, in terms of number of cached tokens.", o.Hits)
	v.always("external_prefix_cache_queries_total", "counter", "External prefix cache queries, in tokens.", o.ExternalQueries)
	v.always("external_prefix_cache_hits_total", "counter", "External prefix cache hits, in tokens.", o.ExternalHits)
	v.always("prompt_tokens_total", "counter", "Number of prefill tokens processed.", o.LocalCompute+o.LocalCacheHit+o.External)
	v.always("prompt_tokens_cached_total", "counter", "Number of cached prompt tokens (local + external).", o.LocalCacheHit+o.External)
	v.head("prompt_tokens_by_source_total", "counter", "Number of prompt tokens by source.")
	v.line("prompt_tokens_by_source_total", `source="local_compute"`, float64(o.LocalCompute))
	v.line("prompt_tokens_by_source_total", `source="local_cache_hit"`, float64(o.LocalCacheHit))
	v.line("prompt_tokens_by_source_total", `source="external_kv_transfer"`, float64(o.External))
	v.born("prompt_tokens_by_source_total", `source="local_compute"`, `source="local_cache_hit"`, `source="external_kv_transfer"`)
}

// vllmPage writes families under vLLM's prefix.
type vllmPage struct {
	*page
	labels  string
	created float64 // Unix time of all series, s; 0: it is not told
}

func (v vllmPage) head(name, kind, help string) { v.page.head("vllm:", name, kind, help) }

func (v vllmPage) line(name, more string, x float64) {
	v.page.line("vllm:", name, "", v.labels, more, x)
}

// always writes a family whose one series is there from the start.
func (v vllmPage) always(name, kind, help string, x int64) {
	v.head(name, kind, help)
	v.line(name, "", float64(x))
	v.born(name, "")
}

// counted writes a counter whose series of a tier, or without one, appears when it first counts.
func (v vllmPage) counted(name, help, tier string, fired bool, x float64) {
	v.head(name, "counter", help)
	if fired {
		v.line(name, tier, x)
		v.born(name, tier)
	}
}

// tiering writes the families of the OffloadingConnector and of its tiers.
func (v vllmPage) tiering(o OffloadStats) {
	const primary, files = `tier="0:primary"`, `tier="1:fs"`
	v.counted("kv_offload_load_bytes_total", "Bytes loaded by KV offloading.", "", o.Loads > 0, float64(o.LoadBytes))
	v.counted("kv_offload_load_time_total", "Seconds spent on KV offload loads.", "", o.Loads > 0, sec(o.LoadNS))
	v.counted("kv_offload_store_bytes_total", "Bytes stored by KV offloading.", "", o.StoreBytes > 0, float64(o.StoreBytes))
	v.counted("kv_offload_allocation_failure_total", "Stores without room in the CPU tier.", "",
		o.AllocationFailures > 0, float64(o.AllocationFailures))
	usage := func(chunks int) float64 { return float64(chunks) / float64(o.CPUCapacity) }
	v.head("kv_offload_cpu_cache_usage_perc", "gauge", "Share of the CPU tier that is in use.")
	v.line("kv_offload_cpu_cache_usage_perc", "", usage(o.CPUChunks))

	v.counted("kv_offload_tiering_read_bytes_total", "Bytes promoted from a secondary tier.", files, o.Reads > 0, float64(o.ReadBytes))
	v.counted("kv_offload_tiering_read_time_total", "Seconds of promotions, summed over jobs.", files, o.Reads > 0, sec(o.ReadNS))
	v.counted("kv_offload_tiering_write_bytes_total", "Bytes cascaded to a secondary tier.", files, o.Writes > 0, float64(o.WriteBytes))
	v.counted("kv_offload_tiering_write_time_total", "Seconds of cascades, summed over jobs.", files, o.Writes > 0, sec(o.WriteNS))
	v.lookups("queries", "Chunk lookups.", primary, files, o.Primary.Queries, o.Secondary.Queries)
	v.lookups("hits", "Chunk lookups that hit.", primary, files, o.Primary.Hits, o.Secondary.Hits)
	v.counted("kv_offload_tiering_promotion_allocation_failures_total", "Promotions without room in the primary tier.", "",
		o.PromotionAllocationFailures > 0, float64(o.PromotionAllocationFailures))
	v.counted("kv_offload_tiering_cascade_job_failures_total", "Cascade jobs that failed.", files,
		o.CascadeFailures > 0, float64(o.CascadeFailures))
	for _, g := range []struct {
		name, help string
		value      float64
	}{
		{"primary_write_usage_perc", "Share of the primary tier that promotions fill.", usage(o.PromotingChunks)},
		{"primary_read_usage_perc", "Share of the primary tier that cascades read.", usage(o.CascadingChunks)},
		{"active_promotion_jobs", "Promotion jobs under way.", float64(o.ActivePromotions)},
		{"active_cascade_jobs", "Cascade jobs under way.", float64(o.ActiveCascades)},
	} {
		v.head("kv_offload_tiering_"+g.name, "gauge", g.help)
		v.line("kv_offload_tiering_"+g.name, files, g.value)
	}
}

// lookups writes a counter of both tiers.
func (v vllmPage) lookups(what, help, primary, files string, ofPrimary, ofFiles int64) {
	name := "kv_offload_tiering_chunk_" + what + "_total"
	v.head(name, "counter", help)
	var fired []string
	if ofPrimary > 0 {
		v.line(name, primary, float64(ofPrimary))
		fired = append(fired, primary)
	}
	if ofFiles > 0 {
		v.line(name, files, float64(ofFiles))
		fired = append(fired, files)
	}
	if len(fired) > 0 {
		v.born(name, fired...)
	}
}

// simple writes the gauges of the SimpleCPUOffloadConnector, whose CPU in the names is the pool that the disk backend
// keeps in its file. It counts no bytes.
func (v vllmPage) simple(o OffloadStats) {
	gauge := func(name, help string, x float64) {
		v.head("simple_cpu_offload_"+name, "gauge", help)
		v.line("simple_cpu_offload_"+name, "", x)
	}
	gauge("total_blocks", "Total usable KV cache blocks of the pool.", float64(o.SlotsTotal))
	gauge("free_blocks", "KV cache blocks of the pool that are free or can be evicted.", float64(o.SlotsTotal-o.SlotsUsed))
	gauge("used_blocks", "KV cache blocks of the pool that transfers hold.", float64(o.SlotsUsed))
	gauge("usage_perc", "Share of the pool that transfers hold.", float64(o.SlotsUsed)/float64(o.SlotsTotal))
	gauge("pending_loads", "Loads that have not ended.", float64(o.PendingLoads))
	gauge("pending_stores", "Stores that have not ended.", float64(o.PendingStores))
}

// vllmStartupLog describes the tiers of the managers fs and disk.
func (k *kvManager) vllmStartupLog() string {
	var b strings.Builder
	fmt.Fprintln(&b, "vllm:", k.device.describe("device", k.blockBytes))
	if t := k.fs; t != nil {
		bytes := int64(t.chunk) * k.blockBytes
		fmt.Fprintf(&b, "vllm: tier=0:primary chunks=%d bytes_per_chunk=%d eviction_policy=%s\n", t.cpu.capacity, bytes, t.cpu.order.name())
		fmt.Fprintf(&b, "vllm: tier=1:fs bytes_per_chunk=%d\n", bytes)
		return b.String()
	}
	fmt.Fprintln(&b, "vllm:", k.disk.describe("disk", k.blockBytes))
	return b.String()
}
