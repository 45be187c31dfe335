package sim_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// said is how a server answers: its status and something of its body, the whole of it if it begins with a brace.
type said struct {
	status int
	body   string
}

// Forms of errors.
const (
	pydanticForm = "error"
	handlerForm  = "code message object param type"
	detailForm   = "detail"
	dynamoForm   = "code message type"
)

// cannot begins what Dynamo says of a body that is no request.
const cannot = "Failed to deserialize the JSON body into the target type: "

// What each server makes of a body, and in what form it refuses it. What is said of Dynamo was answered by its
// frontend 1.6.1, what is said of trtllm-serve by FastAPI 0.121 with models of the same fields, except where the
// comments of pydantic and serde say that it is assumed.
func TestBadBodies(t *testing.T) {
	const (
		ok       = `"object":"text_completion"`
		extra    = "Extra inputs are not permitted"
		noInt    = "Input should be a valid integer"
		noObject = "Input should be a valid dictionary or object to extract fields from"
	)
	malformed := func(what string) said {
		return said{400, `{"code":400,"message":"` + cannot + what + `","type":"Bad Request"}`}
	}
	checked := func(what string) said {
		return said{400, `{"code":400,"message":"Validation: ` + what + `","type":"Bad Request"}`}
	}
	invalid := func(kind, loc, what string) said {
		return said{400, `{"error":"[{'type': '` + kind + `', 'loc': ('body'` + loc + `), 'msg': '` + what + `'}]"}`}
	}
	handler := func(what string) said {
		return said{400, `{"code":400,"message":"` + what + `","object":"error","param":null,"type":"BadRequestError"}`}
	}
	detail := said{400, `{"detail":"There was an error parsing the body"}`}
	served := said{200, ok}
	for _, tc := range []struct {
		name, rest string // what follows the model and the prompt, or a whole body
		a, b       said
	}{
		{"nothing wrong", `"max_tokens":2`, served, served},
		{"negative tokens", `"max_tokens":-1`,
			handler("`max_tokens` (-1) must be greater than 0"), malformed("invalid value: integer `-1`, expected u32")},
		{"no tokens", `"max_tokens":0`,
			handler("`max_tokens` (0) must be greater than 0"), checked("Max tokens must be greater than 0, got 0")},
		{"no tokens, streamed", `"max_tokens":0,"stream":true`,
			handler("`max_tokens` (0) must be greater than 0"), checked("Max tokens must be greater than 0, got 0")},
		{"tokens null", `"max_tokens":null`, served, served},
		{"part of a token", `"max_tokens":1.5`,
			invalid("int_type", ", 'max_tokens'", noInt), malformed("invalid type: floating point `1.5`, expected u32")},
		{"a whole float", `"max_tokens":2.0`, served, malformed("invalid type: floating point `2.0`, expected u32")},
		{"tokens as text", `"max_tokens":"2"`, served, malformed(`invalid type: string \"2\", expected u32`)},
		{"tokens as a word", `"max_tokens":"two"`,
			invalid("int_type", ", 'max_tokens'", noInt), malformed(`invalid type: string \"two\", expected u32`)},
		{"tokens true", `"max_tokens":true`, served, malformed("invalid type: boolean `true`, expected u32")},
		{"tokens a list", `"max_tokens":[1]`,
			invalid("int_type", ", 'max_tokens'", noInt), malformed("invalid type: sequence, expected u32")},
		{"more tokens than a word holds", `"max_tokens":4294967296`,
			handler("prompt too long"), malformed("invalid value: integer `4294967296`, expected u32")},
		{"more tokens than an int holds", `"max_tokens":99999999999999999999`,
			handler("prompt too long"), malformed("invalid value: integer `99999999999999999999`, expected u32")},
		{"more tokens than are allowed", `"max_tokens":10000000`,
			handler("prompt too long"), checked("Max tokens must not exceed 1048576, got 10000000")},
		{"another name for them", `"max_completion_tokens":3`,
			invalid("extra_forbidden", ", 'max_completion_tokens'", extra), checked("Unsupported parameter(s): `max_completion_tokens`")},

		{"a name twice", `"max_tokens":1,"max_tokens":2`, said{200, `"completion_tokens":2`}, malformed("duplicate field `max_tokens`")},
		{"the prompt twice", `"prompt":"b c d","max_tokens":1`, said{200, `"prompt_tokens":3`}, malformed("duplicate field `prompt`")},
		{"a name twice, once in an escape", `"max_tokens":1,"max\u005ftokens":2`,
			said{200, `"completion_tokens":2`}, malformed("duplicate field `max_tokens`")},
		{"a name twice inside", `"stream":true,"stream_options":{"include_usage":true,"include_usage":false}`,
			said{200, "[DONE]"}, malformed("duplicate field `include_usage`")},
		{"a name in capitals", `"MAX_TOKENS":1`,
			invalid("extra_forbidden", ", 'MAX_TOKENS'", extra), checked("Unsupported parameter(s): `MAX_TOKENS`")},
		{"unknown names", `"zzz":1,"yyy":{"zzz":1}`,
			invalid("extra_forbidden", ", 'zzz'", extra), checked("Unsupported parameter(s): `zzz`, `yyy`")},
		{"many unknown names", `"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1`,
			said{400, "'extra_forbidden', 'loc': ('body', 'a')"}, checked("Unsupported parameter(s): `a`, `b`, `c`, `d`, `e`, `f`, `g`, `h`")},
		{"the chat's name", `"messages":[]`,
			invalid("extra_forbidden", ", 'messages'", extra), checked("Unsupported parameter(s): `messages`")},
		{"the other stack's extension", `"nvext":{}`, invalid("extra_forbidden", ", 'nvext'", extra), served},
		{"the other stack's adapter", `"lora_request":{}`,
			handler("lora_request.lora_name: field required"), checked("Unsupported parameter(s): `lora_request`")},
		{"unknown inside the extension", `"nvext":{"zzz":1}`,
			invalid("extra_forbidden", ", 'nvext'", extra), malformed("unknown field `zzz`")},
		{"unknown inside the options", `"stream":true,"stream_options":{"zz":1}`,
			invalid("extra_forbidden", ", 'stream_options', 'zz'", extra), said{200, "[DONE]"}},

		{"garbage behind", `{"model":"M","prompt":"a"}xyz`, said{400, `'type': 'json_invalid'`}, said{400, "after top-level value"}},
		{"another object behind", `{"model":"M","prompt":"a"} {}`, said{400, `'type': 'json_invalid'`}, said{400, "after top-level value"}},
		{"space behind", "{\"model\":\"M\",\"prompt\":\"a\"} \r\n\t", served, served},
		{"space between", `{ "model" : "M" , "prompt" : "a" , "max_tokens" : 1 }`, served, served},
		{"nothing", "{", said{400, `'type': 'json_invalid'`}, said{400, "unexpected end of JSON input"}},
		{"empty object", "{}", invalid("missing", ", 'model'", "Field required"), malformed("missing field `model`")},
		{"a list", "[]",
			invalid("model_attributes_type", ",", noObject),
			malformed("invalid type: sequence, expected struct NvCreateCompletionRequest")},
		{"null", "null",
			invalid("model_attributes_type", ",", noObject), malformed("invalid type: null, expected struct NvCreateCompletionRequest")},
		{"no model", `{"prompt":"a"}`, invalid("missing", ", 'model'", "Field required"), malformed("missing field `model`")},
		{"model a number", `{"model":3,"prompt":"a"}`,
			invalid("string_type", ", 'model'", "Input should be a valid string"),
			malformed("invalid type: integer `3`, expected a string")},
		{"model null", `{"model":null,"prompt":"a"}`,
			invalid("string_type", ", 'model'", "Input should be a valid string"), malformed("invalid type: null, expected a string")},
		{"model empty", `{"model":"","prompt":"a"}`, served, checked("Model cannot be empty")},
		{"unknown model", `{"model":"no\"such","prompt":"a"}`,
			said{200, `"model":"no\"such"`}, said{404, `{"code":404,"message":"Model not found","type":"Not Found"}`}},
		{"unknown model, streamed", `{"model":"no\"such","prompt":"a","stream":true}`,
			said{200, `"model":"no\"such"`}, said{404, `{"code":404,"message":"Model not found","type":"Not Found"}`}},
		{"no prompt", `{"model":"M"}`, invalid("missing", ", 'prompt'", "Field required"), malformed("missing field `prompt`")},
		{"prompt null", `{"model":"M","prompt":null}`,
			said{400, `'type': 'list_type', 'loc': ('body', 'prompt')`},
			malformed("data did not match any variant of untagged enum Prompt")},
		{"prompt a number", `{"model":"M","prompt":3}`,
			said{400, `'type': 'list_type', 'loc': ('body', 'prompt')`},
			malformed("data did not match any variant of untagged enum Prompt")},
		{"prompt empty", `{"model":"M","prompt":""}`, served, checked("Prompt string cannot be empty")},
		{"no tokens in the prompt", `{"model":"M","prompt":[]}`,
			handler("list index out of range"), checked("Prompt string array cannot be empty")},
		{"token ids", `{"model":"M","prompt":[1,2,3]}`, said{200, `"prompt_tokens":3`}, said{200, `"prompt_tokens":3`}},
		{"negative ids", `{"model":"M","prompt":[-1]}`,
			said{400, `'type': 'list_type', 'loc': ('body', 'prompt')`},
			malformed("data did not match any variant of untagged enum Prompt")},

		{"not UTF-8", "{\"model\":\"M\",\"prompt\":\"a\xff\"}", detail, served},
		{"not UTF-8 in a name", "{\"model\":\"M\",\"prompt\":\"a\",\"\xff\":1}", detail, checked("Unsupported parameter(s): `\ufffd`")},
		{"half a surrogate pair", `{"model":"M","prompt":"a\ud800b"}`, said{400, `'prompt'`}, malformed("unexpected end of hex escape")},
		{"a surrogate pair", `{"model":"M","prompt":"a \ud83d\ude00"}`, said{200, `"prompt_tokens":2`}, said{200, `"prompt_tokens":2`}},
		{"deep", `{"model":"M","prompt":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`,
			detail, malformed("recursion limit exceeded")},
		{"deep and open", strings.Repeat(`{"a":`, 1_000_000), detail, malformed("recursion limit exceeded")},

		{"stream a word", `"stream":"yes"`, said{200, "[DONE]"}, malformed(`invalid type: string \"yes\", expected a boolean`)},
		{"stream another word", `"stream":"maybe"`,
			invalid("bool_type", ", 'stream'", "Input should be a valid boolean"),
			malformed(`invalid type: string \"maybe\", expected a boolean`)},
		{"stream a number", `"stream":1`, said{200, "[DONE]"}, malformed("invalid type: integer `1`, expected a boolean")},
		{"stream null", `"stream":null`, served, served},
		{"options of no stream", `"stream_options":{"include_usage":true}`,
			invalid("value_error", ",", "Value error, Stream options can only be defined when stream is true."),
			checked("The 'stream_options' field is only allowed when 'stream' is set to true.")},
		{"no options of no stream", `"stream_options":{}`,
			served, checked("The 'stream_options' field is only allowed when 'stream' is set to true.")},
		{"options a list", `"stream":true,"stream_options":[]`,
			invalid("model_attributes_type", ", 'stream_options'", noObject), malformed("invalid type: sequence, expected a map")},
		{"temperature below", `"temperature":-1`, served, checked("Temperature must be between 0 and 2, got -1")},
		{"temperature above", `"temperature":3`, served, checked("Temperature must be between 0 and 2, got 3")},
		{"temperature as text", `"temperature":"1"`, served, malformed(`invalid type: string \"1\", expected f32`)},
		{"top_p nothing", `"top_p":0`, served, checked("Top_p must be between 0 and 1, got 0")},
		{"top_p above", `"top_p":2`, served, checked("Top_p must be between 0 and 1, got 2")},
		{"part of a seed", `"seed":1.5`,
			invalid("int_type", ", 'seed'", noInt), malformed("invalid type: floating point `1.5`, expected i64")},
		{"negative seed", `"seed":-1`, served, served},
		{"min_tokens negative", `"min_tokens":-1`, served, malformed("invalid value: integer `-1`, expected u32")},
		{"min_tokens null", `"min_tokens":null`, invalid("int_type", ", 'min_tokens'", noInt), served},
		{"ignore_eos null", `"ignore_eos":null`, invalid("bool_type", ", 'ignore_eos'", "Input should be a valid boolean"), served},
	} {
		t.Run(tc.name, func(t *testing.T) { tellsBoth(t, "/v1/completions", tc.rest, tc.a, tc.b) })
	}
}

