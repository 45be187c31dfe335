package outgoing

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxQuote bounds what is quoted of a foreign text, bytes.
const MaxQuote = 200

// Quote is the beginning of a text that came from a server, fit for a terminal, a log and a record: in one line,
// without the client's key, control characters as Clean shows them.
func (c *Client) Quote(text string) string {
	if c.key != nil {
		text = strings.ReplaceAll(text, string(*c.key), redacted)
	}
	return Clean(text, MaxQuote)
}

// Clean is the beginning of a text in one line, at most so many bytes and then " ...". Runs of white space become one
// space, and what does not print (control characters, so escape sequences, marks that turn the direction of writing,
// bytes that are not UTF-8) is escaped as %q does.
func Clean(text string, most int) string {
	var b strings.Builder
	gap := false
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		piece := text[i : i+n]
		i += n
		if unicode.IsSpace(r) {
			gap = b.Len() > 0
			continue
		}
		if r == utf8.RuneError && n == 1 || !strconv.IsPrint(r) {
			quoted := strconv.Quote(piece)
			piece = quoted[1 : len(quoted)-1]
		}
		if gap {
			piece, gap = " "+piece, false
		}
		if b.Len()+len(piece) > most {
			return b.String() + " ..."
		}
		b.WriteString(piece)
	}
	return b.String()
}

// Log is a writer to w of lines that may quote a server, one a call. Package log needs it: there net/http puts what a
// server sends unasked.
func (c *Client) Log(w io.Writer) io.Writer { return quoting{c, w} }

type quoting struct {
	client *Client
	to     io.Writer
}

func (q quoting) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintln(q.to, q.client.Quote(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Fit is err with a text that is quoted as Quote does, for an error that quotes a server.
func (c *Client) Fit(err error) error {
	text := err.Error()
	if clean := c.Quote(text); clean != text {
		return &quoted{clean, err}
	}
	return err
}

// quoted is an error with another text.
type quoted struct {
	text string
	err  error
}

func (q *quoted) Error() string { return q.text }
func (q *quoted) Unwrap() error { return q.err }
