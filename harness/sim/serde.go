package sim

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// serde is how Dynamo's frontend reads a request: Rust's serde_json, with types as they are declared and each name
// once, and then checks of its own.
//
// From Dynamo 1.6.1 (wheels ai-dynamo and ai-dynamo-runtime), its frontend run with NVIDIA's mocker behind it: what is
// taken, the status and the form of each error below, and the texts, but that the real ones add the place in the body
// and that those about syntax are encoding/json's here. What is not valid UTF-8 is read as U+FFFD.
//
// lenient is its DYN_IGNORE_OPENAI_FE_UNSUPPORTED_FIELDS: what it does not know it drops.
//
// Assumed: 408, and the 400 for a body that ends early; the real one waits for the body. It also takes control
// characters inside strings and an array for stream_options, which are refused here, as are pictures, formats other than
// text and tools that must be called, for which this server has no answer.
type serde struct{ lenient bool }

func failure(status int, kind, message string) *refusal {
	return &refusal{status, map[string]any{"message": message, "type": kind, "code": status}}
}

func malformed(format string, args ...any) *refusal {
	const what = "Failed to deserialize the JSON body into the target type: "
	return failure(http.StatusBadRequest, "Bad Request", what+fmt.Sprintf(format, args...))
}

func validation(format string, args ...any) *refusal {
	return failure(http.StatusBadRequest, "Bad Request", "Validation: "+fmt.Sprintf(format, args...))
}

func (serde) undeclaredIsJSON() bool { return false }

func (serde) notJSON() *refusal {
	return failure(http.StatusUnsupportedMediaType, "Unsupported Media Type", "Expected request with Content-Type application/json")
}

func (serde) tooLarge() *refusal {
	return failure(http.StatusRequestEntityTooLarge, "Payload Too Large",
		fmt.Sprintf("Request body exceeds the limit of %d MB set by DYN_HTTP_BODY_LIMIT_MB", maxBody>>20))
}

func (serde) unread(status int, why string) *refusal {
	return failure(status, http.StatusText(status), why)
}

func (serde) check(body []byte) *refusal {
	switch err := syntaxError(body); {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "exceeded max depth"):
		return malformed("recursion limit exceeded")
	default:
		return malformed("%v", err)
	}
}

func (serde) knows(name string, chat bool) bool {
	switch name {
	case "nvext", "model", "max_tokens", "min_tokens", "ignore_eos", "temperature", "top_p", "seed", "stream", "stream_options",
		"n", "frequency_penalty", "presence_penalty", "logprobs", "stop", "cache_salt":
		return true
	case "messages", "max_completion_tokens", "top_logprobs", "tool_choice", "response_format":
		return chat
	case "prompt", "best_of", "echo", "suffix":
		return !chat
	}
	_, idle := serde{}.idle(name, chat)
	return idle
}

func (serde) idle(name string, chat bool) (kind, bool) { return idleDynamo.kind(name, chat) }
func (serde) unsupported(what string) *refusal         { return validation("%s", what) }

func (serde) ignoresMore(name string) bool  { return name == "stream_options" }
func (serde) repeated(name string) *refusal { return malformed("duplicate field `%s`", name) }
func (serde) missing(name string) *refusal  { return malformed("missing field `%s`", name) }

func (s serde) unknown(names []string) *refusal {
	if object, name, inner := strings.Cut(names[0], "."); inner && object == "nvext" {
		return malformed("unknown field `%s`", name)
	}
	if s.lenient {
		return nil
	}
	return validation("Unsupported parameter(s): `%s`", strings.Join(names, "`, `"))
}

// roles are those of messages, and whether one must have content.
func (serde) role(role string) (content bool, _ *refusal) {
	roles := []string{"developer", "system", "user", "assistant", "tool", "function"}
	if !slices.Contains(roles, role) {
		return false, malformed("unknown variant `%s`, expected one of `%s`", role, strings.Join(roles, "`, `"))
	}
	return role != "assistant", nil
}

func (serde) wrong(m member, want kind) *refusal {
	var expected string
	switch want {
	case kindText:
		expected = "a string"
	case kindCount:
		expected = "u32"
	case kindSmall:
		expected = "u8"
	case kindInteger:
		expected = "i64"
	case kindNumber:
		expected = "f32"
	case kindSwitch:
		expected = "a boolean"
	case kindList:
		expected = "a sequence"
	case kindPrompt:
		return malformed("data did not match any variant of untagged enum Prompt")
	case kindStop:
		return malformed("data did not match any variant of untagged enum Stop")
	case kindContent:
		return malformed("data did not match any variant of untagged enum ChatCompletionRequestUserMessageContent")
	case kindObject:
		expected = "a map"
		if m.name == "" {
			expected = "struct NvCreateCompletionRequest"
		}
	}
	v := m.value
	switch {
	case v[0] == '"' && want == kindText:
		return malformed("unexpected end of hex escape")
	case v[0] == '"':
		return malformed("invalid type: string %q, expected %s", plain(v), expected)
	case v[0] == '{':
		return malformed("invalid type: map, expected %s", expected)
	case v[0] == '[':
		return malformed("invalid type: sequence, expected %s", expected)
	case v[0] == 'n':
		return malformed("invalid type: null, expected %s", expected)
	case v[0] == 't' || v[0] == 'f':
		return malformed("invalid type: boolean `%s`, expected %s", v, expected)
	case bytes.ContainsAny(v, ".eE"):
		return malformed("invalid type: floating point `%s`, expected %s", v, expected)
	case want == kindCount || want == kindSmall || want == kindInteger:
		return malformed("invalid value: integer `%s`, expected %s", v, expected)
	}
	return malformed("invalid type: integer `%s`, expected %s", v, expected)
}

