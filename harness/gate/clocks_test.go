package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// clocked is one cell with a mean clock; 0 is unknown.
func clocked(stack string, mhz float64, pairs ...any) *evidence.Cell {
	c := &evidence.Cell{}
	c.Cell, c.Stack = record.NewCell(pairs...), stack
	c.Key = c.Cell.String()
	if mhz > 0 {
		c.Sys.BusyClockMHz = &mhz
	}
	return c
}

func TestClocks(t *testing.T) {
	vary := gate.Claim{ClocksVary: true}
	for _, tc := range []struct {
		name   string
		cells  []*evidence.Cell
		claim  gate.Claim
		code   string
		passed bool
		says   string
	}{
		{"alike", []*evidence.Cell{clocked("B", 2400, "fio", "none", "ctx", 1, "rep", 1), clocked("B", 2471, "fio", "heavy", "ctx", 1, "rep", 1)}, gate.Claim{}, "", true,
			"SM clocks while busy differ by at most 3.0 % between arms of a block (allowed 3 %; 2400 MHz in fio=none/ctx=1/rep=1, 2471 MHz in fio=heavy/ctx=1/rep=1)"},
		{"apart", []*evidence.Cell{clocked("B", 2472.1, "fio", "none", "ctx", 1, "rep", 1), clocked("B", 2400, "fio", "heavy", "ctx", 1, "rep", 1)}, gate.Claim{}, "clocks_differ", false,
			"2400 MHz in fio=heavy/ctx=1/rep=1, 2472 MHz in fio=none/ctx=1/rep=1"},
		{"two of three alike", []*evidence.Cell{clocked("B", 2450, "fio", "none", "ctx", 1, "rep", 1), clocked("B", 2450, "fio", "moderate", "ctx", 1, "rep", 1),
			clocked("B", 2000, "fio", "heavy", "ctx", 1, "rep", 1)}, gate.Claim{}, "clocks_differ", false, "22.5 %"},
		{"apart, as they are to be", []*evidence.Cell{clocked("B", 2450, "fio", "none", "ctx", 1, "rep", 1), clocked("B", 2000, "fio", "heavy", "ctx", 1, "rep", 1)}, vary, "", false, "22.5 %"},
		{"blocks differ", []*evidence.Cell{clocked("B", 2450, "fio", "none", "ctx", 1, "rep", 1), clocked("B", 2450, "fio", "heavy", "ctx", 1, "rep", 1),
			clocked("B", 2000, "fio", "none", "ctx", 1, "rep", 2), clocked("B", 2000, "fio", "heavy", "ctx", 1, "rep", 2)}, gate.Claim{}, "", true, "at most 0.0 %"},
		{"loads differ", []*evidence.Cell{clocked("B", 2450, "ctx", 1, "rep", 1), clocked("B", 2000, "ctx", 2, "rep", 1)}, gate.Claim{}, "", true,
			"no two arms of a block under the same load"},
		{"stacks differ", []*evidence.Cell{clocked("A", 2450, "stack", "A", "ctx", 1, "rep", 1), clocked("B", 2000, "stack", "B", "ctx", 1, "rep", 1)}, gate.Claim{}, "", true,
			"no two arms of a block under the same load"},
		{"one unknown", []*evidence.Cell{clocked("B", 2450, "fio", "none", "ctx", 1, "rep", 1), clocked("B", 0, "fio", "heavy", "ctx", 1, "rep", 1)}, gate.Claim{}, "", true,
			"no two arms of a block under the same load; unknown in 1 of 2 cells"},
		{"all unknown", []*evidence.Cell{clocked("B", 0, "fio", "none", "ctx", 1, "rep", 1)}, gate.Claim{}, "", false, "unknown in all cells"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := goodEvidence()
			ev.Cells = tc.cells
			g := gate.Clocks(ev, tc.claim)
			assert.Equal(t, []any{tc.code, tc.passed}, []any{g.Code, g.Passed}, g.Detail)
			assert.Contains(t, g.Detail, tc.says)
			assert.Equal(t, !tc.passed && tc.code == "", g.Grade, "what fails nothing and is not met is a grade")
			if tc.code != "" {
				assert.Equal(t, gate.Inconclusive, g.OnFailure)
			}
		})
	}
}

// A GPU that is held back in all arms alike differs from nothing but what it says it can do.
func TestClockOfAHeldBackGPU(t *testing.T) {
	for name, tc := range map[string]struct {
		busy float64
		most *float64
		code string
	}{
		"held back":           {513, ptr(3003.0), "clock_low"},
		"as fast as it gets":  {2450, ptr(3003.0), ""},
		"half of it":          {1501.5, ptr(3003.0), ""},
		"what it can, untold": {513, nil, ""},
	} {
		ev := goodEvidence()
		for _, c := range ev.Cells {
			c.Sys.BusyClockMHz, c.Sys.MaxClockMHz = ptr(tc.busy), tc.most
		}
		g := gate.Clocks(ev, gate.Claim{ClocksVary: true})
		assert.Equal(t, tc.code, g.Code, name)
		if tc.code != "" {
			assert.Equal(t, gate.Inconclusive, g.OnFailure, name)
			assert.Contains(t, g.Detail, "rep=1: while busy the GPU ran at 513 MHz of the 3003 MHz that it can, and told no reason", name)
		}
	}
}

// A run of before was not asked for its clocks, and shows no such gate.
func TestClocksOfEarlierVersions(t *testing.T) {
	ev := goodEvidence()
	has := func() (found bool) {
		for _, g := range gate.Common(ev, gate.Claim{}) {
			found = found || g.Name == "clocks"
		}
		return found
	}
	assert.True(t, has())
	ev.Exp.Hypothesis.Gates.MaxClockDifference = 0
	assert.False(t, has())
}
