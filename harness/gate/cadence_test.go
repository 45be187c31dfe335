package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// A cadence is a treatment: the samples of the measure phase show it.
func TestCadenceKept(t *testing.T) {
	cell := func(ms float64, samples int) *evidence.Cell {
		c := &evidence.Cell{PlannedCell: record.PlannedCell{Key: "cell", CadenceMS: ms}}
		c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(0.0), ptr(300.0)
		c.Sys.Measure.Samples = samples
		return c
	}
	for _, tc := range []struct {
		name string
		cell *evidence.Cell
		code string
	}{
		{"as it should be", cell(200, 1500), ""},
		{"one sample at an edge", cell(5000, 59), ""},
		{"5 % less", cell(200, 1424), ""},
		{"more than that", cell(200, 1423), "not_kept"},
		{"another cadence", cell(1000, 1500), "not_kept"},
		{"none swept", cell(0, 1500), "not_swept"},
	} {
		g := gate.CadenceKept(&evidence.Evidence{Exp: goodEvidence().Exp, Cells: []*evidence.Cell{cell(200, 1500), tc.cell}})
		assert.Equal(t, tc.code, g.Code, tc.name)
		assert.Equal(t, tc.code == "", g.Passed, tc.name)
	}
	ev := &evidence.Evidence{Exp: goodEvidence().Exp, Cells: []*evidence.Cell{cell(200, 1501), cell(200, 1423)}}
	ev.Exp.Hypothesis.Gates.CadenceTolerance = 0.051
	assert.True(t, gate.CadenceKept(ev).Passed, "as far off as the gate allows")
}
