package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pydantic is how trtllm-serve reads a request: FastAPI with Python's json module, which takes the last of several
// members of a name, and pydantic's models in lax mode, which take "2" and 2.0 for 2, 1 and "yes" for true.
//
// From its source (NVIDIA/TensorRT-LLM, tensorrt_llm/serve/openai_server.py and openai_protocol.py) and from FastAPI
// 0.121, which it asks for, run with models of the same fields: the status and the form of each error below, and what
// is taken. What goes wrong before the handler is {"error": text}, in the handler the object of badRequest; a body
// that json cannot read for another reason than its syntax is FastAPI's own {"detail": text}. max_tokens is checked
// by the worker (executor/base_worker.py).
//
// Assumed: the texts are near the real ones, without the input that those repeat. The real server answers 500 to a
// body that is no object or not declared as JSON, because validators of its own look into it first; here that is the
// 400 that the models would give. It has no limit of the body, so 413 and 408 are this server's, in its form. To a
// stream whose max_tokens is not positive it would have sent its headers before the worker refuses; here it gets
// the 400 that the others get.
type pydantic struct{}

// badRequest is how trtllm-serve reports what goes wrong in a handler.
func badRequest(message string) *refusal {
	return errorObject(http.StatusBadRequest, "BadRequestError", message)
}

func errorObject(status int, kind, message string) *refusal {
	return &refusal{status, map[string]any{"object": "error", "message": message, "type": kind, "param": nil, "code": status}}
}

// invalid is an error of pydantic's, at a dotted place in the body.
func invalid(kind, place, message string) *refusal {
	loc := "'body',"
	if place != "" {
		loc = "'body', '" + strings.ReplaceAll(place, ".", "', '") + "'"
	}
	text := fmt.Sprintf("[{'type': '%s', 'loc': (%s), 'msg': '%s'}]", kind, loc, message)
	return &refusal{http.StatusBadRequest, map[string]string{"error": text}}
}

func (pydantic) undeclaredIsJSON() bool { return true }
func (pydantic) notJSON() *refusal      { return pydantic{}.wrong(member{}, kindObject) }

func (pydantic) tooLarge() *refusal {
	text := fmt.Sprintf("the request body is longer than %d bytes: send less", maxBody)
	return errorObject(http.StatusRequestEntityTooLarge, "PayloadTooLargeError", text)
}

func (pydantic) unread(status int, why string) *refusal {
	if status == http.StatusBadRequest {
		return badRequest(why)
	}
	return errorObject(status, "RequestTimeoutError", why)
}

func (pydantic) check(body []byte) *refusal {
	unreadable := &refusal{http.StatusBadRequest, map[string]string{"detail": "There was an error parsing the body"}}
	if !utf8.Valid(body) {
		return unreadable
	}
	switch err := syntaxError(body); {
	case err == nil:
		return nil
	case len(trim(body)) == 0:
		return invalid("missing", "", "Field required")
	case strings.Contains(err.Error(), "exceeded max depth"):
		return unreadable
	default:
		return invalid("json_invalid", "", "JSON decode error: "+err.Error())
	}
}

func (pydantic) knows(name string, chat bool) bool {
	switch name {
	case "prompt":
		return !chat
	case "messages", "max_completion_tokens", "top_logprobs", "tool_choice", "cache_salt":
		return chat
	case "suffix":
		return !chat
	case "model", "max_tokens", "min_tokens", "ignore_eos", "temperature", "top_p", "seed", "stream", "stream_options", "lora_request",
		"n", "best_of", "frequency_penalty", "presence_penalty", "use_beam_search", "echo", "logprobs", "stop", "response_format":
		return true
	}
	_, idle := pydantic{}.idle(name, chat)
	return idle
}

func (pydantic) idle(name string, chat bool) (kind, bool) { return idleTRTLLM.kind(name, chat) }
func (pydantic) unsupported(what string) *refusal         { return badRequest(what) }

func (pydantic) ignoresMore(string) bool  { return false }
func (pydantic) repeated(string) *refusal { return nil }
func (pydantic) unknown(n []string) *refusal {
	return invalid("extra_forbidden", n[0], "Extra inputs are not permitted")
}
func (pydantic) missing(name string) *refusal { return invalid("missing", name, "Field required") }
func (pydantic) role(string) (bool, *refusal) { return false, nil }

