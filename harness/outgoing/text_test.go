package outgoing

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"no such model":                     "no such model",
		" {\n\t\"error\":\r\n  \"x\"\n}\n":  `{ "error": "x" }`,
		"\x1b[2J\x1b]0;owned\a":             `\x1b[2J\x1b]0;owned\a`,
		"a\bb\x00c\x7f\u009b2J":             `a\bb\x00c\x7f\u009b2J`,
		"\u202egnp.exe\u200b\ufeff":         `\u202egnp.exe\u200b\ufeff`,
		"caf\xe9 \xff\xfe":                  `caf\xe9 \xff\xfe`,
		"größe ☃ 漢字 � \U0001f600":           "größe ☃ 漢字 � \U0001f600",
		`C:\temp "quoted"`:                  `C:\temp "quoted"`,
		"\u2028line\u00a0blank\u0085":       "line blank",
		strings.Repeat("a", 20):             strings.Repeat("a", 20),
		strings.Repeat("a", 21):             strings.Repeat("a", 20) + " ...",
		strings.Repeat("a", 20) + " b":      strings.Repeat("a", 20) + " ...",
		strings.Repeat("a", 20) + "  \n":    strings.Repeat("a", 20),
		strings.Repeat("a", 17) + "\x1b[2J": strings.Repeat("a", 17) + " ...",
		strings.Repeat("é", 11):             strings.Repeat("é", 10) + " ...",
	} {
		most := 20
		if !strings.HasPrefix(text, "aaa") && !strings.HasPrefix(text, "éé") {
			most = 1000
		}
		assert.Equal(t, want, Clean(text, most), "%q", text)
	}
}

// The key goes before the text is cut: a part of it is still one.
func TestQuoteHidesTheKey(t *testing.T) {
	c, err := New(Options{}).For("http://127.0.0.1", secret)
	require.NoError(t, err)
	assert.Equal(t, "bad key: Bearer [redacted], not [redacted]", c.Quote("bad key: Bearer "+secret+",\nnot "+secret))
	text := c.Quote(strings.Repeat("x", MaxQuote-5) + secret)
	assert.NotContains(t, text, "sk-")
	assert.LessOrEqual(t, len(text), MaxQuote+4)
	assert.Equal(t, secret, New(Options{}).Quote(secret), "a client without a key knows none")
}

func TestLogIsQuoted(t *testing.T) {
	var to bytes.Buffer
	c, err := New(Options{}).For("http://127.0.0.1", secret)
	require.NoError(t, err)
	line := []byte("a\x1b\nb " + secret + "\n")
	n, err := c.Log(&to).Write(line)
	require.NoError(t, err)
	assert.Equal(t, len(line), n)
	assert.Equal(t, `a\x1b b [redacted]`+"\n", to.String())
	_, err = c.Log(full{}).Write(line)
	require.ErrorIs(t, err, os.ErrClosed)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, os.ErrClosed }

// FuzzClean: whatever comes, what is shown prints, in one line, and ends.
func FuzzClean(f *testing.F) {
	for _, text := range []string{"", "\x1b[2J", "a\xffb", "\u202e\u2028 \n", strings.Repeat("\x00", 300), "漢字 ..."} {
		f.Add(text, 200)
	}
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = min(max(most, 0), 1000)
		got := Clean(text, most)
		require.LessOrEqual(t, len(got), most+len(" ..."))
		require.True(t, utf8.ValidString(got))
		for _, r := range got {
			require.True(t, strconv.IsPrint(r), "%q of %q", r, text)
		}
		if !strings.HasSuffix(got, " ...") {
			require.Equal(t, got, Clean(got, most), "clean text stays as it is")
		}
	})
}
