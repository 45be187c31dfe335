package harness

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Cells are rightly aside for a drive that moved where all of a block are, for the reason that their own reads give.
func TestVoidBlocksAreRightlyAside(t *testing.T) {
	plan := &record.Plan{Facts: record.Facts{MaxReadDrift: new(0.1)}}
	cell := func(key string, rep int, start, before, after float64) *evidence.Cell {
		pc := record.PlannedCell{Key: key, Rep: rep, Stage: 1}
		return &evidence.Cell{PlannedCell: pc, Info: record.CellInfo{Cell: key, Start: start,
			Storage: &record.StorageUse{Idle: []record.IdleReads{{MeanUS: before}, {MeanUS: after}}}}}
	}
	cells := []*evidence.Cell{cell("a", 1, 2, 200, 200), cell("b", 1, 1, 100, 200), cell("c", 2, 3, 200, 200), cell("d", 2, 4, 200, 219)}
	for _, c := range cells {
		plan.Cells = append(plan.Cells, c.PlannedCell)
	}
	const void = "the block is void: a read of the idle drive took 100 us on average at its begin (before b) and 200 us at its end (after a), +100 % (allowed 10 % either way)"
	aside := func(cells []*evidence.Cell, why string) *evidence.Evidence {
		ev := &evidence.Evidence{Plan: plan}
		for _, c := range cells {
			ev.Quarantined = append(ev.Quarantined, record.Quarantined{Cell: c.Key, Why: why})
		}
		return ev
	}
	assert.Equal(t, []bool{true, true}, voidBlocks(aside(cells[:2], void), cells[:2]))
	twice := slices.Concat(cells[:2], cells[:2])
	assert.Equal(t, []bool{true, true, true, true}, voidBlocks(aside(twice, void), twice), "two measurements that came out alike")
	assert.Equal(t, []bool{false, false, false, false}, voidBlocks(aside(twice, void+" or so"), twice), "another reason")
	assert.Equal(t, []bool{false}, voidBlocks(aside(cells[1:2], record.Void([]*record.CellInfo{&cells[1].Info}, 0.1)), cells[1:2]), "one cell of two")
	assert.Equal(t, []bool{false, false}, voidBlocks(aside(cells[2:], record.Void([]*record.CellInfo{&cells[2].Info, &cells[3].Info}, 0.1)), cells[2:]), "a drive that stayed")
	plan.Facts.MaxReadDrift = nil
	assert.Equal(t, []bool{false, false}, voidBlocks(aside(cells[:2], void), cells[:2]), "nobody looked")
}

// What a cell is held against that was put aside is what had been measured when it was measured again, not what came of it.
func TestWhenACellWasMeasuredAgain(t *testing.T) {
	cell := func(key string, start float64) *evidence.Cell {
		return &evidence.Cell{PlannedCell: record.PlannedCell{Key: key, Rep: 1, Stage: 1}, Info: record.CellInfo{Cell: key, Start: start}}
	}
	a1, b1, a2, a3, b2, c := cell("a", 1), cell("b", 2), cell("a", 3), cell("a", 5), cell("b", 4), cell("c", 6)
	ev := &evidence.Evidence{Plan: &record.Plan{}, Cells: []*evidence.Cell{a3, b2, c}}
	for _, of := range ev.Cells {
		ev.Plan.Cells = append(ev.Plan.Cells, of.PlannedCell)
	}
	aside := []*evidence.Cell{a1, b1, a2}
	assert.Equal(t, []*evidence.Cell{a1, b1}, whenAgain(ev, aside, 0).Cells)
	assert.Equal(t, []*evidence.Cell{a2, b1}, whenAgain(ev, aside, 1).Cells, "the other was measured again before it")
	assert.Equal(t, []*evidence.Cell{a2, b2}, whenAgain(ev, aside, 2).Cells)
	ev.Cells = ev.Cells[1:]
	assert.Equal(t, []*evidence.Cell{a2, b2, c}, whenAgain(ev, aside, 2).Cells, "it was not: all there is")
}
