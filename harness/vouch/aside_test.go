package vouch

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
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
	other := []*evidence.Cell{cell("b", 1, 1, 100, 100), cell("b", 1, 2, 100, 200)}
	moved := record.Void([]*record.CellInfo{&other[0].Info, &other[1].Info}, 0.1)
	assert.Equal(t, []bool{false, false}, voidBlocks(aside(other, moved), other), "two measurements of one cell are no block")
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

// disturbed is a cell of a comparison of fio on one machine, before whose load a read of the probe took so long, us.
func disturbed(level string, rep int, start, us float64) *evidence.Cell {
	c := &evidence.Cell{}
	c.Cell = record.NewCell("fio", level, "conc", 8, "rep", rep)
	c.Key, c.Rep, c.Fio, c.Stack, c.Stage = c.Cell.String(), rep, level, "B", 1
	c.Info = record.CellInfo{Start: start, Cell: c.Key, Fio: &record.FioRun{}, Probe: &record.ProbeRun{Bytes: 1, PerS: 20}}
	if level != "none" {
		c.Info.Fio.Jobs, c.Sys.Measure.FioSeconds = []string{level}, 100
	}
	c.Sys.AliveAtStart, c.Sys.AliveAtEnd, c.Sys.Measure.Seconds = true, true, 100
	c.Sys.Baseline.NVMeSeconds, c.Sys.Baseline.ProbeReads, c.Sys.Baseline.ProbeUS = 10, 600, 600*us
	return c
}

// Cells that were put aside together are held against one another as they were: measured again, one may follow fio, and tell nothing of an
// undisturbed drive any more.
func TestCellsPutAsideTogether(t *testing.T) {
	ev := &evidence.Evidence{Exp: &config.Experiment{Hypothesis: &config.Hypothesis{}}, Plan: &record.Plan{Facts: record.Facts{Clock: record.ClockReal}}}
	gates := &ev.Exp.Hypothesis.Gates
	*gates = config.Gates{MaxAgain: 2, MaxAgainShare: 0.2, MaxCarryOver: 0.2, MaxSendLag: config.Duration(1e9), MaxBaselineRPS: 50, MaxBaselineFactor: 3, BaselineNoiseRPS: 10}
	for rep := 1; rep <= 7; rep++ {
		for _, level := range []string{"none", "heavy"} {
			ev.Plan.Cells = append(ev.Plan.Cells, disturbed(level, rep, 0, 0).PlannedCell)
		}
	}
	n1, h1, n2, h2 := disturbed("none", 1, 1000, 1000), disturbed("heavy", 1, 1010, 600), disturbed("none", 2, 1020, 1000), disturbed("heavy", 2, 1030, 600)
	ev.Cells = []*evidence.Cell{n1, h1, n2, h2}
	again := gate.Again(ev)
	require.Len(t, again, 2, "%v", again)
	require.Equal(t, []string{n1.Key, n2.Key}, []string{again[0].Cell, again[1].Cell}, "n1, h1 and h2 follow no fio")

	aside := []*evidence.Cell{n1, n2}
	for _, f := range again {
		ev.Quarantined = append(ev.Quarantined, record.Quarantined{Cell: f.Cell, Why: f.String(), Measured: 4})
	}
	ev.Cells = []*evidence.Cell{disturbed("none", 1, 1040, 600), h1, disturbed("none", 2, 1050, 600), h2}
	assert.Empty(t, unjustified(ev, aside))
	ev.Quarantined[1].Measured = 5
	assert.Equal(t, []int{1}, unjustified(ev, aside), "after another one had been measured again only two were left that tell what undisturbed is")
}

// A block that is void by what its cells say, and was kept all the same, is told of.
func TestKeptVoid(t *testing.T) {
	plan := &record.Plan{Facts: record.Facts{MaxReadDrift: new(0.1)}}
	ev := &evidence.Evidence{Plan: plan}
	for i, after := range []float64{300, 200, 300} {
		c := &evidence.Cell{PlannedCell: record.PlannedCell{Key: string(rune('a' + i)), Rep: i, Stage: 1}}
		c.Info = record.CellInfo{Cell: c.Key, Start: float64(i), Storage: &record.StorageUse{Idle: []record.IdleReads{{MeanUS: 200}, {MeanUS: after}}}}
		plan.Cells, ev.Cells = append(plan.Cells, c.PlannedCell), append(ev.Cells, c)
	}
	why := KeptVoid(ev)
	require.Len(t, why, 1, "of block 0, 1 and 2 the first only screens")
	assert.Contains(t, why[0], "block 2: the block is void: a read of the idle drive took 200 us on average at its begin (before c)")
	plan.Cells = append(plan.Cells, record.PlannedCell{Key: "d", Rep: 2, Stage: 1})
	assert.Empty(t, KeptVoid(ev), "it is not whole")
	plan.Facts.MaxReadDrift = nil
	assert.Empty(t, KeptVoid(ev))
}
