package sim_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// What changes nothing in a simulation is taken, as each real server takes it: a request with it is answered as one without.
func TestIdleMembers(t *testing.T) {
	const (
		function = `[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]`
		a, b, v  = "trtllm", "dynamo", "vllm"
	)
	all := []string{a, b, v}
	for _, tc := range []struct {
		path, field string
		taken       []string // the others refuse it
	}{
		{completions, `"n":1`, all},
		{completions, `"stop":null`, all},
		{completions, `"stop":["\n","###"]`, all},
		{completions, `"stop":"!"`, all},
		{completions, `"stop":[3]`, []string{b}},
		{completions, `"stop":3`, nil},
		{completions, `"stop":" the"`, nil}, // it may be said
		{completions, `"stop":["\n","h fetc"]`, nil},
		{completions, `"logprobs":null`, all},
		{completions, `"logprobs":1`, all},
		{completions, `"logprobs":9`, []string{a, v}},
		{completions, `"presence_penalty":0.5,"frequency_penalty":-1`, all},
		{completions, `"presence_penalty":9`, []string{a}},
		{completions, `"frequency_penalty":-3`, []string{a}},
		{completions, `"presence_penalty":"x"`, nil},
		{completions, `"n":0`, nil},
		{completions, `"n":129`, nil},
		{completions, `"n":2,"temperature":0`, nil},
		{completions, `"n":null`, []string{b, v}},
		{completions, `"n":"two"`, nil},
		{completions, `"best_of":1`, all},
		{completions, `"best_of":2`, []string{b, v}},
		{completions, `"n":2,"best_of":1`, []string{v}},
		{completions, `"suffix":null`, all},
		{completions, `"suffix":"x"`, []string{b}},
		{completions, `"echo":null`, all},
		{completions, `"echo":true,"prompt":[1,2]`, nil}, // no words for ids; Dynamo sees the prompt twice
		{completions, `"user":"u","logit_bias":{"1":1},"repetition_penalty":1.1,"top_k":3,"min_p":0.1`, all},
		{completions, `"logit_bias":3`, nil},
		{completions, `"skip_special_tokens":true,"stop_token_ids":[1]`, all},
		{completions, `"truncate_prompt_tokens":null`, []string{a, v}},
		{completions, `"truncate_prompt_tokens":4`, nil},
		{completions, `"use_beam_search":false`, []string{a, v}},
		{completions, `"use_beam_search":true`, []string{v}}, // it has none any more, and knows the name no more
		{completions, `"cache_salt":"x"`, []string{b, v}},
		{completions, `"detokenize":true`, all},
		{completions, `"guided_json":{"type":"object"}`, []string{v}},
		{completions, `"tools":` + function, []string{v}},
		{completions, `"zzz":1`, []string{v}},
		{completions, `"stream":true,"stream_options":{"zzz":1}`, []string{b, v}},

		{chats, `"n":1,"seed":3`, all},
		{chats, `"tools":` + function, all},
		{chats, `"tools":` + function + `,"tool_choice":"auto"`, all},
		{chats, `"tools":` + function + `,"tool_choice":"required"`, nil},
		{chats, `"tools":` + function + `,"tool_choice":{"type":"function","function":{"name":"f"}}`, nil},
		{chats, `"tools":3`, nil},
		{chats, `"response_format":null`, all},
		{chats, `"response_format":{"type":"text"}`, all},
		{chats, `"response_format":{"type":"json_object"}`, nil},
		{chats, `"response_format":{}`, nil},
		{chats, `"response_format":"text"`, nil},
		{chats, `"logprobs":true,"top_logprobs":2`, all},
		{chats, `"logprobs":2`, nil},
		{chats, `"top_logprobs":21`, []string{a, v}},
		{chats, `"cache_salt":"x"`, all},
		{chats, `"chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"low","parallel_tool_calls":true`, all},
		{chats, `"metadata":{"a":"b"},"store":false,"service_tier":"auto"`, []string{b, v}},
		{chats, `"suffix":"x"`, []string{v}},
		{chats, `"zzz":1`, []string{v}},
	} {
		for dialect, spec := range dialects(t) {
			t.Run(dialect+"/"+tc.path[4:]+"/"+tc.field, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := start(t, spec, sim.DefaultParams())
					input := `"prompt":"a"`
					if tc.path == chats {
						input = `"messages":[{"role":"user","content":"a"}]`
					}
					body := fmt.Sprintf(`{"model":%q,%s,"max_tokens":2,%s}`, m.served, input, tc.field)
					rec := m.postTo(tc.path, "application/json", body)
					want := http.StatusBadRequest
					if strings.Contains(strings.Join(tc.taken, " "), dialect) {
						want = http.StatusOK
					}
					assert.Equal(t, want, rec.Code, rec.Body)
					if want == http.StatusOK && !strings.Contains(tc.field, "stream") {
						all, _ := texts([]whole{decoded(t, rec)})
						assert.Equal(t, m.text("a", 2), all[0])
					}
				})
			})
		}
	}
}

