package diskrig

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// What is written under a key is read back under it, in the pieces of the stream, and counted.
func TestBlocksComeBack(t *testing.T) {
	const block, blocks = 256 << 10, 8
	for name, o := range map[string]Options{
		"one file": {KVBlocks: blocks}, "a file a chunk": {KVBlocks: blocks, ChunkBlocks: 2},
	} {
		t.Run(name, func(t *testing.T) {
			o.BlockBytes = block
			s := opened(t, t.TempDir(), o)
			stream := sim.NVMeStream{IOBytes: 128 << 10, Depth: 3, SoftwareNS: 400_000}
			require.NoError(t, moved(s, sim.IO{ID: 1, Blocks: numbered(blocks), Stream: stream}))
			stream.ReadShare, stream.Sync = 1, true
			require.NoError(t, moved(s, sim.IO{ID: 2, Blocks: numbered(blocks)[2:6], Stream: stream}))
			f := s.Figures()
			assert.EqualValues(t, blocks*block, f.Writes.Bytes)
			assert.EqualValues(t, 2*blocks, f.Writes.IOs)
			assert.EqualValues(t, 4*block, f.Reads.Bytes)
			assert.EqualValues(t, 8, f.Reads.IOs)
			assert.Equal(t, 8*400*time.Microsecond, f.Reads.Configured)
			assert.Positive(t, f.Reads.Took)
			assert.Positive(t, f.Reads.Measured)
			read, written := s.Moved(0)
			assert.Equal(t, []uint64{4 * block, blocks * block}, []uint64{read, written})
			c := s.Counters(7)
			assert.EqualValues(t, 7, c.AtNS)
			assert.InDelta(t, float64(f.Reads.Configured+f.Writes.Configured), c.SoftwareNS, 1)
			require.Len(t, c.Stalls, 1)
			assert.InDelta(t, float64(f.Reads.Took), c.Stalls[0].TasksNS, 1, "the reads' alone: the writes were of no task")
			assert.Positive(t, c.Stalls[0].SomeNS)
			assert.LessOrEqual(t, c.Stalls[0].SomeNS, c.Stalls[0].TasksNS)
		})
	}
}

// What is read and written shows in the kernel's counters of the drive, nothing less; on a drive that others use more.
func TestDriveCountsWhatIsMoved(t *testing.T) {
	const block, blocks = 1 << 20, 24
	for name, o := range map[string]Options{"one file": {KVBlocks: blocks}, "a file a chunk": {KVBlocks: blocks, ChunkBlocks: 1}} {
		t.Run(name, func(t *testing.T) {
			o.BlockBytes = block
			s := opened(t, t.TempDir(), o)
			stream := sim.NVMeStream{IOBytes: 128 << 10, Depth: 4}
			sectors := func() (read, written int64) {
				stats, err := s.Diskstats(0)
				require.NoError(t, err)
				require.Len(t, stats, len(s.Drive.Leaves))
				for _, d := range stats {
					read, written = read+int64(d.SectorsRead), written+int64(d.SectorsWritten)
				}
				return read, written
			}
			const asked = blocks * block
			for try := int64(1); ; try++ {
				r0, w0 := sectors()
				stream.ReadShare = 0
				require.NoError(t, moved(s, sim.IO{ID: 2 * try, Blocks: numbered(blocks), Stream: stream}))
				_, w1 := sectors()
				stream.ReadShare = 1
				require.NoError(t, moved(s, sim.IO{ID: 2*try + 1, Blocks: numbered(blocks), Stream: stream}))
				r1, _ := sectors()
				read, written := 512*(r1-r0), 512*(w1-w0)
				t.Logf("read %d, written %d of %d", read, written, asked)
				require.GreaterOrEqual(t, read, int64(asked*98/100), "a cache has answered, or it is another device")
				require.GreaterOrEqual(t, written, int64(asked*98/100))
				if max(read, written) <= asked*102/100 {
					return
				}
				if try == 6 {
					t.Logf("NOT PROVED HERE that no more is moved than asked for: others use the drive")
					return
				}
			}
		})
	}
}

