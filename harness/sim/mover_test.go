package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A load that is dropped when the device has ended its read, and nobody has taken note, is not taken for
// another transfer later.
func TestDropAfterTheDeviceEnded(t *testing.T) {
	disk := NewNVMeDevice(DefaultNVMeParams(), 1)
	d := oneDrive(disk)
	m := newMover(Spec{}, DefaultParams(), d)
	m.enqueue(laneAdapter, job{kind: jobAdapterRead, slot: &loraSlot{adapter: Adapter{Bytes: 1 << 20}}}, 0)
	at := m.next()
	require.NotEqual(t, Never, at)
	disk.advance(at)
	m.dropAdapter(at)
	finished, err := m.advance(at)
	require.NoError(t, err)
	assert.Empty(t, finished)
	assert.InDelta(t, 8*50_700, d.Counters(at).SoftwareNS, 1, "all of its CPU time")
}

// An I/O of the engine costs the modelled drive's own allocations and no more.
func TestModelledIOAllocates(t *testing.T) {
	stream := NVMeStream{ReadShare: 1, IOBytes: 128 << 10, Depth: 1, Sync: true}
	alone := NewNVMeDevice(nvmeQuiet(), 1)
	now := int64(0)
	want := testing.AllocsPerRun(100, func() {
		alone.Start(now, stream, 1<<20)
		now, _ = alone.Next()
		alone.Advance(now)
	})
	d := oneDrive(NewNVMeDevice(nvmeQuiet(), 1))
	ended, taken := newCompletions(), []endedIO(nil)
	blocks := make([]StoredBlock, 8)
	now = 0
	got := testing.AllocsPerRun(100, func() {
		var storage Storage = d
		storage.Submit(now, IO{ID: 1, Blocks: blocks, Bytes: 1 << 20, Stream: stream, ended: ended})
		now = storage.Advance(now)
		storage.Counters(now)
		storage.Advance(now)
		taken = ended.take(taken[:0])
	})
	require.Len(t, taken, 1)
	assert.Equal(t, want, got)
}
