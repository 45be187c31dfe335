package prompt

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEncodeOnCommittedPrompts(t *testing.T) {
	tok := tokenizer(t)
	for _, l := range lengths[:8] {
		for line := range strings.Lines(committed(t, l.tokens)) {
			assert.Equal(t, tok.bpe.EncodeOrdinary(line), tok.Encode(line), "%q", line)
		}
	}
}

// What the pattern's classes take in and leave out beyond ASCII, and where a class ends inside a run.
func TestEncodeBeyondASCII(t *testing.T) {
	tok := tokenizer(t)
	for _, text := range []string{
		"naïve café, 日本語のテキスト", "ǅ ª ˀ ـ \u0301 a\u0301b", // title case, other and modifier letters; marks are none
		"½ ²³⁴⁵ ௰௱௲ ⅧⅨⅩⅪ 一二三四 ٣٤٥٦ 1½2²3",                                        // numbers of all kinds, in threes
		"a\u00a0\u00a0b \u2003\u2003c\u2028\u2029d\u0085\u0085e\u200b f\u3000",   // white space, and what looks like it
		" \u00a0x\u00a0\r\n\u2003\ny \u2003", "\u00a0,\u2003!", "\u00a01\u20032", // blanks before all classes
		"'ſ 'ſt 'S 'ſ's", "'\u212a", "don’t ’s", // what folds to a letter of a contraction
		"😀😀 👍🏽 🇩🇪\r\n\r", "\U0010ffff\U000e0001", "\ufeffx", "ßẞ'lL'Ve'RE",
		"a\xffb", "\xff\xfe", "\xc3", "日\xe6\x97", "\xed\xa0\x80", " \xff", "\xf4\x90\x80\x80'\x80s",
	} {
		got := tok.Encode(text)
		assert.Equal(t, tok.bpe.EncodeOrdinary(text), got, "%q", text)
		assert.Equal(t, string([]rune(text)), tok.Decode(got), "%q", text)
	}
}

// Pieces are what the pattern matches: nonempty, and all of the text.
func TestPiecesAreThePatterns(t *testing.T) {
	var got []string
	for text := "I've 1234½5 naïve  tests,\u00a0\u00a0x!!\r\n\r\n\tend  "; text != ""; {
		n := piece(text)
		got, text = append(got, text[:n]), text[n:]
	}
	assert.Equal(t, []string{"I", "'ve", " ", "123", "4½5", " naïve", " ", " tests", ",", "\u00a0", "\u00a0x", "!!\r\n\r\n", "\tend", "  "}, got)
}

func FuzzEncode(f *testing.F) {
	for _, text := range []string{
		"", "[000000000000000000042]\n", "it's IT'S we'll WE'LL we'd they've 'r 'l 'lx ''s '", "a  b   c\n\n  \n d \r\n\t e", "  ", " \n", "\t\t.", " .\n\n x",
		"a.b.c(d) = 1234567.89;\r\n", "\x00\x1f\x7f \v\fa", "!!!\n a", "'\x13 '\x14 'R\x05", "zzzzqqqqxxxxkkkk", strings.Repeat("zq", 90),
		"naïve ½² \u00a0\u2003x\u0085", "日本語\u3000テキスト", "😀\xff\xf0\x9f",
	} {
		f.Add(text)
	}
	tok := tokenizer(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 {
			return
		}
		require.Equal(t, tok.bpe.EncodeOrdinary(text), tok.Encode(text))
		if utf8.ValidString(text) {
			require.Equal(t, text, tok.Decode(tok.Encode(text)))
		}
	})
}
