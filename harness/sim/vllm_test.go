package sim_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// What vLLM says of bad requests, in its own form.
func TestVLLMRefuses(t *testing.T) {
	invalid := func(kind, place, what string) string {
		return `{"error":{"code":400,"message":"[{'type': '` + kind + `', 'loc': ('body', '` + place + `'), 'msg': '` + what +
			`'}]","param":null,"type":"Bad Request"}}`
	}
	bad := func(what string) string {
		return `{"error":{"code":400,"message":"` + what + `","param":null,"type":"BadRequestError"}}`
	}
	for _, tc := range []struct {
		path, body string
		code       int
		want       string
	}{
		{completions, `{"model":"no/such","prompt":"a"}`, 404,
			`{"error":{"code":404,"message":"The model ` + "`no/such`" + ` does not exist.","param":"model","type":"NotFoundError"}}`},
		{completions, `{"model":"M"}`, 400, invalid("missing", "prompt", "Field required")},
		{chats, `{"model":"M"}`, 400, invalid("missing", "messages", "Field required")},
		{completions, `{"prompt":"a","max_tokens":"x"}`, 400, invalid("int_type", "max_tokens", "Input should be a valid integer")},
		{completions, `{"prompt":"a","max_tokens":0}`, 400, bad("max_tokens must be at least 1, got 0.")},
		{completions, `{"prompt":"a","temperature":-1}`, 400, bad("temperature must be non-negative, got -1.")},
		{completions, `{"prompt":"a","top_p":0}`, 400, bad("top_p must be in (0, 1], got 0.")},
		{completions, `{"prompt":"a","n":0}`, 400, bad("n must be at least 1, got 0.")},
		{completions, `{"prompt":"a","n":2,"temperature":0}`, 400, bad("n must be 1 when using greedy sampling, got 2.")},
		{completions, `{"prompt":"a","frequency_penalty":3}`, 400, bad("frequency_penalty must be in [-2, 2], got 3.")},
		{completions, `{"prompt":"a","stream_options":{"include_usage":true}}`, 400,
			bad("Stream options can only be defined when `stream=True`.")},
		{completions, `{"prompt":""}`, 400, bad("The decoder prompt cannot be empty")},
		{completions, `{"prompt":"a","max_tokens":65536}`, 400,
			"This model's maximum context length is 65536 tokens. However, you requested 65536 output tokens"},
		{completions, `{`, 400, "'json_invalid'"},
		{completions, "{\"prompt\":\"\xff\"}", 400, `"message":"There was an error parsing the body"`},
		{completions, `{"prompt":"a","max_tokens":2}`, 200, `"model":"nvidia/Llama-3.1-8B-Instruct-FP8"`},
		{completions, `{"model":null,"prompt":"a","max_tokens":2,"n":null}`, 200, `"id":"cmpl-`},
		{chats, `{"messages":[{"role":"user","content":"a"}],"max_tokens":9,"max_completion_tokens":2}`, 200, `"completion_tokens":2`},
	} {
		t.Run(tc.body, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, specV(t, "L8B"), sim.DefaultParams())
				rec := m.postTo(tc.path, "application/json", strings.ReplaceAll(tc.body, `"M"`, `"`+m.served+`"`))
				assert.Equal(t, tc.code, rec.Code)
				assert.Contains(t, rec.Body.String(), tc.want)
				if tc.code != http.StatusOK {
					assert.Equal(t, "error", form(t, rec.Body.String()))
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specV(t, "L8B"), sim.DefaultParams())
		for _, kind := range []string{"", "text/plain"} {
			rec := m.postTo(completions, kind, `{"prompt":"a","max_tokens":1}`)
			assert.Equal(t, http.StatusBadRequest, rec.Code)
			assert.Contains(t, rec.Body.String(), "Unsupported Media Type: Only 'application/json' is allowed")
		}
	})
}

// Frames as vLLM writes them: headers before the first token, a role chunk with it, null where nothing is.
func TestVLLMFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specV(t, "L8B"), sim.DefaultParams())
		got := m.send("u0-q0", map[string]any{"model": m.served, "prompt": "a b", "max_tokens": 2, "stream": true})
		assert.Less(t, got.headersAfter, got.ttft)
		assert.Contains(t, got.lines[0], `"logprobs":null,"finish_reason":null,"stop_reason":null}]}`)
		assert.Contains(t, got.lines[1], `"finish_reason":"length","stop_reason":null}]}`)
		assert.Equal(t, "[DONE]", got.lines[2])
		chunks := m.answered(chats, `{"messages":[{"role":"user","content":"a"}],"max_tokens":2,"stream":true}`)
		require.Len(t, chunks, 3)
		assert.Empty(t, chunks[0].Choices[0].Delta.Content)
		for page, want := range map[string]string{"/health": "", "/version": `{"version":"sparkharness-sim"}` + "\n"} {
			assert.Equal(t, want, m.get("frontend", page))
		}
		assert.Contains(t, m.get("frontend", "/v1/models"), `"max_model_len":65536`)
		assert.Len(t, m.handlers, 1, "its metrics are on the same port")
	})
}

