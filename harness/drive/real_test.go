package drive

import (
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// noise does not compress.
func noise() io.Reader { return rand.NewChaCha8([32]byte{1}) }

// here is the drive of this package's folder, and a folder on it. Where none is, it says so loudly and skips.
func here(t *testing.T) (*Drive, string) {
	t.Helper()
	dir, err := os.MkdirTemp(".", "testdata-of-a-drive-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	d, err := Of(dir, Here())
	if errors.Is(err, ErrNoDrive) || errors.Is(err, errLinux) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: the working directory is on none: %v", err)
	}
	require.NoError(t, err)
	return d, dir
}

// direct is here, for direct I/O. qemu-user hands on no alignment of it (statx's STATX_DIOALIGN), which reads as a drive without.
func direct(t *testing.T) (*Drive, string) {
	t.Helper()
	if under := os.Getenv("SPARKHARNESS_EMULATED"); under != "" {
		t.Skipf("NOT TESTED UNDER %s: it translates no alignment of direct I/O", under)
	}
	return here(t)
}

func TestOfThisMachine(t *testing.T) {
	d, dir := here(t)
	text, err := json.MarshalIndent(d.Drive, "", "  ")
	require.NoError(t, err)
	t.Logf("%s", text)
	require.NotEmpty(t, d.Leaves)
	assert.NotEmpty(t, d.FileSystem)
	for _, l := range d.Leaves {
		assert.NotEmpty(t, l.Name)
		assert.NotNil(t, l.LogicalBlockBytes)
		assert.NotNil(t, l.SizeBytes)
	}
	_, err = Of(dir+"/none", Here())
	require.ErrorContains(t, err, "make the directory first")
	_, err = Of("real_test.go", Here())
	require.ErrorContains(t, err, "is no directory")
	for _, memory := range []string{"/dev/shm", "/proc"} {
		_, err = Of(memory, Here())
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.ErrorIs(t, err, ErrNoDrive, memory)
		require.ErrorContains(t, err, "choose a directory on a local drive")
	}
}

// Bytes that are written and read past the cache show in the drive's counters as they are: nothing less, and on a drive
// that others use more.
func TestProveOnThisMachine(t *testing.T) {
	d, dir := direct(t)
	for name, size := range map[string]int64{"small": SmallProof, "full": FullProof} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			p, err := d.Prove(t.Context(), size, noise())
			require.NoError(t, err)
			t.Logf("%v: written %.0f of %.0f, read %.0f of %.0f, counters %v, tries %d, fault %q", time.Since(start).Round(time.Millisecond),
				*p.WriteBytes, p.AskedWriteBytes, *p.ReadBytes, p.AskedReadBytes, p.Counters, p.Tries, p.Fault)
			shown, known := p.Shown()
			assert.True(t, shown && known, "the counters moved by less than was read or written")
			assert.NotEmpty(t, p.Counters)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, left)
			if !p.Within() {
				t.Logf("NOT PROVED HERE: %s", p.Fault)
				assert.Contains(t, p.Fault, "other programs")
			}
			b, err := d.Source(&p)
			require.NoError(t, err)
			assert.NoError(t, b.Sample(t.Context(), &record.SysSample{}))
			require.NoError(t, b.Close())
		})
	}
	_, err := d.Prove(t.Context(), SmallProof+1, noise())
	require.ErrorContains(t, err, "must be a multiple of")
}
