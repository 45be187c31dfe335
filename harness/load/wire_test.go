package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// lineFields are a line of metrics.jsonl, or those of its fields that matter; nil for a field is null or left out.
type lineFields map[string]any

// line is the record as a line of metrics.jsonl has it.
func line(t *testing.T, rec *record.Request) lineFields {
	t.Helper()
	text, err := record.AppendLine(nil, rec)
	require.NoError(t, err)
	var out lineFields
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

// stream is a transcript with a frame of each text.
func stream(frames ...string) string {
	var b strings.Builder
	for _, f := range frames {
		b.WriteString("data: " + f + "\n\n")
	}
	return b.String()
}

func delta(fields string) string { return `{"choices":[{"index":0,"delta":{` + fields + `}}]}` }
func word(text string) string    { return `{"choices":[{"index":0,"text":"` + text + `"}]}` }
func finished(text string) string {
	return `{"choices":[{"index":0,"text":"` + text + `","finish_reason":"length"}]}`
}
func counts(usage string) string { return `{"choices":[],"usage":{` + usage + `}}` }

// What servers send that no standard says, each frame 10 ms after the one before.
func TestWire(t *testing.T) {
	const done = "[DONE]"
	role := delta(`"role":"assistant","content":""`)
	last := `{"choices":[{"index":0,"delta":{"content":" drive"},"finish_reason":"length"}]}`
	three := stream(word("The"), word(" drive"), finished(" reads"), counts(`"prompt_tokens":7,"completion_tokens":3`), done)
	ok := lineFields{"rc": "ok", "lat_ttft_ms": 10.0, "itl_p50_ms": 10.0, "itl_max_ms": 10.0, "itl_mean_ms": 10.0, "output_tokens": 3.0, "tokens_per_chunk": 1.0,
		"chunk_gap_p50_ms": nil, "chunk_gap_max_ms": nil, "cached_tokens": nil, "error": nil}
	tests := []struct {
		name, text string
		asked      int
		want       lineFields
	}{
		{"reasoning", stream(role, delta(`"reasoning":"Hm"`), delta(`"reasoning":" so"`), last, counts(`"completion_tokens":3`), done), 3,
			lineFields{"rc": "ok", "lat_ttft_ms": 20.0, "itl_p50_ms": 10.0, "itl_max_ms": 10.0, "itl_mean_ms": 10.0, "tokens_per_chunk": 1.0}},
		{"reasoning content", stream(role, delta(`"reasoning_content":"Hm"`), delta(`"reasoning_content":" so","content":null`), last, counts(`"completion_tokens":3`), done), 3,
			lineFields{"rc": "ok", "lat_ttft_ms": 20.0, "itl_p50_ms": 10.0, "itl_max_ms": 10.0, "itl_mean_ms": 10.0, "tokens_per_chunk": 1.0}},
		{"reasoning under both names", stream(role, delta(`"reasoning":"Hm","reasoning_content":"Hm"`), delta(`"reasoning":"","reasoning_content":null`), last, counts(`"completion_tokens":2`), done), 2,
			lineFields{"rc": "ok", "lat_ttft_ms": 20.0, "itl_p50_ms": 20.0, "tokens_per_chunk": 1.0}},
		{"reasoning that is no text", stream(role, delta(`"reasoning":{"effort":"low"}`), delta(`"content":"The"`), last, counts(`"completion_tokens":2`), done), 2,
			lineFields{"rc": "ok", "lat_ttft_ms": 30.0, "itl_p50_ms": 10.0}},

		{"three tokens a chunk", stream(word("a b c"), word(" d e f"), finished(" g h i"), counts(`"completion_tokens":9`), done), 9,
			lineFields{"rc": "ok", "tokens_per_chunk": 3.0, "itl_mean_ms": 2.5, "itl_p50_ms": nil, "itl_max_ms": nil, "chunk_gap_p50_ms": 10.0, "chunk_gap_max_ms": 10.0}},
		{"all tokens in one chunk", stream(finished("a b c"), counts(`"completion_tokens":3`), done), 3,
			lineFields{"rc": "ok", "tokens_per_chunk": 3.0, "itl_mean_ms": nil, "itl_p50_ms": nil, "chunk_gap_p50_ms": nil}},
		{"some chunks of two", stream(word("a"), word(" b c"), finished(" d"), counts(`"completion_tokens":4`), done), 4,
			lineFields{"rc": "ok", "tokens_per_chunk": 4.0 / 3, "itl_mean_ms": 20.0 / 3, "itl_p50_ms": nil, "chunk_gap_p50_ms": 10.0}},
		{"a token in two chunks", stream(word("a"), word("b"), finished(" c"), counts(`"completion_tokens":2`), done), 2,
			lineFields{"rc": "ok", "tokens_per_chunk": 2.0 / 3, "itl_mean_ms": 20.0, "itl_p50_ms": nil, "chunk_gap_p50_ms": 10.0}},
		{"nothing counted", stream(word("a b"), finished(" c d"), done), 4,
			lineFields{"rc": "short", "tokens_per_chunk": nil, "itl_mean_ms": 10.0, "itl_p50_ms": 10.0, "chunk_gap_p50_ms": nil}},
		{"one token counted, two chunks", stream(word("a"), finished("b"), counts(`"completion_tokens":1`), done), 1,
			lineFields{"rc": "ok", "tokens_per_chunk": 0.5, "itl_mean_ms": nil, "itl_p50_ms": nil, "chunk_gap_p50_ms": 10.0}},

		{"byte order mark", "\ufeff" + three, 3, ok},
		{"byte order mark before a comment", "\ufeff: hi\n" + three, 3, ok},
		{"comments", ": hi\n" + strings.ReplaceAll(three, "data:", ": again\ndata:"), 3, ok},
		{"CRLF", strings.ReplaceAll(three, "\n", "\r\n"), 3, ok},
		{"no space", strings.ReplaceAll(three, "data: ", "data:"), 3, ok},
		{"no content in some deltas", stream(role, delta(""), delta(`"content":null`), delta(`"content":""`), `{"choices":[{"index":0,"delta":null}]}`, `{"choices":[{"index":0}]}`, `{"choices":[]}`,
			delta(`"content":"The"`), last, counts(`"completion_tokens":2`), done), 2,
			lineFields{"rc": "ok", "lat_ttft_ms": 80.0, "itl_p50_ms": 10.0, "tokens_per_chunk": 1.0}},

		{"usage null but in the last chunk of text", stream(`{"choices":[{"text":"a"}],"usage":null}`, `{"choices":[{"text":"b","finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}`, done), 2,
			lineFields{"rc": "ok", "prompt_tokens": 7.0, "output_tokens": 2.0, "tokens_per_chunk": 1.0}},
		{"usage in every chunk", stream(`{"choices":[{"text":"a"}],"usage":{"prompt_tokens":7,"completion_tokens":1}}`, `{"choices":[{"text":"b","finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":2}}`,
			counts(`"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}`), done), 2,
			lineFields{"rc": "ok", "prompt_tokens": 7.0, "output_tokens": 2.0, "cached_tokens": 4.0, "tokens_per_chunk": 1.0}},
		{"several usage chunks", stream(counts(`"prompt_tokens":7,"completion_tokens":0`), word("a"), finished("b"), counts(`"prompt_tokens":7,"completion_tokens":1`),
			counts(`"prompt_tokens":8,"completion_tokens":2`), done), 2,
			lineFields{"rc": "ok", "prompt_tokens": 8.0, "output_tokens": 2.0}},
		{"usage without choices", stream(word("a"), finished("b"), `{"usage":{"prompt_tokens":7,"completion_tokens":2}}`, done), 2,
			lineFields{"rc": "ok", "prompt_tokens": 7.0, "output_tokens": 2.0}},

		{"nothing of a cache", stream(word("a"), finished("b"), counts(`"prompt_tokens":7,"completion_tokens":2`), done), 2,
			lineFields{"rc": "ok", "cached_tokens": nil}},
		{"an empty cache", stream(word("a"), finished("b"), counts(`"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":0}`), done), 2,
			lineFields{"rc": "ok", "cached_tokens": 0.0}},
		{"cached tokens", stream(word("a"), finished("b"), counts(`"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":5}`), done), 2,
			lineFields{"rc": "ok", "cached_tokens": 5.0}},
		{"more cached than prompt", stream(word("a"), finished("b"), counts(`"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":8}`), done), 2,
			lineFields{"rc": "ok", "cached_tokens": nil}},
		{"timings alone", stream(word("a"), finished("b"), `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2},"timings":{"cache_n":5,"prompt_n":2,"prompt_ms":1.25}}`, done), 2,
			lineFields{"rc": "ok", "cached_tokens": 5.0, "lat_ttft_ms": 10.0, "server_wait_ms": 8.75}},
		{"timings beyond TTFT", stream(finished("a"), `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1},"timings":{"prompt_ms":11.5}}`, done), 1,
			lineFields{"rc": "ok", "lat_ttft_ms": 10.0, "server_wait_ms": 0.0}},
		{"timings below zero", stream(finished("a"), `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1},"timings":{"prompt_ms":-1}}`, done), 1,
			lineFields{"rc": "ok", "server_wait_ms": nil}},
		{"timings of an empty cache", stream(word("a"), `{"choices":[{"text":"b","finish_reason":"length"}],"timings":{"cache_n":0,"prompt_n":7}}`, counts(`"prompt_tokens":7,"completion_tokens":2`), done), 2,
			lineFields{"rc": "ok", "cached_tokens": 0.0}},
		{"usage before timings", stream(word("a"), finished("b"),
			`{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":0}},"timings":{"cache_n":5}}`, done), 2,
			lineFields{"rc": "ok", "cached_tokens": 0.0}},
		{"timings of another kind", stream(word("a"), finished("b"), `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2},"timings":"fast"}`, done), 2,
			lineFields{"rc": "ok", "cached_tokens": nil}},
		{"timings beyond the prompt", stream(word("a"), finished("b"), `{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2},"timings":{"cache_n":8}}`, done), 2,
			lineFields{"rc": "ok", "cached_tokens": nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) { replay(w, r, tt.text, 10*time.Millisecond) })
				defer stop()
				spec := e.spec(t)
				spec.API = APIChat
				rec, _ := ask(t, t.Context(), spec, tt.asked)
				got := line(t, &rec)
				for name, want := range tt.want {
					assert.Equal(t, want, got[name], name)
				}
			})
		})
	}
}

