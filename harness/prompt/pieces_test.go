package prompt

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncodeASCIIOnCommittedPrompts(t *testing.T) {
	tok := tokenizer(t)
	for _, l := range lengths[:8] {
		for line := range strings.Lines(committed(t, l.tokens)) {
			got, ok := encodeASCII(tok.ranks, line)
			if !ok {
				continue
			}
			assert.Equal(t, tok.bpe.EncodeOrdinary(line), got, "%q", line)
		}
	}
}

func TestEncodeASCIIRefusesOtherText(t *testing.T) {
	_, ok := encodeASCII(tokenizer(t).ranks, "naïve")
	assert.False(t, ok)
}

func FuzzEncodeASCII(f *testing.F) {
	for _, text := range []string{
		"", "[000000000000000000042]\n", "it's IT'S we'll WE'LL we'd they've 'r 'l 'lx ''s '", "a  b   c\n\n  \n d \r\n\t e", "  ", " \n", "\t\t.", " .\n\n x",
		"a.b.c(d) = 1234567.89;\r\n", "\x00\x1f\x7f \v\fa", "!!!\n a", "'\x13 '\x14 'R\x05", "zzzzqqqqxxxxkkkk",
	} {
		f.Add(text)
	}
	tok := tokenizer(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return
		}
		got, ok := encodeASCII(tok.ranks, text)
		if !ok {
			return
		}
		require.Equal(t, tok.bpe.EncodeOrdinary(text), got)
	})
}
