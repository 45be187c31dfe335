package load

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	trtllmChunk = `{"id":"cmpl-7f3a90c1d2e34b5f8a6b7c8d9e0f1a2b","object":"text_completion","created":1767225600,"model":"Llama-3.3-70B","choices":[{"index":0,"text":" drive"}]}`
	chatChunk   = `{"id":"chatcmpl-19","object":"chat.completion.chunk","created":1767225600,"model":"llama","choices":[{"index":0,"delta":{"content":" drive"}}]}`
)

func TestParseChunk(t *testing.T) {
	text := chunk{text: true, usage: noUsage}
	none := chunk{usage: noUsage}
	finish := chunk{finish: true, usage: noUsage}
	failure := func(s string) chunk { return chunk{failure: s, usage: noUsage} }
	tests := []struct {
		name, data string
		want       chunk
		fast       bool // the fast path must know it
	}{
		{"trtllm completion", trtllmChunk, text, true},
		{"trtllm chat", chatChunk, text, true},
		{"trailing space", chatChunk + " ", text, true},
		{"role only", `{"object":"x","choices":[{"index":0,"delta":{"role":"assistant"}}]}`, none, true},
		{"empty text", `{"choices":[{"text":""}]}`, none, true},
		{"null text", `{"choices":[{"text":null,"finish_reason":null}]}`, none, true},
		{"escaped text", `{"choices":[{"text":"\n\u00e9\""}]}`, text, true},
		{"reasoning", `{"choices":[{"delta":{"content":null,"reasoning_content":"hm"}}]}`, text, true},
		{"reasoning by another name", `{"choices":[{"delta":{"reasoning":"hm"}}]}`, text, true},
		{"no reasoning", `{"choices":[{"delta":{"reasoning":"","content":null}}]}`, none, true},
		{"reasoning that is no text", `{"choices":[{"delta":{"reasoning":{"effort":"low"}}}]}`, none, false},
		{"llama.cpp's timings", `{"choices":[],"timings":{"cache_n":12,"prompt_ms":1.5,"prompt_per_second":null}}`, chunk{usage: noUsage, reused: 12, hasReused: true, computed: 1.5, hasComputed: true}, false},
		{"timings of nothing cached", `{"choices":[],"timings":{"cache_n":0}}`, chunk{usage: noUsage, hasReused: true}, true},
		{"timings without a cache", `{"choices":[],"timings":{"prompt_n":3}}`, none, true},
		{"null timings", `{"choices":[],"timings":null}`, none, true},
		{"negative timings", `{"choices":[],"timings":{"cache_n":-1}}`, none, false},
		{"timings of another kind", `{"choices":[{"text":"a"}],"timings":[1]}`, text, false},
		{"text alone", `"no blocks"`, failure("no blocks"), false},
		{"text of spaces", ` "" `, failure(`""`), false},
		{"detail", `{"detail":[{"msg":"no blocks"}]}`, failure(`[{"msg":"no blocks"}]`), false},
		{"error in an error", `{"error":{"error":"no blocks"}}`, failure("no blocks"), false},
		{"finish", `{"choices":[{"text":"","finish_reason":"length"}]}`, finish, true},
		{"empty finish", `{"choices":[{"text":"","finish_reason":""}]}`, none, true},
		{"text and finish", `{"choices":[{"finish_reason":"stop","text":"a"}]}`, chunk{text: true, finish: true, usage: noUsage}, true},
		{"second choice", `{"choices":[{"text":""},{"text":"a"}]}`, text, true},
		{"ignored fields", `{"a":[1,-2.5e+3,{"B":[true,false,null,"\\"]}],"choices":[{"logprobs":{"tokens":[]},"text":"a"}]}`, text, true},
		{"spaces", " {\t\"choices\" : [ { \"text\" : \"a\" } , { } ] , \"usage\" : null }\r\n", text, true},
		{"usage only", `{"choices":[],"usage":{"prompt_tokens":256,"total_tokens":261,"completion_tokens":5}}`,
			chunk{usage: usage{256, -1, 5}}, true},
		{"usage with details", `{"choices":[{"text":"a"}],"usage":{"prompt_tokens":256,"completion_tokens":0,"prompt_tokens_details":{"audio_tokens":null,"cached_tokens":224}}}`,
			chunk{text: true, usage: usage{256, 224, 0}}, true},
		{"usage with null details", `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":null,"prompt_tokens_details":null}}`,
			chunk{usage: usage{1, -1, -1}}, true},
		{"usage without choices", `{"usage":{"prompt_tokens":1}}`, chunk{usage: usage{1, -1, -1}}, false},
		{"usage with null choices", `{"choices":null,"usage":{"prompt_tokens":1}}`, chunk{usage: usage{1, -1, -1}}, false},
		{"the largest count", `{"choices":[],"usage":{"prompt_tokens":999999999}}`, chunk{usage: usage{maxCount, -1, -1}}, true},
		{"a larger count", `{"choices":[],"usage":{"prompt_tokens":1000000000}}`, none, false},
		{"the largest number", `{"choices":[],"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":3}}`, chunk{usage: usage{-1, -1, 3}}, false},
		{"negative count", `{"choices":[],"usage":{"prompt_tokens":-1}}`, none, false},
		{"timing", `{"choices":[{"text":"a"}],"nvext":{"timing":{"prefill_wait_time_ms":12.5}}}`,
			chunk{text: true, usage: noUsage, wait: 12.5, hasWait: true}, false},
		{"timing without the wait", `{"choices":[{"text":"a"}],"nvext":{"timing":{}}}`, text, false},
		{"null nvext and error", `{"choices":[{"text":"a"}],"nvext":null,"error":null}`, text, true},
		{"other case", `{"Choices":[{"TEXT":"a"}]}`, text, false},
		{"escaped key", `{"choices":[{"t\u0065xt":"a"}]}`, text, false},
		{"field twice", `{"choices":[{"text":"a","text":""}]}`, none, false},
		{"error object", `{"error":{"message":"no blocks","code":500}}`, failure("no blocks"), false},
		{"error string", `{"error":"no blocks"}`, failure("no blocks"), false},
		{"error of another shape", `{"error":[1]}`, failure("[1]"), false},
		{"error beside choices", `{"choices":[{"text":"a"}],"error":{"message":"no blocks"}}`, failure("no blocks"), false},
		{"trtllm error", `{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}`, failure("too long"), false},
		{"error with choices", `{"object":"error","message":"too long","choices":[]}`, failure("too long"), false},
		{"dynamo error", `{"message":"overloaded","type":"Overloaded","code":529}`, failure("overloaded"), false},
		{"error without a message", `{"object":"error"}`, failure("no message"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := new(chunkReader).parse([]byte(tt.data))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			_, fast := (&scanner{b: []byte(tt.data)}).chunk()
			assert.Equal(t, tt.fast, fast, "fast path")
			agree(t, []byte(tt.data))
		})
	}
}