// What a server says went wrong is quoted, whatever it says it in, and the request has failed.
func TestServerSaysWhatWentWrong(t *testing.T) {
	const said = "no KV blocks left"
	begun := stream(word("a"))
	tests := []struct{ name, kind, text, rc string }{
		{"JSON instead of a stream", "application/json", `{"error":{"message":"no KV blocks left","type":"server_error","code":500}}`, "server"},
		{"JSON of TensorRT-LLM", "application/json; charset=utf-8", `{"object":"error","message":"no KV blocks left","type":"BadRequestError","code":400}`, "server"},
		{"JSON with a text", "application/json", `{"error":"no KV blocks left"}`, "server"},
		{"JSON with a detail", "application/json", `{"detail":"no KV blocks left"}`, "server"},
		{"JSON that is a text", "application/json", `"no KV blocks left"`, "server"},
		{"plain text instead of a stream", "text/plain", said, "malformed"},
		{"a page instead of a stream", "text/html", "<html>" + said + "</html>", "malformed"},

		{"error event with data", "", begun + "event: error\ndata: {\"error\":{\"message\":\"no KV blocks left\"}}\n\ndata: [DONE]\n\n", "server"},
		{"error event with a text", "", begun + "event: error\ndata: no KV blocks left\n\n", "server"},
		{"error event with a comment", "", begun + "event: error\n: no KV blocks left\n\ndata: [DONE]\n\n", "server"},
		{"error field", "", begun + "error: {\"code\":500,\"message\":\"no KV blocks left\",\"type\":\"server_error\"}\n\n", "server"},
		{"error field with a text", "", begun + "error: no KV blocks left\n\ndata: [DONE]\n\n", "server"},
		{"error field without an end", "", begun + `error: {"message":"no KV blocks left"}`, "server"},
		{"error field at once", "", "error: {\"message\":\"no KV blocks left\"}\n\n", "server"},
		{"error frame", "", begun + stream(`{"error":{"message":"no KV blocks left","code":500}}`, "[DONE]"), "server"},
		{"error frame with a text", "", begun + stream(`{"error":"no KV blocks left"}`), "server"},
		{"error frame of TensorRT-LLM", "", begun + stream(`{"object":"error","message":"no KV blocks left"}`), "server"},
		{"error frame of Dynamo", "", begun + stream(`{"message":"no KV blocks left","type":"Overloaded","code":529}`), "server"},
		{"error frame without an end", "", begun + `data: {"error":"no KV blocks left"}`, "server"},
		{"frame that is a text", "", begun + stream(`"no KV blocks left"`), "server"},
		{"frame of no JSON", "", begun + stream(said), "malformed"},
		{"object between events", "", begun + "{\"error\":{\"message\":\"no KV blocks left\"}}\n\n", "server"},
		{"object of many lines", "", begun + "{\r\n  \"error\": {\r\n    \"message\": \"no KV blocks left\"\r\n  }\r\n}\r\n\r\n", "server"},
		{"object at the end", "", begun + `{"error":{"message":"no KV blocks left"}}`, "server"},
		{"error field after a byte order mark", "", "\ufefferror: no KV blocks left", "server"},
		{"text at the end", "", begun + "no KV blocks left\n", "cut"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if tt.kind == "" {
						replay(w, r, tt.text, 10*time.Millisecond)
						return
					}
					w.Header().Set("Content-Type", tt.kind)
					_, _ = w.Write([]byte(tt.text))
				})
				defer stop()
				rec, _ := ask(t, t.Context(), e.spec(t), 5)
				got := line(t, &rec)
				assert.Equal(t, tt.rc, got["rc"])
				assert.Contains(t, got["error"], said)
				assert.NotContains(t, got["error"], "\n")
				assert.Nil(t, got["lat_e2e_ms"])
			})
		})
	}
}

