//go:build peers

package serverrig

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// closedLoop is a load that each client can be asked for: so many users, each with one request at a time, whose answers have
// exactly so many tokens. A seed gives each run texts of its own, which no server has in its cache.
type closedLoop struct {
	url, model, tokenizer   string
	api                     string // "completions" or "chat"
	users, requests         int
	promptTokens, outTokens int
	seed                    int
	// fresh makes each request of other people's clients go out on a connection of its own. Neither sends a request again that met
	// one which the server was just closing.
	fresh bool
}

// measuredBy is what a client says of a load: a value a request, as far as it says so. Times are milliseconds.
type measuredBy struct {
	ok, failed   int
	ttft, e2e    []float64
	perToken     []float64 // each request's mean time of a token behind the first
	medianGap    []float64 // each request's median gap between chunks; nil where the client keeps no gaps
	promptTokens []float64 // as the server counted
	outTokens    []float64 // likewise
	perSecond    float64   // requests
	// Of ours alone: requests that went out a second time, and what of TTFT is not the server's own time for the prompt.
	sentAgain int
	beside    []float64
}

// clients is the folder of the programs of fixtures/servers/peers.txt.
func clients(t *testing.T) string { return filepath.Dir(python(t, "peers")) }

// reads a JSON file that a client has left.
func reads(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into), "%s", path)
}

