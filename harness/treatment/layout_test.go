package treatment

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/fio"
)

// A file is whole, on the drive, and does not compress.
func TestLayOut(t *testing.T) {
	tr, _, told := treating(t, nil)
	require.NoError(t, tr.layOut(t.Context(), []fio.File{{Name: "a", Bytes: 3<<20 + 5}}))
	text, err := os.ReadFile(tr.path("a"))
	require.NoError(t, err)
	require.Len(t, text, 4<<20)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	assert.Greater(t, packed.Len(), len(text)*99/100)
	var st syscall.Stat_t
	require.NoError(t, syscall.Stat(tr.path("a"), &st))
	assert.GreaterOrEqual(t, st.Blocks*512, int64(4<<20), "no holes")
	assert.Contains(t, told.String(), "wrote 0.00 GB in ")
	told.Reset()
	require.NoError(t, tr.layOut(t.Context(), []fio.File{{Name: "a", Bytes: 1 << 20}}))
	assert.Empty(t, told.String(), "it is there")
	require.NoError(t, tr.layOut(t.Context(), []fio.File{{Name: "a", Bytes: 5 << 20}}))
	st.Size = 0
	require.NoError(t, syscall.Stat(tr.path("a"), &st))
	assert.EqualValues(t, 5<<20, st.Size)
}

func TestLayOutFails(t *testing.T) {
	dir := t.TempDir()
	noise := rand.NewChaCha8([32]byte{1})
	outside := filepath.Join(dir, "outside")
	require.NoError(t, os.WriteFile(outside, []byte("kept"), 0o644))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	require.Error(t, writeOnce(t.Context(), filepath.Join(dir, "link"), 1<<20, noise), "nothing is written through a link")
	text, err := os.ReadFile(outside)
	require.NoError(t, err)
	assert.Equal(t, "kept", string(text))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, writeOnce(ended, filepath.Join(dir, "a"), 1<<20, noise), context.Canceled)
	require.ErrorContains(t, writeOnce(t.Context(), filepath.Join(dir, "b"), 1<<20, bytes.NewReader(nil)), "noise for")
	require.ErrorContains(t, roomless("x", 1<<30, syscall.ENOSPC), "write 1.07 GB to x: no space left on device: make room there")
	require.NotContains(t, roomless("x", 1<<30, syscall.EIO).Error(), "room")
}

// cancelling is noise that ends a context after some reads.
type cancelling struct {
	io.Reader
	left   int
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	if c.left--; c.left == 0 {
		c.cancel()
	}
	return c.Reader.Read(p)
}

// Laying out ends with its context, at the chunk that is under way, and nothing of it stays.
func TestLayOutIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	noise := &cancelling{Reader: rand.NewChaCha8([32]byte{1}), left: 3, cancel: cancel}
	tr, dir, told := treating(t, func(o *Options) { o.Noise, o.ProbeFile = noise, 64<<20 })
	require.ErrorIs(t, tr.Prepare(ctx, nil, true), context.Canceled)
	assert.Zero(t, noise.left, "it goes on")
	assert.NotContains(t, told.String(), "wrote ")
	require.NoError(t, tr.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}
