package sim

import (
	"fmt"
	"net/http"
	"strconv"
)

// metrics is vLLM's own page: names, kinds and labels of 0.31. Counters and histograms have a _created gauge beside them,
// as prometheus_client writes it. Families of what the machine does not know are left out, so that none says 0 for it.
func (s *vllm) metrics(w http.ResponseWriter, r *http.Request) {
	st, err := s.m.pageStats(r.Context())
	if err != nil {
		vllmUnavailable(err).send(w)
		return
	}
	m := s.m
	since, first, queue, prefill, whole := m.latency.snapshot()
	created := float64(since.UnixMilli()) / 1000
	p := newPage(w)
	p.value("", "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", "", created)
	v := vllmPage{page: p, labels: `engine="0",model_name=` + s.quoted, created: created}
	gauge := func(name, help string, x float64) {
		v.head(name, "gauge", help)
		v.line(name, "", x)
	}
	gauge("num_requests_running", "Number of requests in model execution batches.", float64(st.Running-st.Loading))
	gauge("num_requests_waiting", "Number of requests waiting to be processed.", float64(st.Waiting+st.Loading))
	v.head("num_requests_waiting_by_reason", "gauge", "Number of requests waiting to be processed, by reason.")
	v.line("num_requests_waiting_by_reason", `reason="capacity"`, float64(st.Waiting))
	v.line("num_requests_waiting_by_reason", `reason="deferred"`, float64(st.Loading))
	gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", float64(st.KVUsedBlocks)/float64(st.KVMaxBlocks))
	v.head("cache_config_info", "gauge", "Information of the LLMEngine CacheConfig")
	p.line("vllm:", "cache_config_info", "", s.cacheConfig(st), "", 1)

	v.always("generation_tokens_total", "counter", "Number of generation tokens processed.", st.OutputTokens)
	v.head("request_success_total", "counter", "Count of successfully processed requests.")
	v.line("request_success_total", `finished_reason="stop"`, 0) // this model never stops by itself
	v.line("request_success_total", `finished_reason="length"`, float64(st.Completed))
	v.born("request_success_total", `finished_reason="stop"`, `finished_reason="length"`)
	v.histogram("time_to_first_token_seconds", "Histogram of time to first token in seconds.", first)
	v.histogram("request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.", queue)
	v.histogram("request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request.", prefill)
	v.histogram("e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", whole)
	v.prompts(st.Offload)
	switch {
	case m.spec.Disk.CapacityBytes == 0:
	case m.spec.Offload.Manager == OffloadDisk:
		v.simple(st.Offload)
	case m.spec.Offload.KVBM():
		v.translated(st, m.spec.BlockBytes())
	default:
		v.tiering(st.Offload)
	}
	p.send()
}

// cacheConfig are the labels of vLLM's configuration of its cache.
func (s *vllm) cacheConfig(st EngineStats) string {
	caching, spec := "False", s.m.spec
	if spec.BlockReuse {
		caching = "True"
	}
	dtype := "auto"
	if spec.KVElemBytes == 1 {
		dtype = "fp8"
	}
	return fmt.Sprintf(`block_size="%d",cache_dtype="%s",enable_prefix_caching="%s",engine="0",num_gpu_blocks="%d"`,
		spec.BlockTokens, dtype, caching, st.KVMaxBlocks)
}

// born writes the _created gauges of a counter's series.
func (v vllmPage) born(name string, more ...string) {
	if v.created == 0 {
		return
	}
	name = name[:len(name)-len("_total")] + "_created"
	v.head(name, "gauge", "When the series was created.")
	for _, labels := range more {
		v.line(name, labels, v.created)
	}
}

// histogram writes a histogram over bounds of its own.
func (v vllmPage) histogram(name, help string, b buckets) {
	v.head(name, "histogram", help)
	var total int64
	for i, bound := range b.bounds {
		total += b.counts[i]
		v.page.line("vllm:", name, "_bucket", v.labels, `le="`+pythonFloat(bound)+`"`, float64(total))
	}
	v.page.line("vllm:", name, "_bucket", v.labels, `le="+Inf"`, float64(b.count))
	v.page.line("vllm:", name, "_count", v.labels, "", float64(b.count))
	v.page.line("vllm:", name, "_sum", v.labels, "", b.sum)
	v.head(name+"_created", "gauge", help)
	v.line(name+"_created", "", v.created)
}

// pythonFloat is a bound as Python writes a float: with a fraction.
func pythonFloat(x float64) string {
	if x == float64(int64(x)) {
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// translated tells of KVBM's tiers what vLLM tells of its own, a block being a chunk, as far as KVBM counts it: the time
// of loads from the host tier and of writes, and lookups, are not counted.
func (v vllmPage) translated(st EngineStats, blockBytes int64) {
	const primary, files = `tier="0:primary"`, `tier="1:fs"`
	kv := st.KV
	bytes := func(blocks int64) float64 { return float64(blocks * blockBytes) }
	loads, reads := kv.OnboardH2D+kv.OnboardD2D, kv.OnboardD2D+kv.OnboardD2H
	v.counted("kv_offload_load_bytes_total", "Bytes loaded by KV offloading.", "", loads > 0, bytes(loads))
	v.counted("kv_offload_store_bytes_total", "Bytes stored by KV offloading.", "", kv.OffloadD2H > 0, bytes(kv.OffloadD2H))
	v.head("kv_offload_cpu_cache_usage_perc", "gauge", "Share of the CPU tier that is in use.")
	v.line("kv_offload_cpu_cache_usage_perc", "", float64(kv.Host.OccupancyBlocks)/float64(kv.Host.CapacityBlocks))
	v.counted("kv_offload_tiering_read_bytes_total", "Bytes promoted from a secondary tier.", files, reads > 0, bytes(reads))
	v.counted("kv_offload_tiering_read_time_total", "Seconds of promotions, summed over jobs.", files,
		st.Fetch.Transfer.Count > 0, st.Fetch.Transfer.Sum)
	v.counted("kv_offload_tiering_write_bytes_total", "Bytes cascaded to a secondary tier.", files, kv.OffloadH2D > 0, bytes(kv.OffloadH2D))
	v.lookups("hits", "Chunk lookups that hit.", primary, files, kv.HostHitBlocks, kv.DiskHitBlocks)
}
