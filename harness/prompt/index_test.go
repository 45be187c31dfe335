package prompt

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// An index that is accepted lists each length once, with room for a nonce.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"vocabulary":"` + Vocabulary + `","seed":1,"prompts":[{"tokens":256,"file":"256.txt","sha256":"00"},{"tokens":512,"alias":"x","file":"../512.txt"}]}`))
	f.Add([]byte(`{"vocabulary":"` + Vocabulary + `","prompts":[{"tokens":256},{"tokens":256}]}`))
	f.Add([]byte(`{"vocabulary":"other","words":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		idx, err := parseIndex(data)
		if err != nil {
			return
		}
		seen := map[int]bool{}
		for _, e := range idx.Prompts {
			assert.Greater(t, e.Tokens, MaxNonceTokens)
			assert.False(t, seen[e.Tokens])
			seen[e.Tokens] = true
		}
	})
}
