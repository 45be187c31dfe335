package sim

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCutPrompt(t *testing.T) {
	rest, prompt, ok := cutPrompt([]byte(`{"model":"m","prompt":"one\n\"two\"\\ \/ drei ß","max_tokens":5,"nvext":{"extra_fields":["timing"]}}` + "\n"))
	require.True(t, ok)
	assert.Equal(t, "one\n\"two\"\\ / drei ß", prompt)
	assert.Equal(t, `{"model":"m","prompt":null,"max_tokens":5,"nvext":{"extra_fields":["timing"]}}`+"\n", string(rest))
}

// The buffer of a body serves the next request.
func TestDecodeBodySharesNoMemory(t *testing.T) {
	for _, text := range []string{
		`{"model":"m","prompt":"cut","nvext":{"extra_fields":["timing"]}}`,
		`{"max_tokens":1,"model":"m","prompt":"not cut","lora_request":{"lora_name":"n","lora_path":"p"}}`,
		`{"model":"m","messages":[{"role":"user","content":"c"}]}`,
	} {
		var as reading = pydantic{}
		if strings.Contains(text, "nvext") {
			as = serde{}
		}
		chat := strings.Contains(text, "messages")
		want, bad := decodeBody([]byte(text), chat, as)
		require.Nil(t, bad)
		body := []byte(text)
		got, bad := decodeBody(body, chat, as)
		require.Nil(t, bad)
		clear(body)
		assert.Equal(t, want, got)
	}
}

// What it does not take, and what would be taken wrongly.
func TestCutPromptIsSilent(t *testing.T) {
	for name, body := range map[string]string{
		"empty":               ``,
		"an array":            `["prompt"]`,
		"no prompt":           `{"model":"m"}`,
		"token ids":           `{"prompt":[1,2]}`,
		"a number before":     `{"max_tokens":5,"prompt":"x"}`,
		"blanks":              `{ "prompt":"x"}`,
		"twice":               `{"prompt":"x","prompt":"y"}`,
		"twice, in capitals":  `{"prompt":"x","PROMPT":""}`,
		"capitals first":      `{"Prompt":"x","prompt":"y"}`,
		"twice, in escapes":   `{"prompt":"x","\u0070rompt":""}`,
		"escapes first":       `{"\u0070rompt":"x","prompt":"y"}`,
		"a code point":        `{"prompt":"\u00e4"}`,
		"a bad escape":        `{"prompt":"\x"}`,
		"a control character": "{\"prompt\":\"a\tb\"}",
		"not UTF-8":           "{\"prompt\":\"\xff\"}",
		"an open string":      `{"prompt":"x\"}`,
		"cut after the name":  `{"prompt"`,
		"cut before value":    `{"prompt":`,
	} {
		_, _, ok := cutPrompt([]byte(body))
		assert.False(t, ok, name)
	}
}

// A body means the same with its prompt taken out first.
func FuzzDecodeBody(f *testing.F) {
	for _, body := range []string{
		`{"model":"m","prompt":"a\nb\\","max_tokens":3,"min_tokens":3,"ignore_eos":true,"stream":true,"stream_options":{"include_usage":true},"temperature":0}` + "\n",
		`{"model":"m","prompt":"a","nvext":{"extra_fields":["timing"]}} {}`,
		`{"model":"m","prompt":"a","lora_request":{"lora_name":"x","lora_int_id":1,"lora_path":"/x"}}`,
		`{"prompt":"","prompt":"b"}`, `{"prompt":"a","Prompt":null}`, `{"model":"m","messages":[{"role":"user","content":"c"}]}`,
		`{"prompt":"a","unknown":1}`, `{"prompt":"a"`, `{"prompt":"a",}`, `{"prompt":"a"]`, `{"prompt":"\ud83d\ude00"}`, `{"prompt":"a\"","max_tokens":"5"}`,
		`{"model":"m","prompt":"` + strings.Repeat(`long \"text\" `, 100) + `"}`,
		`{"model":"m","prompt":"a","max_tokens":"2","stream":"yes","seed":1.0}`,
		`{"model":"m","model":"n","prompt":"a","max_tokens":1,"max_tokens":2}`,
		` {"model" : "m" , "prompt" : [ 1 , 2 ] , "stream_options" : { } } `,
		`{"model":"m","prompt":"\ud800\udc00\ud800"}`, `{"model":"\ud800"}`, `{}`, `[]`, `""`, `{"":""}`,
		`{"model":"m","messages":[{"content":null,"role":"assistant"},[]],"temperature":1e999}`,
		`{"model":"m","prompt":"\\","\\\"":"\\\\\""}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, as := range []reading{pydantic{}, serde{}} {
			for _, chat := range []bool{false, true} {
				got, bad := decodeBody(body, chat, as)
				want, wantBad := decodeRest(body, nil, chat, as)
				require.Equal(t, wantBad, bad)
				require.Equal(t, want, got)
				if bad == nil {
					require.True(t, json.Valid(body))
					require.Positive(t, got.MaxTokens)
				}
			}
		}
	})
}
