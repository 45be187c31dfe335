package sim

import (
	"context"
	"net/http"
)

// engineMetrics writes TensorRT-LLM's own families. The labels are literally "undefined" in the vintage
// that this dialect follows.
func (m *Machine) engineMetrics(p *page, st EngineStats) {
	const labels = `engine_type="undefined",model_name="undefined"`
	gauge := func(name, help string, v float64) { p.value("trtllm_", name, "gauge", help, labels, v) }
	counter := func(name, help string, v float64) { p.value("trtllm_", name, "counter", help, labels, v) }
	gauge("num_requests_running", "Number of requests in the running state", float64(st.Running))
	gauge("num_requests_waiting", "Number of requests waiting to be scheduled", float64(st.Waiting))
	gauge("num_context_requests", "Number of requests in the context phase", float64(st.Context))
	gauge("num_generation_requests", "Number of requests in the generation phase", float64(st.Running-st.Context))
	gauge("iteration_latency_seconds", "Latency of the last iteration", sec(st.LastIterNS))
	gauge("kv_cache_max_blocks", "KV cache blocks in the pool", float64(st.KVMaxBlocks))
	gauge("kv_cache_used_blocks", "KV cache blocks in use", float64(st.KVUsedBlocks))
	gauge("kv_cache_free_blocks", "KV cache blocks free", float64(max(0, st.KVMaxBlocks-st.KVUsedBlocks)))
	gauge("kv_cache_tokens_per_block", "Tokens of a KV cache block", float64(m.spec.BlockTokens))
	counter("kv_cache_reused_blocks_total", "KV cache blocks reused", float64(st.KV.DeviceHits))
	counter("kv_cache_missed_blocks_total", "KV cache blocks missed", float64(st.KV.DeviceMisses))
	counter("prompt_tokens_total", "Prompt tokens", float64(st.PromptTokens))
	counter("generation_tokens_total", "Generated tokens", float64(st.OutputTokens))
	if st.Completed > 0 { // no series before the first finished request
		p.value("trtllm_", "request_success_total", "counter", "Finished requests", labels+`,finished_reason="length"`, float64(st.Completed))
	}
}

// workerHandler is the Dynamo worker's system server: the engine's families pass through, those of its own KV offloading
// among them.
func (m *Machine) workerHandler() http.Handler {
	return metricsPage(m.pageStats, func(p *page, st EngineStats) {
		m.engineMetrics(p, st)
		if !m.spec.Offload.KVBM() {
			m.offloadMetrics(p, st)
		}
	})
}

// kvbmHandler is KVBM's own metrics server. Nothing counts bytes, misses, evictions or prefetches; the
// histograms are those of newer builds. v2 keeps the names and adds the staging of loads (lib/kvbm-observability).
func (m *Machine) kvbmHandler() http.Handler {
	return metricsPage(m.kvPageStats, func(p *page, st EngineStats) {
		counter := func(name, help string, v int64) { p.value("kvbm_", name, "counter", help, "", float64(v)) }
		counter("matched_tokens", "The number of matched tokens", st.KV.MatchedTokens)
		counter("offload_blocks_d2h", "The number of offload blocks from device to host", st.KV.OffloadD2H)
		counter("offload_blocks_h2d", "The number of offload blocks from host to disk", st.KV.OffloadH2D)
		counter("offload_blocks_d2d", "The number of offload blocks from device to disk", 0)
		counter("onboard_blocks_h2d", "The number of onboard blocks from host to device", st.KV.OnboardH2D)
		v2 := m.spec.Offload.Manager == OffloadKVBMv2
		if v2 {
			counter("onboard_blocks_d2h", "The number of onboard blocks from disk to host (G3→G2 staging step)", st.KV.OnboardD2H)
		}
		counter("onboard_blocks_d2d", "The number of onboard blocks from disk to device", st.KV.OnboardD2D)
		p.value("kvbm_", "host_cache_hit_rate", "gauge", "Host cache hit rate (0.0-1.0) from the sliding window", "", st.HostHitRate)
		p.value("kvbm_", "disk_cache_hit_rate", "gauge", "Disk cache hit rate (0.0-1.0) from the sliding window", "", st.DiskHitRate)
		if v2 {
			return // its histogram of transfers has labels whose values are not published
		}
		p.histogram("kvbm_", "queue_d2d_onboard_seconds", "Time that onboarding from disk waited", "", st.Fetch.Queue)
		p.histogram("kvbm_", "transfer_d2d_onboard_seconds", "Time that onboarding from disk took", `worker_id="0"`, st.Fetch.Transfer)
	})
}

func metricsPage(stats func(context.Context) (EngineStats, error), fill func(*page, EngineStats)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		st, err := stats(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		p := newPage(w)
		fill(p, st)
		p.send()
	})
	return mux
}
