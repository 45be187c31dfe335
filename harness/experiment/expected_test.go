package experiment_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
)

// hour is the price of a cell of so many hours, which writes as many GB.
func hour(n float64) *record.Price {
	return &record.Price{Seconds: 3600 * n, WrittenBytes: 1e9 * n}
}

// stagesOf is a plan with a cell of an hour in each block of a stage; digests say what is measured.
func stagesOf(hypothesis string, stages ...[]int) *record.Plan {
	p := &record.Plan{Hypothesis: hypothesis, RunID: "a run", Digest: "0123456789abcdef"}
	for i, reps := range stages {
		for _, rep := range reps {
			c := record.NewCell("ctx", 256*(i+1), "rep", rep)
			p.Cells = append(p.Cells, record.PlannedCell{Key: c.String(), Cell: c, Rep: rep, Stage: i + 1, Digest: c.String(), Price: hour(1)})
		}
	}
	return p
}

// spent are blocks, cells, taken cells and hours of each look, and of the first after plans that ended at theirs.
func spent(x experiment.Expected) (out []string) {
	for _, c := range append(x.Looks, x.First) {
		out = append(out, fmt.Sprintf("%d blocks: %d cells, %d taken, %g h, %g GB", c.Blocks, c.Cells, c.Taken, c.Seconds/3600, c.WrittenBytes/1e9))
	}
	return out
}

// Up to a look are measured the blocks of the last stage that it comes after, and all of the stages before it.
func TestExpectedUpToEachLook(t *testing.T) {
	for _, tc := range []struct {
		name  string
		p     *record.Plan
		early []int
		want  []string
	}{
		{"no early look", stagesOf("H", []int{1, 2, 3, 4}), nil,
			[]string{"4 blocks: 4 cells, 0 taken, 4 h, 4 GB", "4 blocks: 4 cells, 0 taken, 4 h, 4 GB"}},
		{"two early ones", stagesOf("H", []int{1, 2, 3, 4}), []int{2, 3},
			[]string{"2 blocks: 2 cells, 0 taken, 2 h, 2 GB", "3 blocks: 3 cells, 0 taken, 3 h, 3 GB",
				"4 blocks: 4 cells, 0 taken, 4 h, 4 GB", "2 blocks: 2 cells, 0 taken, 2 h, 2 GB"}},
		{"a block that screens", stagesOf("H", []int{0}, []int{1, 2, 3, 4}), []int{2},
			[]string{"2 blocks: 3 cells, 0 taken, 3 h, 3 GB", "4 blocks: 5 cells, 0 taken, 5 h, 5 GB",
				"2 blocks: 3 cells, 0 taken, 3 h, 3 GB"}},
		{"a first stage of all blocks", stagesOf("H", []int{1, 2, 3, 4}, []int{1, 2, 3, 4}), []int{2},
			[]string{"2 blocks: 6 cells, 0 taken, 6 h, 6 GB", "4 blocks: 8 cells, 0 taken, 8 h, 8 GB",
				"2 blocks: 6 cells, 0 taken, 6 h, 6 GB"}},
	} {
		x, ok := experiment.Expect(tc.p, config.Run{Reps: 4, EarlyLooks: tc.early}, nil)
		require.True(t, ok, tc.name)
		assert.Equal(t, tc.want, spent(x), tc.name)
		assert.Equal(t, x.Looks[len(x.Looks)-1], x.Most(), tc.name)
	}
	p := stagesOf("H", []int{0}, []int{1})
	p.Cells[1].Price = nil
	_, ok := experiment.Expect(p, config.Run{Reps: 1}, nil)
	assert.False(t, ok, "what a cell costs is not known")
}

// A cell that an earlier plan measures is paid there; where that ends at its first look, it measures those up to it alone.
func TestExpectedCountsEqualCellsOnce(t *testing.T) {
	var known experiment.Known
	first, ok := experiment.Expect(stagesOf("H1", []int{1, 2, 3, 4}), config.Run{Reps: 4, EarlyLooks: []int{2}}, &known)
	require.True(t, ok)
	second, ok := experiment.Expect(stagesOf("H2", []int{1, 2, 3, 4}), config.Run{Reps: 4, EarlyLooks: []int{3}}, &known)
	require.True(t, ok)
	third, ok := experiment.Expect(stagesOf("H3", []int{1, 2, 3, 4}), config.Run{Reps: 4}, &known)
	require.True(t, ok)
	assert.Equal(t, []string{"2 blocks: 2 cells, 0 taken, 2 h, 2 GB", "4 blocks: 4 cells, 0 taken, 4 h, 4 GB",
		"2 blocks: 2 cells, 0 taken, 2 h, 2 GB"}, spent(first))
	assert.Equal(t, []string{"3 blocks: 3 cells, 3 taken, 0 h, 0 GB", "4 blocks: 4 cells, 4 taken, 0 h, 0 GB",
		"3 blocks: 3 cells, 2 taken, 1 h, 1 GB"}, spent(second))
	assert.Equal(t, []string{"4 blocks: 4 cells, 4 taken, 0 h, 0 GB", "4 blocks: 4 cells, 3 taken, 1 h, 1 GB"}, spent(third))

	var b bytes.Buffer
	experiment.PrintExpected(&b, []experiment.Expected{first, second, third})
	assert.Equal(t, "hypothesis  cells  taken over first look, h at most, h at most, TB\n"+
		"H1              4           0          2.00       4.00      0.0040\n"+
		"H2              4           4          1.00       0.00      0.0000\n"+
		"H3              4           4          1.00       0.00      0.0000\n"+
		"all            12           8          4.00       4.00      0.0040\n", b.String())
}

