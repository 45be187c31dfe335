package diskrig

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// adapter is a small adapter.
func adapter(name string) sim.Adapter { return sim.Adapter{Name: name, Bytes: 100_000} }

// No more is taken than a share of the free space, and what does not fit is told with what would.
func TestRoom(t *testing.T) {
	const gib = 1 << 30
	o := Options{BlockBytes: 1 << 20, KVBlocks: 1024, WeightsBytes: gib, Adapters: []sim.Adapter{adapter("a")}}
	adapterBytes := int64(25 * page) // 100,000 in whole pages
	assert.Equal(t, 2*gib+adapterBytes, o.needs())
	left, err := o.room("/d", 11*gib)
	require.NoError(t, err)
	assert.EqualValues(t, 11*gib/5-2*gib-adapterBytes, left.left.Load())
	_, err = o.room("/d", 10*gib)
	require.EqualError(t, err, "the storage needs 2.0 GiB in /d, which has 10.0 GiB free, of which at most a share of 0.2 is taken (2.0 GiB): "+
		"make tier 2 smaller, make room, or allow a larger share; a tier 2 of 1023 MiB would fit")
	o.Share = 1
	_, err = o.room("/d", 10*gib)
	require.NoError(t, err)
	_, err = o.room("/d", gib)
	require.EqualError(t, err, "the storage needs 2.0 GiB in /d, which has 1.0 GiB free, of which at most a share of 1 is taken (1.0 GiB): "+
		"make tier 2 smaller, make room, or allow a larger share", "not even without")
	for _, share := range []float64{-0.1, 1.5} {
		o.Share = share
		_, err = o.room("/d", 100*gib)
		require.ErrorContains(t, err, "it must be above 0 and at most 1")
	}
}

// A storage without the space is refused before anything is written.
func TestNoRoomForTheTier(t *testing.T) {
	dir := t.TempDir()
	onDrive(t, dir)
	o := small()
	o.KVBlocks = 1 << 30 // 64 TiB
	require.ErrorContains(t, fails(t, dir, o), "make tier 2 smaller")
	assert.Empty(t, names(t, dir))
}

// Writes that are queued beyond the tier lengthen its file, until the share of the free space is used up.
func TestQueuedWritesLengthenTheFile(t *testing.T) {
	s := opened(t, t.TempDir(), small())
	blocks := numbered(7)
	s.kv.room.left.Store(2 * s.o.stride())
	require.NoError(t, moved(s, write(1, blocks[:6])))
	require.NoError(t, moved(s, read(2, blocks[:6])))
	err := moved(s, write(3, blocks[6:]))
	require.ErrorIs(t, err, errNoRoom)
	require.ErrorContains(t, err, "slot 6 is beyond the share of the free space")
}

// A drive that is full is told with what to do about it, another error as it is; both name the file once.
func TestLocated(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "kv"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	for number, want := range map[syscall.Errno]string{
		syscall.ENOSPC: "write " + f.Name() + " at 4096: no space left on device: make room on the drive, or make tier 2 smaller",
		syscall.EDQUOT: "write " + f.Name() + " at 4096: disk quota exceeded: make room on the drive, or make tier 2 smaller",
		syscall.EIO:    "write " + f.Name() + " at 4096: input/output error",
	} {
		err := located(&os.PathError{Op: "write", Path: f.Name(), Err: number}, true, f, page)
		require.EqualError(t, err, want)
		require.ErrorIs(t, err, number)
	}
	require.EqualError(t, located(syscall.EIO, false, f, 0), "read "+f.Name()+" at 0: input/output error")
}
