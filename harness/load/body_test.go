package load

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBodyReader(t *testing.T) {
	b := &body{head: []byte("head,"), rest: bytes.Repeat([]byte("rest,"), 300), tail: []byte("tail")}
	want := string(b.head) + string(b.rest) + string(b.tail)
	assert.EqualValues(t, len(want), b.size())

	r, err := b.open()
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(r, []byte(want)))

	r, err = b.open()
	require.NoError(t, err)
	first := make([]byte, 7)
	_, err = io.ReadFull(r, first)
	require.NoError(t, err)
	var rest bytes.Buffer
	n, err := r.(io.WriterTo).WriteTo(&rest)
	require.NoError(t, err)
	assert.EqualValues(t, rest.Len(), n)
	assert.Equal(t, want, string(first)+rest.String(), "from where reading stopped")
}

// half takes half of what it is given and fails.
type half struct{ got bytes.Buffer }

var errHalf = errors.New("half")

func (h *half) Write(p []byte) (int, error) {
	n, _ := h.got.Write(p[:len(p)/2])
	return n, errHalf
}

func TestBodyReaderWriteFails(t *testing.T) {
	b := &body{head: []byte("ab"), rest: []byte("cd"), tail: []byte("e")}
	r, err := b.open()
	require.NoError(t, err)
	var h half
	n, err := r.(io.WriterTo).WriteTo(&h)
	require.ErrorIs(t, err, errHalf)
	assert.EqualValues(t, 1, n)
	left, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, "bcde", string(left))
}
