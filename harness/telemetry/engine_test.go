package telemetry

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

func TestEngine(t *testing.T) {
	full := &record.Engine{Running: new(3.), Waiting: new(12.), Context: new(3.), KVUsedBlocks: new(205.), KVMaxBlocks: new(819.), IterMS: new(244.1)}
	tests := map[string]struct {
		page string
		want *record.Engine
	}{
		"with the prefix":    {string(fixture(t, "trtllm_engine.prom")), full},
		"without the prefix": {string(fixture(t, "trtllm_engine_unprefixed.prom")), full},
		"two ranks": {"trtllm_num_requests_running{dp_rank=\"0\"} 3\ntrtllm_num_requests_running{dp_rank=\"1\"} 4\n" +
			"trtllm_iteration_latency_seconds{dp_rank=\"0\"} 0.3\ntrtllm_iteration_latency_seconds{dp_rank=\"1\"} 0.2\n",
			&record.Engine{Running: new(7.), IterMS: new(300.)}},
		"a gauge that is no number": {"num_requests_running 0\nnum_requests_waiting NaN\n", &record.Engine{Running: new(0.)}},
		"gauges that cannot be": {"num_requests_running -1\nnum_requests_waiting 9007199254740994\nnum_context_requests 9007199254740992\nkv_cache_used_blocks 1e300\n" +
			"iteration_latency_seconds -0.1\niteration_latency_seconds 604801\n", &record.Engine{Context: new(9007199254740992.)}},
		"the longest iteration":          {"iteration_latency_seconds 604800\n", &record.Engine{IterMS: new(604800e3)}},
		"with the prefix of a namespace": {"trtllm:num_requests_running{model_name=\"m\"} 3\n", &record.Engine{Running: new(3.)}},
		"a gauge by two of its names": {"trtllm_num_requests_waiting 2\nnum_requests_waiting 2\ntrtllm:num_requests_waiting 2\n",
			&record.Engine{Waiting: new(2.)}},
		"a creation time": {"trtllm_num_requests_running 1\ntrtllm_num_requests_running_created 1.7e9\n", &record.Engine{Running: new(1.)}},
		"names that only end alike": {"kv_cache_max_blocks 9\nvllm_num_requests_running 3\nold_kv_cache_used_blocks 1\n",
			&record.Engine{KVMaxBlocks: new(9.)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := NewEngine(pages(tt.page), "http://engine:8355/prometheus/metrics")
			var s record.SysSample
			require.NoError(t, e.Sample(t.Context(), &s))
			assert.Equal(t, tt.want, s.Engine)
			assert.Equal(t, tt.page, string(e.LastScrape()))
		})
	}
}

func TestEngineFails(t *testing.T) {
	for name, tt := range map[string]struct{ page, want string }{
		"trtllm-serve's JSON /metrics": {"[]", "the page ends inside a line"},
		"no iteration statistics":      {"trtllm_request_success_total 4\n", "enable_iter_perf_stats"},
		"a prefix that is not known":   {"nv_num_requests_waiting 4\n", "no engine gauge on the page: it has nv_num_requests_waiting, and the prefix nv_ is not known here; set"},
		"a dead process beside a live one": {"trtllm_num_requests_waiting{model_name=\"m\",pid=\"4100\"} 40.0\ntrtllm_num_requests_waiting{model_name=\"m\",pid=\"5200\"} 2.0\n",
			`trtllm_num_requests_waiting: two series differ in the label pid ("4100" and "5200"): two processes, of which one may be dead`},
		"one of which has no label": {"num_requests_waiting 40\nnum_requests_waiting{instance=\"b\"} 2\n", `differ in the label instance ("" and "b")`},
	} {
		t.Run(name, func(t *testing.T) {
			var s record.SysSample
			err := NewEngine(pages(tt.page), "http://engine:8355/prometheus/metrics").Sample(t.Context(), &s)
			require.ErrorIs(t, err, ErrScrape)
			assert.ErrorContains(t, err, tt.want)
			assert.Nil(t, s.Engine)
		})
	}
}

func TestEngineValue(t *testing.T) {
	const name = "kv_cache_tokens_per_block"
	for what, tt := range map[string]struct {
		page string
		want *float64
	}{
		"with prefix":       {"# TYPE trtllm_" + name + " gauge\ntrtllm_" + name + `{engine_type="undefined"} 32` + "\n", new(32.0)},
		"without":           {name + " 64\n", new(64.0)},
		"blanks in a label": {name + `{model_name="Llama 3 70B"} 32` + "\n", new(32.0)},
		"brace in a label":  {name + `{model_name="a} 7"} 32` + "\n", new(32.0)},
		"with a timestamp":  {name + "{} 32 1700000000000\n", new(32.0)},
		"the first of two":  {name + `{dp_rank="0"} 16` + "\n" + name + `{dp_rank="1"} 32` + "\n", new(16.0)},
		"another metric":    {"trtllm_" + name + "_total 32\nx" + name + " 3\n", nil},
		"no number":         {name + " NaN\n", nil},
		"not a count":       {name + " -1\n" + name + " 1e300\n", nil},
		"empty":             {"", nil},
	} {
		t.Run(what, func(t *testing.T) {
			e := NewEngine(pages(tt.page), "http://engine:8355/prometheus/metrics")
			_ = e.Sample(t.Context(), &record.SysSample{}) // most of these pages have no gauge of the engine
			got, err := e.Value(name)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
	e := NewEngine(pages(name+" 32\n"+name+" 3"), "http://engine:8355/prometheus/metrics")
	require.Error(t, e.Sample(t.Context(), &record.SysSample{}))
	got, err := e.Value(name)
	require.ErrorIs(t, err, ErrScrape)
	assert.ErrorContains(t, err, "the page ends inside a line")
	assert.Nil(t, got)
}

func BenchmarkEngine(b *testing.B) {
	e := NewEngine(pages(string(fixture(b, "trtllm_engine.prom"))), "http://engine:8355/prometheus/metrics")
	b.ReportAllocs()
	for b.Loop() {
		var s record.SysSample
		if err := e.Sample(b.Context(), &s); err != nil {
			b.Fatal(err)
		}
	}
}