func (pydantic) wrong(m member, want kind) *refusal {
	say := func(kind, what string) *refusal { return invalid(kind, m.name, "Input should be a valid "+what) }
	switch want {
	case kindText, kindContent, kindStop:
		return say("string_type", "string")
	case kindCount, kindSmall, kindInteger:
		return say("int_type", "integer")
	case kindNumber:
		return say("float_type", "number")
	case kindSwitch:
		return say("bool_type", "boolean")
	case kindList:
		return say("list_type", "list")
	case kindPrompt:
		return say("list_type", "string, list of strings, list of token ids, or list of lists of token ids")
	}
	return say("model_attributes_type", "dictionary or object to extract fields from")
}

// notOptional are fields that have a default and do not take null for it.
var notOptional = []string{"min_tokens", "ignore_eos", "n", "use_beam_search", "top_k", "top_p_min", "min_p", "repetition_penalty",
	"include_stop_str_in_output", "skip_special_tokens", "spaces_between_special_tokens", "return_context_logits", "detokenize",
	"add_special_tokens", "add_generation_prompt"}

// scalar is pydantic's conversion table (docs.pydantic.dev, Conversion Table), for JSON in lax mode.
func (pydantic) scalar(m member, want kind) ([]byte, bool) {
	v := m.value
	switch {
	case want == kindText, want == kindContent, want == kindStop:
		return v, v[0] == '"'
	case string(v) == "null":
		return v, !slices.Contains(notOptional, m.name)
	}
	word := string(v)
	if v[0] == '"' {
		word = strings.TrimSpace(plain(v))
	}
	if want == kindSwitch {
		switch strings.ToLower(word) {
		case "true", "1", "1.0", "yes", "y", "on", "t":
			return []byte("true"), true
		case "false", "0", "0.0", "no", "n", "off", "f":
			return []byte("false"), true
		}
		return nil, false
	}
	switch string(v) {
	case "true":
		return []byte("1"), true
	case "false":
		return []byte("0"), true
	}
	f, err := strconv.ParseFloat(word, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, false
	}
	if want == kindNumber {
		return strconv.AppendFloat(nil, f, 'g', -1, 64), true
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return strconv.AppendInt(nil, n, 10), true
	}
	// Python's integers have no bounds; no prompt leaves room for that many tokens.
	return strconv.AppendInt(nil, int64(max(-1<<62, min(f, 1<<62))), 10), f == math.Trunc(f)
}

func (pydantic) finish(c *completion) *refusal {
	switch {
	case c.StreamOptions != nil && !c.StreamOptions.empty && !c.Stream: // an empty object is false in Python
		return invalid("value_error", "", "Value error, Stream options can only be defined when stream is true.")
	case c.maxTokens != nil && c.maxCompletion != nil: // two names of one field
		return pydantic{}.unknown([]string{"max_completion_tokens"})
	case c.chat && len(c.Messages) == 0:
		return badRequest("list object has no element 0") // the chat template looks at the first
	case c.Prompt.ids != nil && len(c.Prompt.ids) == 0:
		return badRequest("list index out of range")
	case c.answers() < 1:
		return badRequest(fmt.Sprintf("n must be at least 1, got %d", c.answers()))
	case c.BestOf != nil && *c.BestOf < c.answers():
		return badRequest(fmt.Sprintf("best_of (%d) cannot be less than n (%d)", *c.BestOf, c.answers()))
	case c.answers() > 1 && c.Temperature != nil && *c.Temperature == 0:
		return badRequest(fmt.Sprintf("Greedy decoding in the LLM API does not allow multiple returns. "+
			"Please set to `best_of=1`, got `best_of=%d`.", c.answers()))
	}
	tokens := c.maxTokens
	if c.maxCompletion != nil {
		tokens = c.maxCompletion
	}
	if tokens != nil && *tokens <= 0 {
		return badRequest(fmt.Sprintf("`max_tokens` (%d) must be greater than 0", *tokens))
	}
	c.settle(tokens)
	return nil
}

// syntaxError is what keeps a body from being one JSON value and nothing else.
func syntaxError(body []byte) error {
	if json.Valid(body) {
		return nil
	}
	var nothing struct{}
	return json.Unmarshal(body, &nothing)
}