func (serde) scalar(m member, want kind) ([]byte, bool) {
	v := m.value
	switch {
	case want == kindText, want == kindContent, want == kindStop:
		return v, v[0] == '"'
	case string(v) == "null":
		return v, true
	case want == kindSmall:
		_, err := strconv.ParseUint(string(v), 10, 8)
		return v, err == nil
	case want == kindCount:
		_, err := strconv.ParseUint(string(v), 10, 32)
		return v, err == nil
	case want == kindInteger:
		_, err := strconv.ParseInt(string(v), 10, 64)
		return v, err == nil
	case want == kindSwitch:
		return v, v[0] == 't' || v[0] == 'f'
	}
	return v, v[0] == '-' || v[0] >= '0' && v[0] <= '9'
}

// mostTokens is Dynamo's bound of max_tokens.
const mostTokens = 1 << 20

func (serde) finish(c *completion) *refusal {
	switch {
	case c.Model == "":
		return validation("Model cannot be empty")
	case c.chat && len(c.Messages) == 0:
		return validation("The 'messages' field cannot be empty. At least one message is required.")
	case c.StreamOptions != nil && !c.Stream:
		return validation("The 'stream_options' field is only allowed when 'stream' is set to true.")
	case c.Temperature != nil && (*c.Temperature < 0 || *c.Temperature > 2):
		return validation("Temperature must be between 0 and 2, got %v", *c.Temperature)
	case c.TopP != nil && (*c.TopP <= 0 || *c.TopP > 1):
		return validation("Top_p must be between 0 and 1, got %v", *c.TopP)
	}
	for _, wrong := range []string{emptyPrompt(c), c.sampling.outside(c.Temperature)} {
		if wrong != "" {
			return validation("%s", wrong)
		}
	}
	// The frontend takes these and drops them.
	c.Echo, c.Suffix, c.BestOf = false, "", nil
	tokens := c.maxTokens
	for what, n := range []*int64{c.maxTokens, c.maxCompletion} {
		name := []string{"Max tokens", "Max completion tokens"}[what]
		switch {
		case n == nil:
			continue
		case *n == 0:
			return validation("%s must be greater than 0, got 0", name)
		case *n > mostTokens:
			return validation("%s must not exceed %d, got %d", name, mostTokens, *n)
		}
		tokens = n // of two the later
	}
	c.settle(tokens)
	return nil
}

// emptyPrompt is what Dynamo says of a prompt with nothing in it, "" if there is none.
func emptyPrompt(c *completion) string {
	if c.chat {
		return ""
	}
	all := c.prompts()
	for i, p := range all {
		what := "string"
		if p.ids != nil {
			what = "integer array"
		}
		switch {
		case len(p.ids) > 0 || p.text != "":
		case len(all) > 1:
			return fmt.Sprintf("Prompt %s at index %d cannot be empty", what, i)
		case p.ids != nil:
			return "Prompt string array cannot be empty"
		default:
			return "Prompt string cannot be empty"
		}
	}
	return ""
}

// outside is what Dynamo says of a value that is out of its range, "" if none is.
func (s *sampling) outside(temperature *float64) string {
	number := func(what string, v *float64) string {
		if v == nil || *v >= -2 && *v <= 2 {
			return ""
		}
		return fmt.Sprintf("%s must be between -2 and 2, got %v", what, *v)
	}
	count := func(what string, v *int64, least, most int64) string {
		if v == nil || *v >= least && *v <= most {
			return ""
		}
		return fmt.Sprintf("%s must be between %d and %d, got %d", what, least, most, *v)
	}
	for _, wrong := range []string{
		count("n", s.N, 1, mostSequences), count("Logprobs", s.Logprobs, 0, 5), count("Top_logprobs", s.TopLogprobs, 0, 20),
		number("Presence penalty", s.Presence), number("Frequency penalty", s.Frequency), count("Best_of", s.BestOf, 0, 20),
	} {
		if wrong != "" {
			return wrong
		}
	}
	switch {
	case s.BestOf != nil && *s.BestOf < s.answers():
		return fmt.Sprintf("Best_of must be greater than or equal to n, got best_of=%d and n=%d", *s.BestOf, s.answers())
	case s.answers() > 1 && temperature != nil && *temperature == 0:
		return fmt.Sprintf("When n > 1, temperature must be greater than 0 to ensure diverse outputs. Got n=%d, temperature=0", s.answers())
	case s.Stop != nil && len(s.Stop) == 0:
		return "Stop sequences array cannot be empty"
	}
	for i, stop := range s.Stop {
		switch {
		case stop != "":
		case len(s.Stop) == 1:
			return "Stop sequence cannot be empty"
		default:
			return fmt.Sprintf("Stop sequence at index %d cannot be empty", i)
		}
	}
	return ""
}
