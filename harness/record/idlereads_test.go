package record

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// idleCell is a cell on a drive, with what reads of it took before and after, us; an after of 0: it was not read then.
func idleCell(key, drive string, start, before, after float64) *CellInfo {
	use := &StorageUse{Drive: Drive{Leaves: []DriveLeaf{{Device: Device{Name: drive}}}}, Idle: []IdleReads{{MeanUS: before}}}
	if after > 0 {
		use.Idle = append(use.Idle, IdleReads{MeanUS: after})
	}
	return &CellInfo{Cell: key, Start: start, Storage: use}
}

// Where two drives are compared, each is held against itself, from before its first cell to after its last one; two folders on one drive
// are one drive.
func TestVoidHoldsEachDriveAgainstItself(t *testing.T) {
	const moved = "the block is void: a read of the idle drive took 100 us on average at its begin (before b) and 120 us at its end (after b), +20 % (allowed 10 % either way)"
	a, b := idleCell("a", "nvme0n1", 1, 300, 301), idleCell("b", "nvme1n1", 2, 100, 101)
	assert.Empty(t, Void([]*CellInfo{a, b}, 0.1), "drives may differ: that is what is asked")
	assert.Equal(t, moved, Void([]*CellInfo{a, idleCell("b", "nvme1n1", 2, 100, 120)}, 0.1))
	assert.Contains(t, Void([]*CellInfo{idleCell("a", "nvme0n1", 1, 300, 260), idleCell("b", "nvme1n1", 2, 100, 120)}, 0.1), "(after a), -13 % (allowed 10 % either way); a read of the idle drive took 100 us")
	assert.Contains(t, Void([]*CellInfo{a, idleCell("b", "nvme0n1", 2, 100, 101)}, 0.1), "300 us on average at its begin (before a) and 101 us at its end (after b), -66 %", "one drive, which became another one")
	assert.Contains(t, Void([]*CellInfo{a, idleCell("b", "nvme1n1", 2, 100, 0)}, 0.1), "was not measured")
	assert.Contains(t, Void([]*CellInfo{a, {Cell: "b", Start: 2}}, 0.1), "was not measured", "of a cell that says nothing of its drive")
}