func TestParseChunkRefuses(t *testing.T) {
	for _, data := range []string{
		"", "x", "null", "[]", "3", "{}", `{"id":"a"}`, `{"choices":null}`, `{"choices":{}}`, `{"choices":[1]}`,
		`{"choices":[{"text":1}]}`, `{"choices":[{"text":"a"}]`, `{"choices":[{"text":"a"}]}}`, `{"choices":[{"text":"a"},]}`,
		`{"choices":[{"text":"a",}]}`, `{"choices":[],"usage":{"prompt_tokens":"1"}}`, `{"choices":[],"usage":{"prompt_tokens":01}}`,
		`{"choices":[],"usage":{"prompt_tokens":1.5}}`, `{"choices":[],"x":01}`, `{"choices":[],"x":-}`, `{"choices":[],"x":1.}`,
		`{"choices":[],"x":1e}`, `{"choices":[],"x":"` + "\n" + `"}`, `{"choices":[],"x":"\x"}`, `{"choices":[],"x":"\u12g4"}`,
		`{"choices":[],"x":tru}`, `{"choices":[],"x":}`, `{"choices":[] "x":1}`, `{"choices"}`, `{"choices":[],"x":"a}`, `{,"choices":[]}`,
		`{"choices":[,]}`, `{"choices":[],"x":[1,]}`, `{"choices":[],"x":{"a":1,}}`, `{"choices":[],"x":{"a"}}`, `{"choices":[],"x":"\u12"}`, `{"choices":[],"x":"\`,
	} {
		_, err := new(chunkReader).parse([]byte(data))
		assert.Error(t, err, data)
		agree(t, []byte(data))
	}
}

// agree requires that whatever the fast path accepts is what encoding/json reads.
func agree(t *testing.T, data []byte) {
	t.Helper()
	fast, ok := (&scanner{b: data}).chunk()
	if !ok {
		return
	}
	full, err := decodeChunk(data)
	require.NoError(t, err, "the fast path took what encoding/json refuses: %q", data)
	require.Equal(t, full, fast, "%q", data)
}

// What a stream's chunks have in common is not read again, and changes nothing: neither for a chunk that
// differs by its text alone, nor for one that only resembles it.
func TestChunkReaderAgrees(t *testing.T) {
	const first = `{"id":"a","choices":[{"index":0,"text":" one"}],"usage":null}`
	for _, tt := range []struct {
		name, data string
		same       bool
	}{
		{"other text", `{"id":"a","choices":[{"index":0,"text":" two and three"}],"usage":null}`, true},
		{"other bytes", `{"id":"a","choices":[{"index":0,"text":"ÿé"}],"usage":null}`, true},
		{"no text", `{"id":"a","choices":[{"index":0,"text":""}],"usage":null}`, false},
		{"escape", `{"id":"a","choices":[{"index":0,"text":"\n"}],"usage":null}`, false},
		{"quote at the end", `{"id":"a","choices":[{"index":0,"text":"\"}],"usage":null}`, false},
		{"line break", "{\"id\":\"a\",\"choices\":[{\"index\":0,\"text\":\"\n\"}],\"usage\":null}", false},
		{"end of the choice", `{"id":"a","choices":[{"index":0,"text":"x"}],"usage":{"prompt_tokens":3},"x":[{"y":""}],"usage":null}`, false},
		{"finish", `{"id":"a","choices":[{"index":0,"text":" one","finish_reason":"length"}],"usage":null}`, false},
		{"other id", `{"id":"b","choices":[{"index":0,"text":" one"}],"usage":null}`, false},
		{"cut off", `{"id":"a","choices":[{"index":0,"text":" one"}],"usage":nul`, false},
		{"too short", `{"id":"a","choices":[{"index":0,"text":"}],"usage":null}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r chunkReader
			_, err := r.parse([]byte(first))
			require.NoError(t, err)
			assert.Equal(t, tt.same, r.same([]byte(tt.data)))
			agreeAfter(t, []byte(first), []byte(tt.data))
		})
	}
	var r chunkReader
	_, err := r.parse([]byte(`{"choices":[{"text":"a"},{"text":"b"}]}`))
	require.NoError(t, err)
	assert.Nil(t, r.head, "two texts say nothing about one")
}

// agreeAfter requires that a reader that has read one chunk reads the next as encoding/json does.
func agreeAfter(t *testing.T, before, data []byte) {
	t.Helper()
	var r chunkReader
	_, _ = r.parse(before)
	got, err := r.parse(data)
	full, fullErr := decodeChunk(data)
	require.Equal(t, fullErr == nil, err == nil, "%q after %q", data, before)
	if err == nil {
		require.Equal(t, full, got, "%q after %q", data, before)
	}
}

func FuzzChunk(f *testing.F) {
	for _, name := range transcripts(f) {
		body, err := os.ReadFile(name)
		require.NoError(f, err)
		events, _ := frames(strings.NewReader(string(body)))
		for _, e := range events {
			f.Add([]byte(e.data))
		}
	}
	for _, seed := range []string{
		`{"a":[1,-2.5e+3,{"B":[true,false,null,"\\"]}],"choices":[{"logprobs":{},"text":"a"}],"usage":null}`,
		`{"choices":[{"text":"a","Text":null}],"error":null,"nvext":null}`,
		`{"choices":[{"delta":{"reasoning":"a","Reasoning":""}}],"timings":{"cache_n":1,"Cache_n":2}}`,
		`{"choices":[],"timings":{"cache_n":1,"cache_n":null}}`,
		`{"choices":[{"text":"a","text":""}],"usage":{"completion_tokens":123456789,"completion_tokens":1e2}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(agree)
}

func FuzzChunkAfterAnother(f *testing.F) {
	f.Add([]byte(`{"id":"a","choices":[{"text":"one"}]}`), []byte(`{"id":"a","choices":[{"text":"two"}]}`))
	f.Add([]byte(`{"choices":[{"delta":{"content":"a"}}],"usage":null}`), []byte(`{"choices":[{"delta":{"content":"\u0041"}}],"usage":null}`))
	f.Fuzz(agreeAfter)
}

func transcripts(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("../../fixtures/sse/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

func TestFastPathTakesTheBulkOfTheTranscripts(t *testing.T) {
	fast, all := 0, 0
	for _, name := range transcripts(t) {
		body, err := os.ReadFile(name)
		require.NoError(t, err)
		events, _ := frames(strings.NewReader(string(body)))
		for _, e := range events {
			if strings.Contains(e.data, `"choices":[`) {
				all++
				if _, ok := (&scanner{b: []byte(e.data)}).chunk(); ok {
					fast++
				}
			}
		}
	}
	assert.Greater(t, all, 60)
	assert.GreaterOrEqual(t, float64(fast), 0.95*float64(all), "%d of %d chunks", fast, all)
}