// tellsBoth sends a body to both servers; rest is all of it if it is an object or no members, and M in it the model.
func tellsBoth(t *testing.T, path, rest string, a, b said) {
	t.Helper()
	for name, want := range map[string]said{"trtllm": a, "dynamo": b} {
		synctest.Test(t, func(t *testing.T) {
			spec := specA(t, "L8B")
			forms := []string{pydanticForm, handlerForm, detailForm}
			if name == "dynamo" {
				spec = specB(t, "L8B")
				forms = []string{dynamoForm}
			}
			m := start(t, spec, sim.DefaultParams())
			body := rest
			if strings.HasPrefix(rest, `"`) {
				body = `{"model":"M",` + rest + `}`
				if path == "/v1/completions" {
					body = `{"model":"M","prompt":"a",` + rest + `}`
				}
			}
			rec := m.postTo(path, "application/json", strings.ReplaceAll(body, `"M"`, `"`+m.served+`"`))
			got := strings.TrimSpace(rec.Body.String())
			assert.Equal(t, want.status, rec.Code, "%s: %s", name, got)
			if strings.HasPrefix(want.body, "{") && strings.HasSuffix(want.body, "}") {
				assert.Equal(t, want.body, got, name)
			} else {
				assert.Contains(t, got, want.body, name)
			}
			if rec.Code != http.StatusOK {
				assert.Contains(t, forms, form(t, got), "%s: %s", name, got)
			}
		})
	}
}