// vllmPage has a machine of the dialect answer two prompts of ten blocks twice, and returns its page.
func vllmPage(t *testing.T, spec sim.Spec) (*machine, string) {
	spec.Dialect = sim.DialectVLLM
	m := start(t, spec, quiet(sim.Mechanisms{}))
	for range 3 {
		for _, tag := range []string{"a", "b", "c"} {
			m.told(tag, 161)
		}
	}
	return m, m.get("frontend", "/metrics")
}

// The page has vLLM's names and labels, its identities hold, and it agrees with what the engine counted.
func TestVLLMPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, page := vllmPage(t, offloadSpec(sim.OffloadFS, 7, 6, 100))
		st := m.stats()
		one := func(name string) float64 {
			t.Helper()
			all := series(page, name)
			require.Len(t, all, 1, name)
			value, ok := all[vllmLabels]
			require.True(t, ok, "%s: %v", name, all)
			return value
		}
		assert.Zero(t, one("vllm:num_requests_running"))
		assert.Zero(t, one("vllm:num_requests_waiting"))
		assert.Zero(t, one("vllm:kv_cache_usage_perc"))
		assert.Equal(t, map[string]float64{`block_size="32",cache_dtype="auto",enable_prefix_caching="True",engine="0",num_gpu_blocks="7"`: 1},
			series(page, "vllm:cache_config_info"))
		by := series(page, "vllm:prompt_tokens_by_source_total")
		sum := 0.0
		for _, source := range []string{"local_compute", "local_cache_hit", "external_kv_transfer"} {
			sum += by[vllmLabels+`,source="`+source+`"`]
		}
		assert.Equal(t, one("vllm:prompt_tokens_total"), sum)
		assert.EqualValues(t, 9*161, sum)
		assert.Positive(t, by[vllmLabels+`,source="external_kv_transfer"`])
		assert.EqualValues(t, st.Offload.Queries, one("vllm:prefix_cache_queries_total"))
		assert.EqualValues(t, st.Offload.ExternalHits, one("vllm:external_prefix_cache_hits_total"))
		assert.EqualValues(t, 9, one("vllm:generation_tokens_total"))
		assert.EqualValues(t, 9, one("vllm:time_to_first_token_seconds_count"))
		assert.EqualValues(t, 9, series(page, "vllm:request_success_total")[vllmLabels+`,finished_reason="length"`])
		assert.Positive(t, series(page, "vllm:kv_offload_tiering_read_bytes_total")[fsLabels])
		assert.Positive(t, one("vllm:kv_offload_load_bytes_total"))

		buckets, last := series(page, "vllm:time_to_first_token_seconds_bucket"), 0.0
		for _, le := range []string{"0.001", "0.1", "1.0", "2560.0", "+Inf"} {
			value, ok := buckets[vllmLabels+`,le="`+le+`"`]
			require.True(t, ok, le)
			assert.GreaterOrEqual(t, value, last)
			last = value
		}
		assert.Len(t, buckets, 23)
		assert.EqualValues(t, 9, last)

		began := one("vllm:prompt_tokens_created")
		assert.Equal(t, began, series(page, "process_start_time_seconds")[""])
		assert.Equal(t, began, one("vllm:time_to_first_token_seconds_created"))
		assert.Equal(t, began, series(page, "vllm:kv_offload_tiering_read_bytes_created")[fsLabels])
		assert.InDelta(t, float64(time.Now().Unix()), began, 60)

		// A restarted server counts anew.
		require.NoError(t, m.Restart(t.Context()))
		page = m.get("frontend", "/metrics")
		assert.Zero(t, one("vllm:time_to_first_token_seconds_count"))
		assert.Zero(t, one("vllm:prompt_tokens_total"))
		assert.Greater(t, series(page, "process_start_time_seconds")[""], began)
	})
}

