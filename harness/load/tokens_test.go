package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// pairs is a text of so many tokens, two bytes each.
func pairs(_ uint64, tokens int) (string, error) { return strings.Repeat("a\n", tokens), nil }

// How a server counts follows from two prompts, in both APIs; one that says nothing is told from one that does not answer.
func TestCountTokens(t *testing.T) {
	for _, tt := range []struct {
		name, api string
		answer    func(bytes int) (status int, body string)
		want      record.TokenRatio
		err       string
		uncounted bool
	}{
		{"a template and longer words", APIChat, func(n int) (int, string) {
			return http.StatusOK, fmt.Sprintf(`{"usage": {"prompt_tokens": %d}}`, 7+n)
		}, record.TokenRatio{Each: 2, More: 7}, "", false},
		{"the same tokens", APICompletions, func(n int) (int, string) {
			return http.StatusOK, fmt.Sprintf(`{"usage": {"prompt_tokens": %d}}`, n/2)
		}, record.TokenRatio{Each: 1}, "", false},
		{"one number for all", APICompletions, func(int) (int, string) { return http.StatusOK, `{"usage": {"prompt_tokens": 1}}` },
			record.TokenRatio{}, "which is not by their text", true},
		{"no count", APICompletions, func(int) (int, string) { return http.StatusOK, `{}` }, record.TokenRatio{}, "no usage.prompt_tokens", true},
		{"too long", APICompletions, func(int) (int, string) { return http.StatusBadRequest, "context is 100" },
			record.TokenRatio{}, "ask for one token behind a prompt of 100: HTTP 400: context is 100", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
					var asked struct {
						Prompt   string        `json:"prompt"`
						Messages []chatMessage `json:"messages"`
						Most     int           `json:"max_tokens"`
					}
					assert.NoError(t, json.NewDecoder(r.Body).Decode(&asked))
					assert.Equal(t, 1, asked.Most)
					text := asked.Prompt
					if tt.api == APIChat {
						text = asked.Messages[0].Content
					}
					status, body := tt.answer(len(text))
					w.WriteHeader(status)
					_, _ = fmt.Fprint(w, body)
				})
				defer stop()
				got, err := CountTokens(t.Context(), e.http, Counted{BaseURL: e.url + "/", API: tt.api, ModelID: "m", Text: pairs, Short: 100, Long: 300})
				if tt.err != "" {
					require.ErrorContains(t, err, tt.err)
					assert.Equal(t, tt.uncounted, errors.Is(err, ErrUncounted))
					return
				}
				require.NoError(t, err)
				assert.Equal(t, tt.want, got)
				assert.Equal(t, tt.want.Each == 1, SameTokens(got))
			})
		})
	}
}
