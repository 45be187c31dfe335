package load

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testBody makes a body of tokens words, the nonce being the first.
func testBody(tokens int, nonce string) (string, error) {
	return nonce + strings.Repeat(" x", tokens-1), nil
}

func TestNonceSharesWhatItSays(t *testing.T) {
	tests := []struct {
		nonce    Nonce
		distinct int // among 7 users x 5 requests
	}{{NonceNone, 1}, {NoncePerUser, 7}, {NoncePerRequest, 35}}
	for _, tt := range tests {
		t.Run(string(tt.nonce), func(t *testing.T) {
			texts := map[string]bool{}
			lengths := map[int]bool{}
			w := FixedContext{Seed: 9, Body: testBody}
			for user := range 7 {
				for seq := range 5 {
					p, err := w.Prompt(PromptRequest{ContextTokens: 40, User: user, Seq: seq, Nonce: tt.nonce})
					require.NoError(t, err)
					text := p.Text
					p.Text = ""
					require.Equal(t, Prompt{Tokens: 40}, p, "nothing is known of sessions")
					texts[text] = true
					lengths[len(text)] = true
					if tt.nonce != NonceNone {
						require.Regexp(t, `^\[[0-9a-f]{16}\] x`, text, "the nonce stands first")
					}
				}
			}
			assert.Len(t, texts, tt.distinct)
			assert.Len(t, lengths, 1, "all prompts are equally long")
		})
	}
}

func TestNonceHasFixedLengthAndFollowsTheSeed(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(3) {
		for user := range 2000 {
			text, err := nonceText(seed, PromptRequest{User: user, Nonce: NoncePerUser})
			require.NoError(t, err)
			require.Len(t, text, 18)
			require.False(t, seen[text])
			seen[text] = true
		}
	}
}

func TestFixedContextErrors(t *testing.T) {
	_, err := FixedContext{Body: testBody}.Prompt(PromptRequest{ContextTokens: 4, Nonce: "sometimes"})
	require.ErrorContains(t, err, "sometimes")
	broken := errors.New("no such length")
	w := FixedContext{Body: func(int, string) (string, error) { return "", broken }}
	_, err = w.Prompt(PromptRequest{ContextTokens: 4, User: 3, Seq: 2, Nonce: NonceNone})
	require.ErrorIs(t, err, broken)
	assert.ErrorContains(t, err, "user 3, request 2")
}

func TestHashIsSensitiveToEachPart(t *testing.T) {
	seen := map[uint64]string{}
	for a := range uint64(20) {
		for b := range uint64(20) {
			for c := range uint64(20) {
				h := hash(a, b, c)
				name := fmt.Sprint(a, b, c)
				require.Empty(t, seen[h], name)
				seen[h] = name
			}
		}
	}
}
