package drive

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"sparkharness/harness/record"
)

// A proof's file has no name while it is used: a killed process leaves nothing.
func TestDirectFileHasNoName(t *testing.T) {
	_, dir := direct(t)
	f, err := newDirectFile(t.Context(), dir, SmallProof, 4096, noise())
	require.NoError(t, err)
	assert.Empty(t, entries(dir))
	var st unix.Stat_t
	require.NoError(t, unix.Fstat(int(f.f.Fd()), &st))
	assert.Zero(t, st.Nlink)
	assert.Equal(t, int64(SmallProof), st.Size)
	flags, err := unix.FcntlInt(f.f.Fd(), unix.F_GETFL, 0)
	require.NoError(t, err)
	assert.NotZero(t, flags&unix.O_DIRECT)
	require.NoError(t, f.read(t.Context()))

	// What does not read as it was written is told.
	f.data[chunk+7]++
	require.ErrorContains(t, f.read(t.Context()), "at 1048576 stands something else than was written")
	require.NoError(t, f.close())

	named, err := openUnnamed(dir, os.O_RDWR|unix.O_DIRECT)
	require.NoError(t, err, "where no file can be made without a name")
	assert.Empty(t, entries(dir))
	require.NoError(t, named.Close())
}

// What a killed process has left between a file's making and the loss of its name goes, and nothing else.
func TestSweep(t *testing.T) {
	_, dir := direct(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(at(".sparkharness-proof-1"), nil, 0o600))
	require.NoError(t, os.WriteFile(at(".sparkharness-proof-full"), []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(at("sparkharness-proof-1"), nil, 0o600))
	require.NoError(t, os.Mkdir(at(".sparkharness-proof-dir"), 0o755))
	f, err := newDirectFile(t.Context(), dir, 2*chunk, 4096, noise())
	require.NoError(t, err)
	require.NoError(t, f.close())
	assert.Equal(t, []string{".sparkharness-proof-dir", ".sparkharness-proof-full", "sparkharness-proof-1"}, entries(dir))
}

func TestDirectFileFails(t *testing.T) {
	_, dir := direct(t)
	_, err := newDirectFile(t.Context(), filepath.Join(dir, "none"), SmallProof, 4096, noise())
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = newDirectFile(t.Context(), dir, SmallProof, 4096, strings.NewReader("too little"))
	require.ErrorContains(t, err, "noise for 4194304 bytes")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newDirectFile(ctx, dir, SmallProof, 4096, noise())
	require.ErrorIs(t, err, context.Canceled)
	f := &directFile{dir: dir, data: make([]byte, 5)}
	require.ErrorContains(t, f.roomless(unix.ENOSPC), "write 5 bytes in "+dir+": no space left on device: make room there")
	assert.Empty(t, entries(dir))
}

// throughCache reads and writes a file as most programs do.
type throughCache struct{ f *os.File }

func (c throughCache) write(context.Context) error {
	_, err := c.f.WriteAt(make([]byte, SmallProof), 0)
	return err
}

func (c throughCache) read(context.Context) error {
	_, err := io.Copy(&bytes.Buffer{}, io.NewSectionReader(c.f, 0, SmallProof))
	return err
}

func (c throughCache) close() error { return c.f.Close() }

// The proof can fail on a real drive: where a cache answers, and where the counters are those of another device.
func TestProofThatMustFailOnThisMachine(t *testing.T) {
	d, dir := direct(t)
	f, err := os.Create(filepath.Join(dir, "file"))
	require.NoError(t, err)
	p, err := d.prove(t.Context(), SmallProof, throughCache{f})
	require.NoError(t, f.Close())
	require.NoError(t, err)
	t.Log(p.Fault)
	assert.False(t, p.Within())

	still := ""
	for _, name := range entries("/sys/block") {
		fields := strings.Fields(text("/sys/block", name, "stat"))
		if len(fields) > 6 && fields[2] == "0" && fields[6] == "0" {
			still = name
		}
	}
	if still == "" {
		t.Skip("NOT TESTED ON A REAL DRIVE: no device of this machine stands still")
	}
	others := d.names()
	d.Leaves = []record.DriveLeaf{{Device: record.Device{Name: still}}}
	p, err = d.Prove(t.Context(), SmallProof, noise())
	require.NoError(t, err)
	t.Log(p.Fault)
	shown, known := p.Shown()
	assert.True(t, known)
	assert.False(t, shown || p.Within())
	assert.Contains(t, p.Fault, "the wrong device, for those of "+others[0])
}
