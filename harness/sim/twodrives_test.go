package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Of a KV tier on two drives a prefix lies whole on one of them, whatever its later blocks, and as many lie on the system's drive
// as the share says.
func TestKVTierOnTwoDrives(t *testing.T) {
	onSystem := func(share float64) int {
		p := DefaultParams()
		p.Mechanisms.KVOnSecondDrive, p.Mechanisms.KVSystemDriveShare = true, share
		d := newDrives(p, 1)
		n := 0
		for i := range uint64(1000) {
			first := StoredBlock{Key: i * 0x9e3779b97f4a7c15, Slot: int32(i)}
			on := d.of(IO{Area: AreaKV, Blocks: []StoredBlock{first}})
			assert.Same(t, on, d.of(IO{Area: AreaKV, Blocks: []StoredBlock{first, {Key: ^i}}}))
			if on == d.system {
				n++
			}
		}
		assert.Same(t, d.kv, d.of(IO{Area: AreaSwap, Blocks: []StoredBlock{{}}}), "only the tier is shared")
		assert.Same(t, d.system, d.of(IO{Area: AreaWeights}))
		return n
	}
	assert.Zero(t, onSystem(0))
	assert.InDelta(t, 300, onSystem(0.3), 30)
	assert.InDelta(t, 900, onSystem(0.9), 30)
}
