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