// form is the names of an error's members, sorted.
func form(t *testing.T, body string) string {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &members), body)
	return strings.Join(slices.Sorted(maps.Keys(members)), " ")
}

// Dynamo takes JSON that is declared as such, trtllm-serve also what is not declared.
func TestContentTypes(t *testing.T) {
	for contentType, want := range map[string][2]int{
		"": {200, 415}, "application/json": {200, 200}, "application/json; charset=utf-8": {200, 200}, "Application/JSON": {200, 200},
		"application/vnd.x+json": {200, 200}, "text/plain": {400, 415}, "application/x-www-form-urlencoded": {400, 415},
		"text/json": {400, 415}, "application/jsonlines": {400, 415}, "////": {400, 415},
	} {
		synctest.Test(t, func(t *testing.T) {
			for i, m := range []*machine{start(t, specA(t, "L8B"), sim.DefaultParams()), start(t, specB(t, "L8B"), sim.DefaultParams())} {
				rec := m.postTo("/v1/completions", contentType, `{"model":"`+m.served+`","prompt":"a","max_tokens":1}`)
				assert.Equal(t, want[i], rec.Code, "%q: %s", contentType, rec.Body)
				if want[i] == http.StatusUnsupportedMediaType {
					assert.Contains(t, rec.Body.String(), `"message":"Expected request with Content-Type application/json"`)
					assert.Equal(t, dynamoForm, form(t, rec.Body.String()))
				}
			}
		})
	}
}