// aiperf runs AIPerf. Lengths of answers are the server's: counted by the texts, as is its default, some have another length.
func (l closedLoop) aiperf(t *testing.T, bin string) measuredBy {
	t.Helper()
	dir := t.TempDir()
	reuse := "pooled"
	if l.fresh {
		reuse = "never"
	}
	_, err := peer(t, dir, nil, filepath.Join(bin, "aiperf"), "profile", "--connection-reuse-strategy", reuse, "-m", l.model, "--endpoint-type", l.api, "--streaming", "-u", l.url, "--tokenizer", l.tokenizer,
		"--request-count", strconv.Itoa(l.requests), "--concurrency", strconv.Itoa(l.users), "--num-dataset-entries", strconv.Itoa(l.requests),
		"--synthetic-input-tokens-mean", strconv.Itoa(l.promptTokens), "--synthetic-input-tokens-stddev", "0", "--output-tokens-mean", strconv.Itoa(l.outTokens),
		"--output-tokens-stddev", "0", "--extra-inputs", "ignore_eos:true", "--random-seed", strconv.Itoa(l.seed), "--use-server-token-count",
		"--no-gpu-telemetry", "--no-server-metrics", "--ui", "none", "--export-level", "records", "--artifact-dir", filepath.Join(dir, "out"))
	require.NoError(t, err)

	type average struct{ Avg float64 }
	var sum struct {
		Version    string   `json:"aiperf_version"`
		Count      average  `json:"request_count"`
		Errors     *average `json:"error_request_count"`
		Summary    []any    `json:"error_summary"`
		Cancelled  bool     `json:"was_cancelled"`
		Throughput average  `json:"request_throughput"`
	}
	reads(t, filepath.Join(dir, "out", "profile_export_aiperf.json"), &sum)
	require.False(t, sum.Cancelled)
	out := measuredBy{perSecond: sum.Throughput.Avg}
	if sum.Errors != nil {
		out.failed = int(sum.Errors.Avg)
	}
	require.Equal(t, out.failed == 0, len(sum.Summary) == 0, "%v", sum.Summary)

	text, err := os.ReadFile(filepath.Join(dir, "out", "profile_export.jsonl"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		type value struct{ Value *float64 }
		var rec struct {
			Error   any `json:"error"`
			Metrics struct {
				TTFT   value                     `json:"time_to_first_token"`
				Each   value                     `json:"inter_token_latency"`
				E2E    value                     `json:"request_latency"`
				Prompt value                     `json:"usage_prompt_tokens"`
				Output value                     `json:"usage_completion_tokens"`
				Gaps   struct{ Value []float64 } `json:"inter_chunk_latency"`
			}
		}
		require.NoError(t, json.Unmarshal([]byte(line), &rec))
		if rec.Error != nil {
			t.Logf("aiperf: %v", rec.Error)
			continue
		}
		out.ok++
		for _, v := range []struct {
			from value
			to   *[]float64
		}{{rec.Metrics.TTFT, &out.ttft}, {rec.Metrics.Each, &out.perToken}, {rec.Metrics.E2E, &out.e2e}, {rec.Metrics.Prompt, &out.promptTokens}, {rec.Metrics.Output, &out.outTokens}} {
			if v.from.Value != nil {
				*v.to = append(*v.to, *v.from.Value)
			}
		}
		if gaps := rec.Metrics.Gaps.Value; len(gaps) > 0 {
			out.medianGap = append(out.medianGap, quantile(gaps, 0.5))
		}
	}
	require.Equal(t, int(sum.Count.Avg), out.ok, "its summary and its records are of the same requests")
	return out
}

// guidellm runs GuideLLM.
func (l closedLoop) guidellm(t *testing.T, bin string) measuredBy {
	t.Helper()
	dir := t.TempDir()
	path := map[string]string{"completions": "/v1/completions", "chat": "/v1/chat/completions"}[l.api]
	backend := map[string]any{"kind": "openai_http", "target": l.url, "model": l.model, "request_format": path}
	if l.fresh {
		backend["extras"] = map[string]any{"headers": map[string]string{"Connection": "close"}}
	}
	encoded, err := json.Marshal(backend)
	require.NoError(t, err)
	environment := []string{"PYTHONPATH=" + fixture(t, "stand-in")}
	_, err = peer(t, dir, environment, filepath.Join(bin, "guidellm"), "run", "--backend", string(encoded),
		"--profile", fmt.Sprintf("kind=concurrent,streams=%d", l.users), "--constraint", fmt.Sprintf("kind=max_requests,count=%d", l.requests),
		"--tokenizer", "kind=huggingface_auto,model="+l.tokenizer, "--data", fmt.Sprintf("kind=synthetic_text,prompt_tokens=%d,output_tokens=%d", l.promptTokens, l.outTokens),
		"--seed", fmt.Sprintf("kind=static,value=%d", l.seed), "--output", "kind=json,path=out.json", "--disable-console")
	require.NoError(t, err)

	var file struct {
		Benchmarks []struct {
			State struct {
				OK        int `json:"successful_requests"`
				Failed    int `json:"errored_requests"`
				Cancelled int `json:"cancelled_requests"`
			} `json:"scheduler_state"`
			Metrics struct {
				PerSecond struct{ Successful struct{ Mean float64 } } `json:"requests_per_second"`
			}
			Requests struct {
				Successful []struct {
					TTFT   *float64 `json:"time_to_first_token_ms"`
					Each   *float64 `json:"inter_token_latency_ms"`
					E2ES   *float64 `json:"request_latency"`
					Prompt *float64 `json:"prompt_tokens"`
					Output *float64 `json:"output_tokens"`
				}
				Errored, Incomplete []any
			}
		}
	}
	reads(t, filepath.Join(dir, "out.json"), &file)
	require.Len(t, file.Benchmarks, 1)
	b := file.Benchmarks[0]
	out := measuredBy{ok: b.State.OK, failed: b.State.Failed + b.State.Cancelled, perSecond: b.Metrics.PerSecond.Successful.Mean}
	require.Len(t, b.Requests.Successful, out.ok, "its summary and its records are of the same requests")
	require.Len(t, append(b.Requests.Errored, b.Requests.Incomplete...), out.failed)
	for _, r := range b.Requests.Successful {
		if r.E2ES != nil {
			out.e2e = append(out.e2e, *r.E2ES*1e3)
		}
		for _, v := range []struct {
			from *float64
			to   *[]float64
		}{{r.TTFT, &out.ttft}, {r.Each, &out.perToken}, {r.Prompt, &out.promptTokens}, {r.Output, &out.outTokens}} {
			if v.from != nil {
				*v.to = append(*v.to, *v.from)
			}
		}
	}
	return out
}
