package load

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// event is a frame with its slices copied.
type event struct{ event, data, comment string }

// frames reads all events of a body and the error that ends it.
func frames(r io.Reader) (out []event, err error) {
	var f frameReader
	f.reset(r)
	for {
		fr, err := f.next()
		if err != nil {
			return out, err
		}
		out = append(out, event{string(fr.event), string(fr.data), string(fr.comment)})
	}
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	tests := []struct {
		name, body string
		want       []event
	}{
		{"nothing", "", nil},
		{"one", "data: a\n\n", []event{{data: "a"}}},
		{"no space", "data:a\n\n", []event{{data: "a"}}},
		{"only one space is dropped", "data:  a \n\n", []event{{data: " a "}}},
		{"two", "data: a\n\ndata: b\n\n", []event{{data: "a"}, {data: "b"}}},
		{"blank lines between", "\n\ndata: a\n\n\n\ndata: b\n\n", []event{{data: "a"}, {data: "b"}}},
		{"CRLF", "data: a\r\n\r\nevent: error\r\ndata: b\r\n\r\n", []event{{data: "a"}, {event: "error", data: "b"}}},
		{"several data lines", "data: a\ndata:\ndata: c\n\ndata: d\n\n", []event{{data: "a\n\nc"}, {data: "d"}}},
		{"event without data", "event: error\n: no blocks left\n\n", []event{{event: "error", comment: "no blocks left"}}},
		{"comment", ": hi\n: there\n\n", []event{{comment: "there"}}},
		{"comment before data", ": hi\ndata: a\n\n", []event{{data: "a", comment: "hi"}}},
		{"fields that are not used", "id: 3\nretry: 10\ndata: a\nfoo\n\n", []event{{data: "a"}}},
		{"field without a colon", "data\n\n", []event{{}}},
		{"colons in the value", "data: {\"a\": 1}\n\n", []event{{data: `{"a": 1}`}}},
		{"byte order mark", "\ufeffdata: a\n\n\ufeffdata: b\n\ndata: c\n\n", []event{{data: "a"}, {}, {data: "c"}}},
		{"byte order mark and a blank line", "\ufeff\n\ufeff\ndata: a\n\n", []event{{data: "a"}}},
		{"byte order mark in the data", "data: \ufeffa\n\n", []event{{data: "\ufeffa"}}},
		{"cut in a line", "data: a\n\ndata: b", []event{{data: "a"}}},
		{"cut before the blank line", "data: a\n\ndata: b\n", []event{{data: "a"}}},
		{"1 MiB", "data: " + long + "\n\ndata: b\n\n", []event{{data: long}, {data: "b"}}},
		{"1 MiB in two lines", "data: " + long + "\ndata: " + long + "\n\n", []event{{data: long + "\n" + long}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"whole":         strings.NewReader(tt.body),
				"halves":        iotest.HalfReader(strings.NewReader(tt.body)),
				"data with EOF": iotest.DataErrReader(strings.NewReader(tt.body)),
			} {
				got, err := frames(r)
				require.ErrorIs(t, err, io.EOF, name)
				if len(tt.want) == 1 && len(tt.body) > 1<<20 {
					require.Len(t, got, 1, name) // a diff of megabytes helps nobody
					require.True(t, got[0] == tt.want[0], name)
					continue
				}
				require.Equal(t, tt.want, got, name)
			}
			if len(tt.body) < 1000 {
				got, err := frames(iotest.OneByteReader(strings.NewReader(tt.body)))
				require.ErrorIs(t, err, io.EOF)
				require.Equal(t, tt.want, got, "one byte at a time")
			}
		})
	}
}

// endless never ends a line.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	e.read += len(p)
	return len(p), nil
}

func TestFrameIsBounded(t *testing.T) {
	src := &endless{}
	_, err := frames(src)
	require.ErrorIs(t, err, errFrameTooLong)
	assert.Less(t, src.read, 3*maxFrame)
}

func TestFrameReaderPassesErrorsOn(t *testing.T) {
	broken := errors.New("connection reset")
	got, err := frames(io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []event{{data: "a"}}, got)
}

func TestFrameReaderLetsLargeBuffersGo(t *testing.T) {
	var f frameReader
	f.reset(strings.NewReader("data: " + strings.Repeat("x", 1<<20) + "\n\n"))
	_, err := f.next()
	require.NoError(t, err)
	require.Greater(t, len(f.buf), 1<<20)
	f.reset(nil)
	assert.LessOrEqual(t, len(f.buf), keepBuffer)
}

// FuzzFrames: where the reads fall must not change the events.
func FuzzFrames(f *testing.F) {
	for _, body := range []string{"data: a\n\n", "data: a\r\n\r\n: c\nevent: e\n\n", "\n\r\n\ndata:a\ndata:b\n\nx"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		whole, err := frames(strings.NewReader(body))
		require.ErrorIs(t, err, io.EOF)
		single, err := frames(iotest.OneByteReader(strings.NewReader(body)))
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, whole, single)
	})
}
