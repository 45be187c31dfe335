//go:build peers

package serverrig

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tokenizer is a folder with one that needs no download.
func tokenizer(t *testing.T) string {
	return filepath.Join(model(t, python(t, "llama-cpp"), narrow), "hf")
}

// loaded runs a client against each of the simulated servers, by both APIs, and wants every request answered whole.
func loaded(t *testing.T, by func(closedLoop, *testing.T, string) measuredBy) {
	bin, tok, program := clients(t), tokenizer(t), sparkharness(t)
	for _, server := range []simulated{simulatedA, simulatedB, simulatedVLLM} {
		url := server.serve(t, program)
		for _, api := range []string{"completions", "chat"} {
			t.Run(server.name+"/"+api, func(t *testing.T) {
				const requests, tokens = 6, 8
				got := by(closedLoop{url: url, model: simulatedModel, tokenizer: tok, api: api, users: 2, requests: requests, promptTokens: 64, outTokens: tokens, seed: 7}, t, bin)
				assert.Equal(t, []int{requests, 0}, []int{got.ok, got.failed}, "answered, failed")
				for name, values := range map[string][]float64{"TTFT": got.ttft, "time per token": got.perToken, "E2E": got.e2e, "prompt tokens": got.promptTokens} {
					assert.Len(t, values, requests, name)
					for _, v := range values {
						assert.Greater(t, v, 0.0, name)
					}
				}
				assert.Len(t, got.outTokens, requests)
				for _, v := range got.outTokens {
					assert.Equal(t, float64(tokens), v)
				}
			})
		}
	}
}

// AIPerf is answered, and says so itself.
func TestAIPerf(t *testing.T) { loaded(t, closedLoop.aiperf) }

// GuideLLM is answered, and says so itself.
func TestGuideLLM(t *testing.T) { loaded(t, closedLoop.guidellm) }

// llama-benchy asks for return_token_ids, which is vLLM's: trtllm-serve and Dynamo's frontend refuse it and say what they
// refuse, and the frontend that was told to drop what it does not know answers. llama-benchy itself ends well in either case.
func TestLlamaBenchy(t *testing.T) {
	bin, tok, program := clients(t), tokenizer(t), sparkharness(t)
	book := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(repository, "inputs", "prompts"))))
	t.Cleanup(book.Close)
	for _, c := range []struct {
		server  simulated
		refusal string // "" where it is answered
	}{
		{simulatedA, `{'type': 'extra_forbidden', 'loc': ('body', 'return_token_ids'), 'msg': 'Extra inputs are not permitted'}`},
		{simulatedB, "Unsupported parameter(s): `return_token_ids`"},
		{simulatedLenient, ""}, {simulatedVLLM, ""},
	} {
		t.Run(c.server.name, func(t *testing.T) {
			const tests, tokens = 2, 8 // a depth each
			dir := t.TempDir()
			_, err := peer(t, dir, nil, filepath.Join(bin, "llama-benchy"), "--base-url", c.server.serve(t, program)+"/v1", "--model", simulatedModel, "--tokenizer", tok,
				"--pp", "128", "--tg", "8", "--depth", "0", "64", "--runs", "1", "--skip-coherence", "--book-url", book.URL+"/8192.txt",
				"--save-result", "out.json", "--format", "json", "--emit-progress", "progress.jsonl")
			require.NoError(t, err)
			var file struct {
				Benchmarks []struct {
					TTFT *struct{ Values []float64 } `json:"e2e_ttft"`
					Rate *struct{ Values []float64 } `json:"tg_throughput"`
				}
			}
			reads(t, filepath.Join(dir, "out.json"), &file)
			require.Len(t, file.Benchmarks, tests)
			ends := requestEnds(t, filepath.Join(dir, "progress.jsonl"))
			require.Len(t, ends, tests)
			for i, b := range file.Benchmarks {
				if c.refusal != "" {
					assert.Contains(t, ends[i].Error, "HTTP 400: ")
					assert.Contains(t, ends[i].Error, c.refusal)
					assert.Nil(t, b.TTFT, "what was refused was not measured")
					continue
				}
				assert.Empty(t, ends[i].Error)
				assert.Equal(t, tokens, ends[i].Tokens)
				if assert.NotNil(t, b.TTFT) && assert.NotNil(t, b.Rate) {
					assert.Greater(t, b.TTFT.Values[0], 0.0)
					assert.Greater(t, b.Rate.Values[0], 0.0)
				}
			}
		})
	}
}

// requestEnd is how a request of llama-benchy ended.
type requestEnd struct {
	Type, Error string
	Tokens      int `json:"total_tokens"`
}

// requestEnds are those of its file of progress.
func requestEnds(t *testing.T, path string) (ends []requestEnd) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var event requestEnd
		if json.Unmarshal([]byte(line), &event) == nil && event.Type == "request_end" {
			ends = append(ends, event)
		}
	}
	return ends
}
