package load

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTouch(t *testing.T) {
	var w wire
	busy := 0
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, w.watch(func(rw http.ResponseWriter, r *http.Request) {
			busy++
			assert.Equal(t, 1, busy, "one at a time")
			steady(1)(rw, r)
			busy--
		}))
		defer stop()
		spec := e.spec(t)
		require.NoError(t, Touch(t.Context(), spec), "without adapters")
		require.Empty(t, w.ids)
		spec.Adapters = &Adapters{Names: names(3), Pick: PickAllOnce, Dir: "/lora"}
		require.NoError(t, Touch(t.Context(), spec))

		prompts := map[string]bool{}
		for user := range 4 {
			prompts[firstPrompt(t, spec, user)] = true
		}
		assert.Equal(t, []string{"touch-0", "touch-1", "touch-2"}, w.ids)
		for i, id := range w.ids {
			var lora loraRequest
			require.NoError(t, json.Unmarshal(w.asks[id].LoraRequest, &lora))
			assert.Equal(t, loraRequest{names(3)[i], i + 1, "/lora/" + names(3)[i]}, lora)
			assert.Equal(t, 1, w.asks[id].MaxTokens)
			require.NotEmpty(t, w.asks[id].Prompt)
			assert.False(t, prompts[w.asks[id].Prompt], "a prompt that no request of the run has")
			prompts[w.asks[id].Prompt] = true
		}
	})
}

// A trace has no items to touch with, and is not read.
func TestTouchBeforeAReplay(t *testing.T) {
	for _, dialect := range []string{DialectTRTLLM, DialectDynamo} {
		var w wire
		synctest.Test(t, func(t *testing.T) {
			e, stop := serve(t, w.watch(steady(1)))
			defer stop()
			spec := e.spec(t)
			replayed(nil, errors.New("read too early"))(&spec)
			spec.Dialect, spec.Adapters = dialect, &Adapters{Names: names(2), Pick: PickUniform, Dir: "/lora"}
			require.NoError(t, Touch(t.Context(), spec))
			require.Len(t, w.ids, 2)
			first, second := w.asks["touch-0"].Prompt, w.asks["touch-1"].Prompt
			assert.Len(t, strings.Fields(first), touchTokens)
			assert.Zero(t, shared(first, second))
		})
	}
}

// firstPrompt is the first prompt of a user.
func firstPrompt(t *testing.T, spec Spec, user int) string {
	t.Helper()
	p, err := spec.Prompter.Prompt(PromptRequest{ContextTokens: spec.ContextTokens, User: user, Nonce: spec.Nonce})
	require.NoError(t, err)
	return p.Text
}

func TestTouchNamesTheAdapterThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		asked := 0
		hang := false
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if asked++; r.Header.Get("X-Request-Id") == "touch-1" {
				if hang {
					cancel()
					<-r.Context().Done()
				}
				http.Error(w, "no such adapter", http.StatusNotFound)
				return
			}
			steady(1)(w, r)
		})
		defer stop()
		spec := e.spec(t)
		spec.Adapters = &Adapters{Names: names(3), Pick: PickUniform, Dir: "/lora"}
		err := Touch(ctx, spec)
		require.ErrorContains(t, err, `touch adapter "ad-01" (2 of 3): http: HTTP 404: no such adapter: see that http://127.0.0.1:8355 serves it`)
		assert.Equal(t, 2, asked)
		hang = true
		require.ErrorIs(t, Touch(ctx, spec), context.Canceled)
		spec.Timeout = 0
		require.ErrorContains(t, Touch(t.Context(), spec), "load spec")
	})
}
