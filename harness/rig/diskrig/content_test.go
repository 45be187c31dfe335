package diskrig

import (
	"compress/flate"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A page that is not the one that was written is told by what is wrong with it.
func TestVerifyTellsWhatIsWrong(t *testing.T) {
	c, err := newContent(noise())
	require.NoError(t, err)
	other, err := newContent(noise())
	require.NoError(t, err)
	other.nonce++
	id := identity{area: 0, key: 7, first: 3}
	made := func(by *content, id identity) []byte {
		buf := make([]byte, 2*page)
		by.fill(buf)
		by.stamp(buf, id)
		return buf
	}
	require.NoError(t, c.verify(made(c, id), id))
	for name, tc := range map[string]struct {
		buf  []byte
		edit func([]byte)
		want string
	}{
		"zeros":            {buf: make([]byte, 2*page), want: "corruption: page 3 is all zeros: it was never written, or has been lost"},
		"the second page":  {edit: func(b []byte) { clear(b[page:]) }, want: "corruption: page 4 is all zeros"},
		"another block":    {buf: made(c, identity{key: 8, first: 3}), want: "is of block 0000000000000008, where block 0000000000000007 ought to be"},
		"no block yet":     {buf: made(c, identity{key: neverWritten, first: 3}), want: "holds nothing yet, where block 0000000000000007 ought to be"},
		"another page":     {buf: made(c, identity{key: 7, first: 5}), want: "page 3 is page 5 of its block or file"},
		"another area":     {buf: made(c, identity{area: 1, key: 7, first: 3}), want: "page 3 is page 3 of another area"},
		"another storage":  {buf: made(other, id), want: "is what an earlier storage has left"},
		"a bit of noise":   {edit: func(b []byte) { b[page-1] ^= 1 }, want: "page 3 is damaged: its checksum does not hold"},
		"a bit of the key": {edit: func(b []byte) { b[16] ^= 1 }, want: "page 3 is damaged: its header does not hold together"},
		"no magic":         {edit: func(b []byte) { b[0] = 0 }, want: "its header does not hold together"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.buf == nil {
				tc.buf = made(c, id)
				tc.edit(tc.buf)
			}
			err := c.verify(tc.buf, id)
			require.ErrorIs(t, err, ErrCorruption)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

// What is written cannot be made smaller.
func TestContentDoesNotCompress(t *testing.T) {
	c, err := newContent(noise())
	require.NoError(t, err)
	buf := make([]byte, 1<<20)
	c.fill(buf)
	c.stamp(buf, identity{key: 7})
	var packed counter
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	require.NoError(t, err)
	_, err = w.Write(buf)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	assert.Greater(t, int(packed), len(buf)*98/100)
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

var _ io.Writer = new(counter)

func BenchmarkVerify(b *testing.B) {
	c, err := newContent(noise())
	require.NoError(b, err)
	buf := make([]byte, 128<<10)
	c.fill(buf)
	c.stamp(buf, identity{key: 7})
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		require.NoError(b, c.verify(buf, identity{key: 7}))
	}
}

func BenchmarkStamp(b *testing.B) {
	c, err := newContent(noise())
	require.NoError(b, err)
	buf := make([]byte, 128<<10)
	c.fill(buf)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		c.stamp(buf, identity{key: 7})
	}
}