// What does not come back as it was written is a corruption, and says where.
func TestCorruptionIsSeen(t *testing.T) {
	over := func(t *testing.T, path string, at int64, b []byte) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteAt(b, at)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	blocks := numbered(4)
	chunk := chunkName(blocks[1].Key)
	for name, tc := range map[string]struct {
		chunks int
		file   string
		harm   func(t *testing.T, path string)
		want   string
	}{
		"a bit": {file: "kv", harm: func(t *testing.T, path string) { over(t, path, 64<<10+page+100, []byte{0}) },
			want: "kv at 65536: corruption: page 1 is damaged: its checksum does not hold"},
		"another block": {file: "kv", harm: func(t *testing.T, path string) {
			all, err := os.ReadFile(path)
			require.NoError(t, err)
			over(t, path, 64<<10, all[128<<10:192<<10])
		}, want: " is of block b10c000000000002, where block b10c000000000001 ought to be"},
		"a lost page": {file: "kv", harm: func(t *testing.T, path string) { over(t, path, 64<<10+3*page, make([]byte, page)) },
			want: "page 3 is all zeros"},
		"a file that was cut": {file: "kv", harm: func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 96<<10)) },
			want: "corruption: the file ends before byte 131072: it has been cut"},
		"another chunk": {chunks: 1, file: chunk, harm: func(t *testing.T, path string) {
			require.NoError(t, os.Rename(filepath.Join(filepath.Dir(path), filepath.Base(chunkName(blocks[2].Key))), path))
		}, want: "is of block b10c000000000002, where block b10c000000000001 ought to be"},
		"a chunk that has gone": {chunks: 1, file: chunk, harm: func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
			want: "corruption: the file of chunk b10c000000000001 in "},
		"a chunk that was cut": {chunks: 1, file: chunk, harm: func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, page)) },
			want: "corruption: the file ends before byte 32768"},
	} {
		t.Run(name, func(t *testing.T) {
			o := small()
			o.ChunkBlocks = tc.chunks
			s := opened(t, t.TempDir(), o)
			require.NoError(t, moved(s, write(1, blocks)))
			require.NoError(t, moved(s, read(2, blocks)))
			tc.harm(t, filepath.Join(s.Path(), tc.file))
			err := moved(s, read(3, blocks[:2]))
			require.ErrorIs(t, err, ErrCorruption)
			assert.ErrorContains(t, err, tc.want)
			assert.ErrorContains(t, err, s.Path())
		})
	}
}

// A block that is asked for where another one lies, or none yet, is a corruption too.
func TestWrongKey(t *testing.T) {
	s := opened(t, t.TempDir(), small())
	blocks := numbered(2)
	require.ErrorContains(t, moved(s, read(1, blocks)), " holds nothing yet, where block b10c")
	require.NoError(t, moved(s, write(2, blocks)))
	blocks[0].Slot, blocks[1].Slot = blocks[1].Slot, blocks[0].Slot
	require.ErrorIs(t, moved(s, read(3, blocks)), ErrCorruption)
	require.NoError(t, moved(s, write(4, blocks)), "a slot can be written again")
	require.NoError(t, moved(s, read(5, blocks)))
}

// When Cancel returns nothing is read or written for the I/O any more, and a chunk that was not completed has no file.
func TestCancelIsTheEnd(t *testing.T) {
	for name, o := range map[string]Options{"one file": {KVBlocks: 512}, "a file a chunk": {KVBlocks: 512, ChunkBlocks: 1}} {
		t.Run(name, func(t *testing.T) {
			o.BlockBytes = 64 << 10
			s := opened(t, t.TempDir(), o)
			require.NoError(t, moved(s, write(1, numbered(2))))
			var completed atomic.Int32
			io := write(2, numbered(512)[2:])
			io.Stream.SoftwareNS = int64(20 * time.Millisecond) // the whole of it would take many seconds
			s.begin(io, func(error) { completed.Add(1) })
			for s.Figures().Writes.IOs < 20 {
				time.Sleep(time.Millisecond)
			}
			s.Cancel(0, 2)
			after := s.Figures().Writes.IOs
			assert.Less(t, after, int64(1000), "it was given up")
			if s.chunks != nil {
				var files []string
				for _, path := range tree(t, filepath.Join(s.Path(), chunkFolder)) {
					if st, err := os.Stat(filepath.Join(s.Path(), chunkFolder, path)); err == nil && !st.IsDir() {
						files = append(files, path)
					}
				}
				assert.Len(t, files, 2, "those of the first I/O: %v", files)
			}
			time.Sleep(10 * time.Millisecond)
			assert.Equal(t, after, s.Figures().Writes.IOs)
			s.Cancel(0, 2)
			s.Cancel(0, 99)
			require.NoError(t, moved(s, read(3, numbered(2))))
		})
	}
}

// A storage that is closed while I/O is under way waits for it and removes everything.
func TestCloseDuringIO(t *testing.T) {
	dir := t.TempDir()
	onDrive(t, dir)
	s, err := Open(t.Context(), dir, Options{BlockBytes: 64 << 10, KVBlocks: 512, Noise: noise()})
	require.NoError(t, err)
	io := write(1, numbered(512))
	io.Stream.SoftwareNS = int64(100 * time.Millisecond) // a worker is waiting when it is closed
	var ended atomic.Bool
	s.begin(io, func(error) { ended.Store(true) })
	for s.Figures().Writes.IOs < 4 {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, s.Close())
	assert.True(t, ended.Load())
	assert.Less(t, s.Figures().Writes.IOs, int64(1000), "it was given up")
	assert.Empty(t, names(t, dir))
}

