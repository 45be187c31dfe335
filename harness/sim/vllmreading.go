package sim

import (
	"fmt"
	"net/http"
)

// vllmReading is how vLLM reads a request: FastAPI and pydantic as trtllm-serve has them, but members that it does not
// know are ignored, a model need not be named, and every error is {"error": {message, type, param, code}}.
//
// From its source (vllm/entrypoints/openai, vllm/sampling_params.py, 0.31). Assumed: that texts that both programs have
// of their libraries are the same, and 413 and 408, which vLLM has not.
type vllmReading struct{ pydantic }

func (vllmReading) undeclaredIsJSON() bool { return false }

func (vllmReading) notJSON() *refusal {
	return badRequest("[\"Unsupported Media Type: Only 'application/json' is allowed\"]")
}

func (vllmReading) knows(name string, chat bool) bool {
	switch name {
	case "lora_request", "use_beam_search", "best_of":
		return false
	case "cache_salt", "max_tokens":
		return true
	}
	_, idle := idleVLLM.kind(name, chat)
	_, theirs := idleTRTLLM.kind(name, chat)
	return idle || !theirs && pydantic{}.knows(name, chat)
}

func (vllmReading) idle(name string, chat bool) (kind, bool) { return idleVLLM.kind(name, chat) }
func (vllmReading) ignoresMore(string) bool                  { return true }
func (vllmReading) unknown([]string) *refusal                { return nil }

func (vllmReading) missing(name string) *refusal {
	if name == "model" {
		return nil
	}
	return pydantic{}.missing(name)
}

func (v vllmReading) scalar(m member, want kind) ([]byte, bool) {
	if string(m.value) == "null" && m.name != "min_tokens" && m.name != "ignore_eos" {
		return m.value, want != kindText && want != kindContent && want != kindStop || m.name == "model"
	}
	return v.pydantic.scalar(m, want)
}

func (vllmReading) finish(c *completion) *refusal {
	tokens := c.maxTokens
	if c.maxCompletion != nil {
		tokens = c.maxCompletion
	}
	between := func(what string, v *float64) string {
		if v == nil || *v >= -2 && *v <= 2 {
			return ""
		}
		return fmt.Sprintf("%s must be in [-2, 2], got %v.", what, *v)
	}
	wrong := ""
	switch {
	case c.StreamOptions != nil && !c.StreamOptions.empty && !c.Stream:
		return badRequest("Stream options can only be defined when `stream=True`.")
	case c.chat && len(c.Messages) == 0:
		return badRequest("list object has no element 0") // the chat template looks at the first
	case !c.chat && c.Prompt.text == "" && len(c.Prompt.ids) == 0:
		return badRequest("The decoder prompt cannot be empty")
	case c.answers() < 1:
		wrong = fmt.Sprintf("n must be at least 1, got %d.", c.answers())
	case c.Temperature != nil && *c.Temperature < 0:
		wrong = fmt.Sprintf("temperature must be non-negative, got %v.", *c.Temperature)
	case c.TopP != nil && (*c.TopP <= 0 || *c.TopP > 1):
		wrong = fmt.Sprintf("top_p must be in (0, 1], got %v.", *c.TopP)
	case tokens != nil && *tokens < 1:
		wrong = fmt.Sprintf("max_tokens must be at least 1, got %d.", *tokens)
	case c.answers() > 1 && c.Temperature != nil && *c.Temperature == 0:
		wrong = fmt.Sprintf("n must be 1 when using greedy sampling, got %d.", c.answers())
	case between("presence_penalty", c.Presence) != "":
		wrong = between("presence_penalty", c.Presence)
	case between("frequency_penalty", c.Frequency) != "":
		wrong = between("frequency_penalty", c.Frequency)
	}
	if wrong != "" {
		return badRequest(wrong)
	}
	c.settle(tokens)
	return nil
}

// inVLLM is a refusal of pydantic's or badRequest's in vLLM's form.
func (f *refusal) inVLLM() *refusal {
	kind, message := "Bad Request", ""
	switch body := f.body.(type) {
	case map[string]string:
		message = body["error"] + body["detail"]
	case map[string]any:
		kind, message = body["type"].(string), body["message"].(string)
	}
	return vllmError(f.status, kind, nil, message)
}

func vllmError(status int, kind string, param any, message string) *refusal {
	return &refusal{status, map[string]any{"error": map[string]any{"message": message, "type": kind, "param": param, "code": status}}}
}

func vllmUnavailable(err error) *refusal {
	return vllmError(http.StatusServiceUnavailable, "ServiceUnavailableError", nil, err.Error())
}