// An object that stands in no field and says nothing of an error is passed over, as the standard asks.
func TestObjectBetweenEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			replay(w, r, stream(word("a"))+"{\"level\":\"info\"}\n\n"+stream(finished("b"), counts(`"completion_tokens":2`), "[DONE]"), 10*time.Millisecond)
		})
		defer stop()
		rec, gaps := ask(t, t.Context(), e.spec(t), 2)
		assert.Equal(t, record.RCOK, rec.RC)
		assert.Equal(t, []time.Duration{20 * time.Millisecond}, gaps)
	})
}

// A long text of a server is shortened, and a stream in capital letters is a stream.
func TestForeignTextIsShortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kind := "application/json"
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			if kind == "application/json" {
				_, _ = w.Write([]byte(`{"error":"\u001b[2J` + strings.Repeat("long ", 1000) + `"}`))
				return
			}
			_, _ = w.Write([]byte(stream(finished("a"), counts(`"completion_tokens":1`), "[DONE]")))
		})
		defer stop()
		rec, _ := ask(t, t.Context(), e.spec(t), 1)
		assert.Equal(t, record.RCServer, rec.RC)
		assert.Less(t, len(*rec.Error), 300)
		assert.Contains(t, *rec.Error, `HTTP 200 with an error: \x1b[2Jlong long`)
		kind = "Text/Event-Stream; charset=UTF-8"
		rec, _ = ask(t, t.Context(), e.spec(t), 1)
		assert.Equal(t, record.RCOK, rec.RC)
	})
}

// Gaps between chunks of two tokens do not stand among those between tokens.
func TestGapsOfChunks(t *testing.T) {
	for name, perChunk := range map[string]int{"a token a chunk": 1, "two": 2} {
		t.Run(name, func(t *testing.T) {
			o := drive(t, func(w http.ResponseWriter, r *http.Request) {
				text := stream(word("a"), word("a"), finished("a"), counts(fmt.Sprintf(`"completion_tokens":%d`, 3*perChunk)), "[DONE]")
				replay(w, r, text, 20*time.Millisecond)
			}, func(s *Spec) { s.Output = must[Dist](t)(NewConstant(float64(3 * perChunk))) })
			require.NoError(t, o.err)
			gaps, none := &o.sum.Gaps, o.sum.ChunkGaps
			if perChunk == 2 {
				none, gaps = gaps, o.sum.ChunkGaps
				assert.Zero(t, none.Count())
			} else {
				assert.Nil(t, none)
			}
			assert.EqualValues(t, 2*o.sum.Counts[record.PhaseMeasure][record.RCOK], gaps.Count())
			assert.Equal(t, 20*time.Millisecond, gaps.Max())
		})
	}
}