// Files that are there before the machine starts are read from it on, and a log is written round and round.
func TestOtherAreas(t *testing.T) {
	o := small()
	o.Adapters, o.WeightsBytes, o.OtherBytes, o.SpillBytes, o.Swaps = []sim.Adapter{adapter("a"), adapter("b")}, 300_000, 1<<20, 256<<10, true
	s := opened(t, t.TempDir(), o)
	file := sim.NVMeStream{ReadShare: 1, IOBytes: 128 << 10, Depth: 1}
	require.NoError(t, moved(s, sim.IO{ID: 1, Area: sim.AreaAdapters, Name: "b", Bytes: 100_000, Stream: file}))
	assert.EqualValues(t, 25*page, s.Figures().Reads.Bytes)
	require.NoError(t, moved(s, sim.IO{ID: 2, Area: sim.AreaWeights, Bytes: 300_000, Stream: file}))
	assert.EqualValues(t, 25*page+74*page, s.Figures().Reads.Bytes)
	assert.EqualValues(t, 1+3, s.Figures().Reads.IOs)
	search := sim.NVMeStream{ReadShare: 1, IOBytes: page, Depth: 1}
	require.NoError(t, moved(s, sim.IO{ID: 3, Area: sim.AreaOther, Bytes: 40 * page, Stream: search}))
	assert.EqualValues(t, 1+3+40, s.Figures().Reads.IOs)
	burst := sim.NVMeStream{IOBytes: 128 << 10, Depth: 8}
	require.NoError(t, moved(s, sim.IO{ID: 4, Area: sim.AreaOther, Bytes: 1 << 20, Stream: burst}))
	require.NoError(t, moved(s, sim.IO{ID: 5, Area: sim.AreaOther, Bytes: 40 * page, Stream: search}))
	require.NoError(t, moved(s, sim.IO{ID: 6, Area: sim.AreaSpill, Bytes: 1_000_000, Stream: burst}), "more than the file is long")
	st, err := s.spill.f.Stat()
	require.NoError(t, err)
	assert.EqualValues(t, 256<<10, st.Size())
	assert.EqualValues(t, 1<<20+whole(1_000_000), s.Figures().Writes.Bytes)
	swap := sim.IO{ID: 7, Area: sim.AreaSwap, Blocks: numbered(3), Stream: burst}
	require.NoError(t, moved(s, swap))
	swap.ID, swap.Stream.ReadShare = 8, 1
	require.NoError(t, moved(s, swap))
	require.ErrorIs(t, moved(s, sim.IO{ID: 9, Blocks: numbered(3), Stream: swap.Stream}), ErrCorruption, "the areas are apart")
	swapped, err := os.ReadFile(s.swap.f.Name())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.kv.f.Name(), swapped, 0o600))
	err = moved(s, sim.IO{ID: 10, Blocks: numbered(3), Stream: swap.Stream})
	require.ErrorContains(t, err, "page 0 is page 0 of another area", "nor is one taken for the other")

	bare := opened(t, t.TempDir(), Options{BlockBytes: 4096})
	for area, io := range map[string]sim.IO{
		"KV tier": {Blocks: numbered(1)}, "file for swapped sequences": {Area: sim.AreaSwap, Blocks: numbered(1)},
		"adapter x": {Area: sim.AreaAdapters, Name: "x", Bytes: 1}, "weights": {Area: sim.AreaWeights, Bytes: 1},
		"file for KV that nobody reads": {Area: sim.AreaSpill, Bytes: 1}, "other file": {Area: sim.AreaOther, Bytes: 1}, "area 9": {Area: 9, Bytes: 1},
	} {
		io.ID, io.Stream = 1, file
		require.EqualError(t, moved(bare, io), "the storage has no "+area+": open it with the options of this machine")
	}
}

// The traffic that the GPU's memory feels is what the drive's counters say.
func TestTraffic(t *testing.T) {
	s := opened(t, t.TempDir(), small())
	for end := time.Now().Add(time.Minute); s.Counters(0).BytesPerSec == 0 && time.Now().Before(end); {
		require.NoError(t, moved(s, write(1, numbered(4))))
	}
	assert.Positive(t, s.Counters(0).BytesPerSec)
}

// What a caller has left out is refused.
func TestOpenRefusesHalfOptions(t *testing.T) {
	dir := t.TempDir()
	onDrive(t, dir)
	require.ErrorContains(t, fails(t, dir, Options{Noise: noise()}), "give the size of a KV block")
	require.ErrorContains(t, fails(t, dir, Options{BlockBytes: 4096}), "give what pages are filled with")
	o := small()
	o.ChunkBlocks = 2
	s := opened(t, dir, o)
	require.ErrorContains(t, moved(s, write(1, numbered(3))), "no whole number of chunks of 2")
}

// A proof settles whose counters are read, and leaves no file.
func TestProve(t *testing.T) {
	s := opened(t, t.TempDir(), small())
	before, err := s.Diskstats(0)
	require.NoError(t, err)
	p, err := s.Prove(t.Context())
	require.NoError(t, err)
	if !p.Within() {
		t.Skipf("NOT PROVED HERE: %s%s", p.Fault, p.Lacking)
	}
	assert.Equal(t, p.Counters, s.devices)
	after, err := s.Diskstats(0)
	require.NoError(t, err)
	require.Len(t, after, len(p.Counters))
	require.Len(t, before, len(p.Counters))
	assert.GreaterOrEqual(t, after[0].SectorsRead-before[0].SectorsRead, uint64(4<<20/512*98/100))
	assert.Greater(t, after[0].WritesCompleted, before[0].WritesCompleted)
	assert.ElementsMatch(t, []string{mark, "kv"}, names(t, s.Path()))
}
