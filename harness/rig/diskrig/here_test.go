package diskrig

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/drive"
	"sparkharness/harness/sim"
)

// noise does not compress.
func noise() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{1}) }

// opened is a storage in a directory until the test ends, after which nothing of it is left. Where the directory is on no
// drive, it says so loudly and skips.
func opened(t testing.TB, dir string, o Options) *Storage {
	t.Helper()
	onDrive(t, dir)
	o.Noise = noise()
	s, err := Open(t.Context(), dir, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, s.Close())
		assert.Empty(t, names(t, dir))
	})
	return s
}

// onDrive skips a test whose directory is on no drive.
func onDrive(t testing.TB, dir string) *drive.Drive {
	t.Helper()
	d, err := drive.Of(dir, drive.Here())
	if errors.Is(err, drive.ErrNoDrive) {
		t.Skipf("NOT TESTED ON A REAL DRIVE: the folder for temporary files is on none, set TMPDIR: %v", err)
	}
	require.NoError(t, err)
	return d
}

// moved is the end of an I/O.
func moved(s *Storage, io sim.IO) error {
	ended := make(chan error, 1)
	s.begin(io, func(err error) { ended <- err })
	return <-ended
}

// numbered are blocks in the slots from 0 up, each with a key of its own.
func numbered(n int) []sim.StoredBlock {
	blocks := make([]sim.StoredBlock, n)
	for i := range blocks {
		blocks[i] = sim.StoredBlock{Key: 0xb10c<<48 + uint64(i), Slot: int32(i)}
	}
	return blocks
}

// names are what a directory holds.
func names(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// write and read are I/Os of a loader of 32 KiB, two at a time.
func write(id int64, blocks []sim.StoredBlock) sim.IO {
	return sim.IO{ID: id, Blocks: blocks, Stream: sim.NVMeStream{IOBytes: 32 << 10, Depth: 2}}
}

func read(id int64, blocks []sim.StoredBlock) sim.IO {
	io := write(id, blocks)
	io.Stream.ReadShare = 1
	return io
}
