package load

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The question follows the very prompt of the workload; right is an answer that holds what that begins with.
func TestRecall(t *testing.T) {
	for _, tc := range []struct {
		name, api string
		answer    func(first string) (status int, body string)
		right     bool
		cached    *int
		err       string
	}{
		{"right", APICompletions, func(first string) (int, string) {
			return 200, `{"choices":[{"text":" ` + first + ` and more"}],"usage":{"prompt_tokens":300,"prompt_tokens_details":{"cached_tokens":256}}}`
		}, true, ptr(256), ""},
		{"right in a chat", APIChat, func(first string) (int, string) {
			return 200, `{"choices":[{"message":{"role":"assistant","content":"It is ` + first + `"}}]}`
		}, true, nil, ""},
		{"without brackets", APICompletions, func(first string) (int, string) {
			return 200, `{"choices":[{"text":"` + strings.Trim(first, "[]") + `"}]}`
		}, true, nil, ""},
		{"wrong", APICompletions, func(first string) (int, string) {
			return 200, `{"choices":[{"text":" storage decides ` + first[:12] + `"}],"usage":{"prompt_tokens":300,"prompt_tokens_details":{"cached_tokens":400}}}`
		}, false, nil, ""},
		{"refused", APICompletions, func(string) (int, string) { return 400, "too long" }, false, nil, "answers HTTP 400: too long"},
		{"no text", APICompletions, func(string) (int, string) { return 200, "{}" }, false, nil, "the answer holds no text"},
		{"no JSON", APICompletions, func(string) (int, string) { return 200, "<p>" }, false, nil, "not the JSON of a completion"},
		{"no end", APICompletions, func(string) (int, string) { return 200, strings.Repeat(" ", maxRecall+1) }, false, nil, "answers with more than 1048576 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked, path string
				e, stop := serve(t, func(rw http.ResponseWriter, r *http.Request) {
					path = r.URL.Path
					var body struct {
						Model       string
						Prompt      string
						Messages    []chatMessage
						Temperature *float64
						Stream      bool
					}
					b, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					assert.NoError(t, json.Unmarshal(b, &body))
					assert.False(t, body.Stream)
					assert.Equal(t, 0.0, *body.Temperature)
					asked = body.Prompt
					if tc.api == APIChat {
						asked = body.Messages[0].Content
					}
					first, _, _ := strings.Cut(asked, "\n")
					status, text := tc.answer(first)
					rw.WriteHeader(status)
					_, _ = fmt.Fprint(rw, text)
				})
				defer stop()
				spec := e.spec(t)
				spec.API, spec.Nonce = tc.api, NoncePerUser
				got, err := Recall(t.Context(), spec, 5, 2)
				want, perr := spec.Prompter.Prompt(PromptRequest{ContextTokens: spec.ContextTokens, User: 5, Seq: 2, Nonce: spec.Nonce})
				require.NoError(t, perr)
				assert.Equal(t, want.Text+RecallQuestion, asked)
				assert.Equal(t, map[string]string{APICompletions: "/v1/completions", APIChat: "/v1/chat/completions"}[tc.api], path)
				if tc.err != "" {
					require.ErrorContains(t, err, tc.err)
					return
				}
				require.NoError(t, err)
				assert.NotEmpty(t, got.Secret)
				assert.Equal(t, tc.right, got.Right(), "%+v", got)
				assert.Equal(t, tc.cached, got.Cached)
			})
		})
	}
}

func ptr[T any](v T) *T { return &v }
