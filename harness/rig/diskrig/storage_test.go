package diskrig

import (
	"testing"

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
			stream := sim.NVMeStream{IOBytes: 128 << 10, Depth: 3}
			require.NoError(t, moved(s, sim.IO{ID: 1, Blocks: numbered(blocks), Stream: stream}))
			stream.ReadShare = 1
			require.NoError(t, moved(s, sim.IO{ID: 2, Blocks: numbered(blocks)[2:6], Stream: stream}))
			f := s.Figures()
			assert.EqualValues(t, blocks*block, f.Writes.Bytes)
			assert.EqualValues(t, 2*blocks, f.Writes.IOs)
			assert.EqualValues(t, 4*block, f.Reads.Bytes)
			assert.EqualValues(t, 8, f.Reads.IOs)
			assert.Positive(t, f.Reads.Took)
			assert.Positive(t, f.Reads.Measured)
			assert.Zero(t, f.Reads.Slept, "the stream has no software time")
			read, written := s.Moved(0)
			assert.Equal(t, []uint64{4 * block, blocks * block}, []uint64{read, written})
		})
	}
}
