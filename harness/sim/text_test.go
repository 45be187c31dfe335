package sim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// text is the whole answer to a prompt, not streamed.
func (m *machine) text(prompt string, maxTokens int) string {
	m.t.Helper()
	body := fmt.Sprintf(`{"model":%q,"prompt":%q,"max_tokens":%d}`, m.served, prompt, maxTokens)
	rec := m.postTo("/v1/completions", "application/json", body)
	require.Equal(m.t, http.StatusOK, rec.Code, rec.Body.String())
	var answer struct{ Choices []struct{ Text string } }
	require.NoError(m.t, json.Unmarshal(rec.Body.Bytes(), &answer))
	return answer.Choices[0].Text
}

// The answer is a function of the prompt: the same on both stacks, with any block size, cold or cached, and another for a
// prompt that differs in a token.
func TestTextFollowsThePrompt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := start(t, specA(t, "L8B"), sim.DefaultParams()), start(t, specB(t, "L8B"), sim.DefaultParams())
		small := specB(t, "L8B")
		small.BlockTokens = 16
		c := start(t, small, sim.DefaultParams())
		want := a.text(prompt("alpha", 200), 40)
		assert.Len(t, oneTokenAWord(want), 40)
		for _, m := range []*machine{a, b, b, c, c} {
			assert.Equal(t, want, m.text(prompt("alpha", 200), 40))
		}
		assert.Positive(t, b.stats().KV.DeviceHits, "the second answer was cached")
		assert.NotEqual(t, want, a.text(prompt("beta", 200), 40), "another first token")
		assert.NotEqual(t, want, a.text(prompt("alpha", 199)+" end", 40), "another last token")
	})
}

// A stream says what an answer in one piece says.
func TestStreamedText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, spec := range []sim.Spec{specA(t, "L8B"), specB(t, "L8B")} {
			m := start(t, spec, sim.DefaultParams())
			want, streamed := m.text(prompt("alpha", 100), 12), ""
			for _, line := range m.ask("u0-q0", prompt("alpha", 100), 12).lines[:12] {
				var chunk struct{ Choices []struct{ Text string } }
				require.NoError(t, json.Unmarshal([]byte(line), &chunk))
				streamed += chunk.Choices[0].Text
			}
			assert.Equal(t, want, streamed)
		}
	})
}