// What is printed of one plan is the cost up to each look, and of a second stage the cells that are expected.
func TestPrintedCost(t *testing.T) {
	at := func(early ...int) *config.Experiment {
		return &config.Experiment{Hypothesis: &config.Hypothesis{Run: config.Run{Reps: 4, EarlyLooks: early}}}
	}
	printed := func(p *record.Plan, e *config.Experiment) string {
		var b bytes.Buffer
		experiment.Print(&b, p, e, "a claim")
		return b.String()
	}
	plan := stagesOf("H", []int{1, 2, 3, 4})
	assert.Contains(t, printed(plan, at()), "\nexpected: 4.00 h of the machine's time; 0.0040 TB written to the drive\n")
	assert.Contains(t, printed(plan, at(2)),
		"\nexpected: 2.00 h of the machine's time and 0.0020 TB written if look 1 of 2 (2 blocks) decides it, "+
			"at most 4.00 h and 0.0040 TB (4 blocks)\n")
	assert.Contains(t, printed(plan, at(2, 3)),
		"\nexpected: 2.00 h of the machine's time and 0.0020 TB written if look 1 of 3 (2 blocks) decides it, "+
			"3.00 h and 0.0030 TB if look 2 (3 blocks) does, at most 4.00 h and 0.0040 TB (4 blocks)\n")
	assert.NotContains(t, printed(plan, at(2)), "second stage")
	plan.Facts.Clock = record.ClockVirtual
	assert.Contains(t, printed(plan, at()),
		"\nexpected: 4.00 h of virtual time; the wall time is a small part of it; 0.0040 TB written to the drive\n")
	assert.Contains(t, printed(plan, at(2)), " (4 blocks); the wall time is a small part of it\n")

	e := at(2)
	e.Hypothesis.Run.Screening = true
	plan = stagesOf("H", []int{0}, []int{1, 2, 3, 4})
	plan.Cells[2].Price = hour(2)
	said := printed(plan, e)
	assert.Contains(t, said, "run id a run, 1 cells in a block that screens, ")
	assert.Contains(t, said, "expected: 4.00 h of the machine's time and 0.0040 TB written if look 1 of 2 (2 blocks) decides it, "+
		"at most 6.00 h and 0.0060 TB (4 blocks)\n"+
		"   1  ctx=256/rep=0   1.000 h   0.00100 TB\n"+
		"then a second stage around what the first finds, such as these 4 cells, 5.00 h, 0.0050 TB:\n"+
		"  4x  ctx=512         1.250 h   0.00125 TB\n")

	// Without prices, what is known is the least that a cell takes.
	e.Hypothesis.Run.Duration, e.Hypothesis.Run.MaxDuration = config.Duration(3600e9), config.Duration(7200e9)
	for i := range plan.Cells {
		plan.Cells[i].Price = nil
	}
	var both strings.Builder
	known := &experiment.Known{}
	b := experiment.BoundsOf(plan, e.Hypothesis.Run, known)
	experiment.PrintBounds(&both, []experiment.Bounds{b, experiment.BoundsOf(plan, e.Hypothesis.Run, known)})
	assert.Regexp(t, `(?m)^H +5 +0 +3\.00 +5\.00 +10\.00 +not known$`, both.String())
	assert.Regexp(t, `(?m)^H +5 +5 +0\.00 +0\.00 +0\.00 +not known$`, both.String(), "cells that an earlier plan measures are measured once")
	assert.Regexp(t, `(?m)^all +10 +5 +3\.00 +5\.00 +10\.00 +not known$`, both.String())
	assert.Contains(t, printed(plan, e), "\nestimated: at least 3.00 h of the machine's time if look 1 (2 blocks) decides it, at least 5.00 h for all 5 cells, "+
		"at most 10.00 h, and what lies between cells, if every warm-up and measure phase takes its longest; "+
		"not known: how long they will take, and what is written to the drive\n   1  ctx=256/rep=0\n"+
		"then a second stage around what the first finds, such as these 4 cells:\n  4x  ctx=512\n")
}
