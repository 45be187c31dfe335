//go:build servers || peers

package serverrig

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openAIClient is what openai_client.py prints.
type openAIClient struct {
	Version string
	Models  []string
	Answers map[string]struct {
		Text, Finish string
		Usage        *struct{ Prompt, Completion, Total int }
		Chunks       int
	}
	Errors map[string]clientError
}

// clientError is an exception of the client: its class ("" for none), the status, and the body of the answer.
type clientError struct {
	Class  string
	Status int
	Said   string
}

// openAIErrors are the exceptions that each server's refusals come out as, with a word of what is said. Where trtllm-serve does
// not look at the name of the model, and vLLM takes return_token_ids, there is none.
var openAIErrors = map[string]map[string]clientError{
	"A": {
		"model retrieved": {"NotFoundError", 404, "does not exist"},
		"model":           {"", 200, ""},
		"model, streamed": {"", 200, ""},
		"length":          {"BadRequestError", 400, "must be greater than 0"},
		"context":         {"BadRequestError", 400, "prompt too long"},
		"messages":        {"BadRequestError", 400, "list object has no element 0"},
		"field":           {"BadRequestError", 400, "return_token_ids"},
		"path":            {"NotFoundError", 404, ""},
		"patience":        {"APITimeoutError", 0, "timed out"},
	},
	"B": {
		"model retrieved": {"NotFoundError", 404, "Model not found"},
		"model":           {"NotFoundError", 404, "Model not found"},
		"model, streamed": {"NotFoundError", 404, "Model not found"},
		"length":          {"BadRequestError", 400, "invalid value: integer `-1`"},
		"context":         {"BadRequestError", 400, "does not fit the KV cache"},
		"messages":        {"BadRequestError", 400, "cannot be empty"},
		"field":           {"BadRequestError", 400, "Unsupported parameter(s): `return_token_ids`"},
		"path":            {"NotFoundError", 404, ""},
		"patience":        {"APITimeoutError", 0, "timed out"},
	},
	"A, --dialect vllm": {
		"model retrieved": {"NotFoundError", 404, "does not exist"},
		"model":           {"NotFoundError", 404, "does not exist"},
		"model, streamed": {"NotFoundError", 404, "does not exist"},
		"length":          {"BadRequestError", 400, "max_tokens must be at least 1"},
		"context":         {"BadRequestError", 400, "maximum context length is 131072 tokens"},
		"messages":        {"BadRequestError", 400, "list object has no element 0"},
		"field":           {"", 200, ""},
		"path":            {"NotFoundError", 404, ""},
		"patience":        {"APITimeoutError", 0, "timed out"},
	},
}

// OpenAI's own client understands what the simulated servers answer, streamed and not, and has its own exceptions for what they
// refuse.
func TestOpenAI(t *testing.T) {
	py := python(t, "openai")
	program := sparkharness(t)
	for _, server := range []simulated{simulatedA, simulatedB, simulatedVLLM} {
		t.Run(server.name, func(t *testing.T) {
			out, err := peer(t, t.TempDir(), nil, py, fixture(t, "openai_client.py"), server.serve(t, program))
			require.NoError(t, err)
			var got openAIClient
			require.NoError(t, json.Unmarshal(out, &got), "%s", last(out, 400))
			require.Len(t, got.Models, 1)
			assert.Contains(t, simulatedModel, got.Models[0])
			require.Len(t, got.Answers, 4)
			for name, a := range got.Answers {
				assert.NotEmpty(t, a.Text, name)
				assert.Equal(t, "length", a.Finish, name)
				if assert.NotNil(t, a.Usage, name) {
					assert.Equal(t, 4, a.Usage.Completion, name)
					assert.Greater(t, a.Usage.Prompt, 4, name)
					assert.Equal(t, a.Usage.Prompt+a.Usage.Completion, a.Usage.Total, name)
				}
			}
			assert.Equal(t, 4, got.Answers["completion, streamed"].Chunks)
			assert.Equal(t, 4, got.Answers["chat, streamed"].Chunks)
			want := openAIErrors[server.name]
			require.Len(t, got.Errors, len(want))
			for name, w := range want {
				e := got.Errors[name]
				assert.Equal(t, []any{w.Class, w.Status}, []any{e.Class, e.Status}, "%s: %s", name, e.Said)
				assert.Contains(t, e.Said, w.Said, name)
			}
			t.Logf("openai %s: %d answers, %d refusals", got.Version, len(got.Answers), len(got.Errors))
		})
	}
}