// What Dynamo's frontend 1.6.1 said of values that are out of their range, and of prompts in a list.
func TestDynamoSays(t *testing.T) {
	for body, want := range map[string]string{
		`"n":0`:                   "Validation: n must be between 1 and 128, got 0",
		`"n":300`:                 cannot + "invalid value: integer `300`, expected u8",
		`"n":"2"`:                 cannot + `invalid type: string \"2\", expected u8`,
		`"n":2,"temperature":0`:   `Validation: When n \u003e 1, temperature must be greater than 0 to ensure diverse outputs. Got n=2, temperature=0`,
		`"n":2,"best_of":1`:       "Validation: Best_of must be greater than or equal to n, got best_of=1 and n=2",
		`"logprobs":9`:            "Validation: Logprobs must be between 0 and 5, got 9",
		`"presence_penalty":9`:    "Validation: Presence penalty must be between -2 and 2, got 9",
		`"presence_penalty":"9"`:  cannot + `invalid type: string \"9\", expected f32`,
		`"stop":""`:               "Validation: Stop sequence cannot be empty",
		`"stop":[]`:               "Validation: Stop sequences array cannot be empty",
		`"stop":3`:                cannot + "data did not match any variant of untagged enum Stop",
		`"stop":["a",3]`:          cannot + "data did not match any variant of untagged enum Stop",
		`"logit_bias":3`:          cannot + "invalid type: integer `3`, expected a map",
		`"user":3`:                cannot + "invalid type: integer `3`, expected a string",
		`PROMPT["a",3]`:           cannot + "data did not match any variant of untagged enum Prompt",
		`PROMPT[["a"]]`:           cannot + "data did not match any variant of untagged enum Prompt",
		`PROMPT["a",""]`:          "Validation: Prompt string at index 1 cannot be empty",
		`PROMPT[[1],[]]`:          "Validation: Prompt integer array at index 1 cannot be empty",
		`PROMPT["a","b"],"n":100`: "Validation: Total choices (batch_size × n = 2 × 100 = 200) exceeds maximum of 128",
		`CHAT"top_logprobs":30`:   "Validation: Top_logprobs must be between 0 and 20, got 30",
		`CHAT"logprobs":2`:        cannot + "invalid type: integer `2`, expected a boolean",
		`CHAT"tools":3`:           cannot + "invalid type: integer `3`, expected a sequence",
	} {
		t.Run(body, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := start(t, specB(t, "L8B"), sim.DefaultParams())
				path, input := completions, `"prompt":"a",`
				if rest, chat := strings.CutPrefix(body, "CHAT"); chat {
					path, input, body = chats, `"messages":[{"role":"user","content":"a"}],`, rest
				} else if rest, prompt := strings.CutPrefix(body, "PROMPT"); prompt {
					input, body = `"prompt":`, rest
				}
				rec := m.postTo(path, "application/json", fmt.Sprintf(`{"model":%q,%s%s}`, m.served, input, body))
				assert.Equal(t, `{"code":400,"message":"`+want+`","type":"Bad Request"}`, strings.TrimSpace(rec.Body.String()))
			})
		})
	}
}

// Content in parts is its text; a part that is none, or no part, is refused.
func TestContentInParts(t *testing.T) {
	for dialect, spec := range dialects(t) {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, spec, sim.DefaultParams())
			ask := func(content string) (int, string) {
				rec := m.postTo(chats, "application/json",
					fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%s}],"max_tokens":4}`, m.served, content))
				return rec.Code, rec.Body.String()
			}
			for _, content := range []string{
				`"a b\nc"`, `[{"type":"text","text":"a b"},{"type":"text","text":"c"}]`, `[{"text":"a b\nc","cache_control":null,"type":"text"}]`,
			} {
				code, body := ask(content)
				assert.Equal(t, http.StatusOK, code, body)
				assert.Contains(t, body, m.text("a b\nc", 4), "%s: %s", dialect, content)
				assert.Contains(t, body, `"prompt_tokens":3`)
			}
			code, body := ask(`[]`)
			assert.Equal(t, http.StatusOK, code, body)
			for _, content := range []string{
				`[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]`, `[{"type":"zzz"}]`, `[{"text":"a"}]`,
				`[{"type":"text"}]`, `[{"type":"text","text":3}]`, `[{"type":"text","text":"\ud800"}]`, `["a"]`, `[3]`, `{}`, `3`,
			} {
				code, body := ask(content)
				assert.Equal(t, http.StatusBadRequest, code, "%s: %s: %s", dialect, content, body)
			}
		})
	}
}
