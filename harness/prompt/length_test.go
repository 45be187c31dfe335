package prompt

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseTokens(t *testing.T) {
	for s, want := range map[string]int{
		"1k": 1024, "2k": 2048, "4k": 4096, "8k": 8192, "16k": 16384, "32k": 32768, "64k": 64000,
		"128": 128, "4096": 4096, "1": 1, "64000": 64000,
	} {
		n, err := ParseTokens(s)
		require.NoError(t, err, s)
		assert.Equal(t, want, n, s)
	}
	for _, s := range []string{"", "k", "0", "0k", "-1", "+4096", "04096", "4K", " 4k", "4k ", "3k", "128k", "4.0", "4_096", "0x10", "٤", "99999999999999999999"} {
		_, err := ParseTokens(s)
		assert.ErrorContains(t, err, strconv.Quote(s), s)
	}
}

func FuzzParseTokens(f *testing.F) {
	for _, s := range []string{"4k", "64k", "4096", "-1", "1e3", "0128", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseTokens(s)
		if err != nil {
			assert.Zero(t, n)
			return
		}
		assert.Positive(t, n)
		// What was read is either the number's own spelling or an alias of a listed length.
		if strconv.Itoa(n) != s {
			assert.Contains(t, lengths, length{n, s})
		}
	})
}
