package sim_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// clientBodies are what other people's clients sent on the wire to a server of the dialects, with prompts cut short: openai
// 3.57.0 (whose caller chose the fields), guidellm 0.8.1 and an earlier one, aiperf 0.13.0, llama-benchy 0.4.0. M is the model.
var clientBodies = []struct{ client, path, body string }{
	{"openai, completions", completions, `{"model":"M","prompt":["Why?","How?"],"echo":false,"logit_bias":{"1":1},"logprobs":null,` +
		`"max_tokens":3,"n":2,"presence_penalty":0.1,"stop":["\n"],"user":"u"}`},
	{"openai, completions, streamed", completions, `{"model":"M","stream":true,"prompt":"Why?","max_tokens":4,"n":2,` +
		`"stream_options":{"include_usage":true,"continuous_usage_stats":true}}`},
	{"openai, chat", chats, `{"model":"M","messages":[{"role":"system","content":"Be brief."},` +
		`{"role":"user","content":[{"type":"text","text":"Why?"}]}],` +
		`"max_completion_tokens":3,"response_format":{"type":"text"},"seed":1,"tool_choice":"auto",` +
		`"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]}`},
	{"openai, chat, streamed", chats, `{"model":"M","stream":true,"messages":[{"role":"user","content":"Why?"}],"max_tokens":4,` +
		`"stream_options":{"include_usage":true}}`},
	{"guidellm, chat", chats, `{"model":"M","stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true},` +
		`"max_completion_tokens":8,"ignore_eos":true,"messages":[{"role":"user","content":[{"type":"text","text":"1 0 m0 Finish medical"}]}]}`},
	{"guidellm, completions", completions, `{"model":"M","stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true},` +
		`"max_tokens":8,"ignore_eos":true,"prompt":"1 0 m0 Finish medical want almost away"}`},
	{"guidellm, completions, earlier", completions, `{"model":"M","stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true},` +
		`"max_tokens":8,"stop":null,"ignore_eos":true,"prompt":"1 0 m0 Finish medical want almost away"}`},
	{"aiperf, chat", chats, `{"messages":[{"role":"user","content":"thine own hands"}],"model":"M","stream":true,"max_completion_tokens":8,` +
		`"ignore_eos":true,"stream_options":{"include_usage":true}}`},
	{"aiperf, completions", completions, `{"prompt":"m that this world","model":"M","stream":true,"max_tokens":8,"ignore_eos":true,` +
		`"stream_options":{"include_usage":true}}`},
	{"llama-benchy, warm-up", chats, `{"model":"M","messages":[{"role":"user","content":"Warmup Warmup"}],"max_tokens":1}`},
	{"llama-benchy", chats, `{"model":"M","messages":[{"role":"user","content":"search-reader read"}],"max_tokens":8,"stream":true,` +
		`"return_token_ids":true,"stream_options":{"include_usage":true}}`},
}

// Each dialect answers what clients send. return_token_ids is vLLM's: Dynamo's frontend 1.6.1 refuses it unless it was
// told to drop what it does not know, and trtllm-serve forbids what is no field of its own.
func TestClients(t *testing.T) {
	lenient := specB(t, "L8B")
	lenient.IgnoreUnsupported = true
	specs := dialects(t)
	specs["dynamo, lenient"] = lenient
	for dialect, spec := range specs {
		for _, c := range clientBodies {
			t.Run(dialect+"/"+c.client, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := start(t, spec, sim.DefaultParams())
					if strings.Contains(c.body, "return_token_ids") && (dialect == "trtllm" || dialect == "dynamo") {
						rec := m.postTo(c.path, "application/json", strings.ReplaceAll(c.body, `"M"`, `"`+m.served+`"`))
						assert.Equal(t, 400, rec.Code)
						assert.Contains(t, rec.Body.String(), "return_token_ids")
						return
					}
					got := m.answered(c.path, c.body)
					all, ended := texts(got)
					assert.Len(t, all, ended, "each choice has ended")
					for i, text := range all {
						assert.NotEmpty(t, text, i)
					}
					if last := got[len(got)-1]; strings.Contains(c.body, "include_usage") && assert.NotNil(t, last.Usage) {
						assert.Empty(t, last.Choices)
						assert.Equal(t, last.Usage.Prompt+last.Usage.Completion, last.Usage.Total)
						assert.Zero(t, last.Usage.Completion%len(all))
					}
				})
			})
		}
	}
}