// Each answer's first token counts, and each answer's end; a request that waits for its KV is waiting, as vLLM counts it.
func TestVLLMCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := offloadSpec(sim.OffloadKVBM, 7, 10, 100)
		spec.Loader.SoftwareNSPerIO = 100_000_000 // a load takes seconds
		m, page := vllmPage(t, spec)
		assert.EqualValues(t, 9, series(page, "vllm:request_prefill_time_seconds_count")[vllmLabels])
		got := m.answered(completions, `{"prompt":["x","y"],"max_tokens":5}`)
		assert.Len(t, got[0].Choices, 2)
		page = m.get("frontend", "/metrics")
		for _, family := range []string{"time_to_first_token_seconds", "e2e_request_latency_seconds", "request_queue_time_seconds"} {
			assert.EqualValues(t, 11, series(page, "vllm:"+family+"_count")[vllmLabels], family)
		}
		ttft := series(page, "vllm:time_to_first_token_seconds_sum")[vllmLabels]
		all := series(page, "vllm:e2e_request_latency_seconds_sum")[vllmLabels]
		assert.Positive(t, ttft)
		assert.Greater(t, all, ttft)

		var asking sync.WaitGroup
		asking.Go(func() { m.ask("u0-q1", prompt("a", 161), 1) })
		for range 100 {
			time.Sleep(10 * time.Millisecond)
			if m.stats().Loading > 0 {
				break
			}
		}
		page = m.get("frontend", "/metrics")
		assert.EqualValues(t, 1, series(page, "vllm:num_requests_waiting")[vllmLabels])
		assert.Zero(t, series(page, "vllm:num_requests_running")[vllmLabels])
		assert.EqualValues(t, 1, series(page, "vllm:num_requests_waiting_by_reason")[vllmLabels+`,reason="deferred"`])
		asking.Wait()
	})
}

// Dynamo's worker writes no _created series: the families on its page stay as they are.
func TestWorkerPageHasNoCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := offloadSpec(sim.OffloadFS, 7, 6, 100)
		m := start(t, spec, quiet(sim.Mechanisms{}))
		m.told("a", 161)
		page := m.get("worker", "/metrics")
		assert.Contains(t, page, "vllm:prompt_tokens_total")
		assert.NotContains(t, page, "_created")
	})
}

// So is one for which there is no slot.
func TestVLLMQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specV(t, "L8B")
		spec.MaxBatchSize = 1
		m := start(t, spec, sim.DefaultParams())
		var asking sync.WaitGroup
		for i := range 3 {
			asking.Go(func() { m.ask(fmt.Sprint("u", i), prompt("a", 64), 40) })
		}
		time.Sleep(time.Second)
		page := m.get("frontend", "/metrics")
		labels := `engine="0",model_name="` + m.served + `"`
		assert.EqualValues(t, 1, series(page, "vllm:num_requests_running")[labels])
		assert.EqualValues(t, 2, series(page, "vllm:num_requests_waiting")[labels])
		assert.Positive(t, series(page, "vllm:kv_cache_usage_perc")[labels])
		asking.Wait()
	})
}

// Families of what is not there, or is not counted, are left out: none says 0 for it.
func TestVLLMPageOfOtherTiers(t *testing.T) {
	const offload = "vllm:kv_offload_"
	synctest.Test(t, func(t *testing.T) {
		bare := smallSpec()
		bare.Host, bare.Disk = sim.TierSpec{}, sim.TierSpec{}
		_, page := vllmPage(t, bare)
		assert.NotContains(t, page, offload)
		assert.NotContains(t, page, "simple_cpu_offload")

		_, page = vllmPage(t, offloadSpec(sim.OffloadDisk, 7, 0, 100))
		assert.NotContains(t, page, offload)
		assert.Contains(t, page, "vllm:simple_cpu_offload_total_blocks{"+vllmLabels+"} 100\n")

		spec := offloadSpec(sim.OffloadKVBM, 7, 10, 100)
		m, page := vllmPage(t, spec)
		kv := m.stats().KV
		require.Positive(t, kv.OnboardD2D)
		assert.EqualValues(t, kv.OnboardD2D*spec.BlockBytes(), series(page, offload+"tiering_read_bytes_total")[fsLabels])
		assert.EqualValues(t, kv.OffloadH2D*spec.BlockBytes(), series(page, offload+"tiering_write_bytes_total")[fsLabels])
		assert.EqualValues(t, (kv.OnboardH2D+kv.OnboardD2D)*spec.BlockBytes(), series(page, offload+"load_bytes_total")[vllmLabels])
		assert.Positive(t, series(page, offload+"tiering_read_time_total")[fsLabels])
		for _, uncounted := range []string{"tiering_write_time", "load_time", "tiering_chunk_queries"} {
			assert.NotContains(t, page, offload+uncounted)
		}
	})
}

// The dialect changes words alone: the same requests take the same time and move the same blocks.
func TestVLLMChangesWordsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(dialect string) (sim.EngineStats, time.Duration) {
			spec := offloadSpec(sim.OffloadKVBM, 7, 10, 100)
			spec.Dialect = dialect
			m := start(t, spec, quiet(sim.Mechanisms{}))
			began := time.Now()
			m.busy(3)
			took := time.Since(began)
			st := m.stats()
			return st, took
		}
		want, long := run(sim.DialectDynamo)
		got, took := run(sim.DialectVLLM)
		assert.Equal(t, want, got)
		assert.Equal(t, long, took)
	})
}

// A stack without a dialect of its own kind is refused.
func TestUnknownDialect(t *testing.T) {
	spec := specA(t, "L8B")
	spec.Dialect = "sglang"
	_, err := sim.Start(spec, sim.DefaultParams(), 1)
	require.ErrorContains(t, err, "a known dialect")
}
