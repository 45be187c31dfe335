package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A load that is dropped when the device has ended its read, and nobody has taken note, is not taken for
// another transfer later.
func TestDropAfterTheDeviceEnded(t *testing.T) {
	disk := NewNVMeDevice(DefaultNVMeParams(), 1)
	m := newMover(Spec{}, DefaultParams(), oneDrive(disk))
	m.enqueue(laneAdapter, job{kind: jobAdapterRead, slot: &loraSlot{adapter: Adapter{Bytes: 1 << 20}}}, 0)
	at, ok := m.next()
	assert.True(t, ok)
	disk.advance(at)
	m.dropAdapter(at)
	assert.Empty(t, m.advance(at))
	assert.InDelta(t, 8*50_700, m.softwareAt(at), 1, "all of its CPU time")
}
