package harness

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// Where a treatment does not reach the server the run ends after the first block, and says so; where it
// does, every block is measured.
func TestUntreatedRunEndsAfterTheFirstBlock(t *testing.T) {
	for _, tt := range []struct {
		world    string
		measured int
	}{{"default", 16}, {"ignored_tiers", 8}} {
		t.Run(tt.world, func(t *testing.T) {
			o := testOptions(t)
			o.World = tt.world
			concluded, path := execute(t, smallH6, o)
			rep, err := Replay(smallH6, filepath.Dir(path))
			require.NoError(t, err)
			assert.Equal(t, concluded, rep, "from the files alone")
			assert.Equal(t, 16, rep.CellsPlanned)
			assert.Equal(t, tt.measured, rep.CellsMeasured)
			assert.False(t, rep.Interrupted, "it was not")
			if tt.measured == 16 {
				assert.NotEqual(t, verdict.Invalid, rep.Verdict.Outcome)
				for _, f := range rep.Findings {
					assert.NotEqual(t, "ended early", f.Name)
				}
				return
			}
			assert.Equal(t, verdict.Invalid, rep.Verdict.Outcome)
			assert.Contains(t, rep.Verdict.Reasons[0], "treatment")
			require.NotEmpty(t, rep.Findings)
			assert.Equal(t, "ended early", rep.Findings[0].Name)
			assert.Contains(t, rep.Findings[0].Detail, "after the first block, 8 of 16 cells: ")
			assert.Contains(t, rep.Findings[0].Detail, "the others would be Invalid as well")
		})
	}
}

// A hypothesis that refines its sweep sees the whole first stage, once, and its cells are measured.
func TestSecondStage(t *testing.T) {
	o := testOptions(t)
	h := smallH2A
	seen := 0
	h.Refine = func(ev *evidence.Evidence) []record.Cell {
		seen++
		assert.Len(t, ev.Cells, 4)
		return []record.Cell{record.NewCell("ctx", 1024, "conc", 4)}
	}
	rep, path := execute(t, h, o)
	require.NotNil(t, rep)
	assert.Equal(t, 1, seen)
	assert.Equal(t, []int{6, 6}, []int{rep.CellsPlanned, rep.CellsMeasured}, "two repetitions of it")
	p, err := record.ReadPlan(filepath.Dir(path))
	require.NoError(t, err)
	assert.True(t, p.Refined)
	replayed, err := Replay(h, filepath.Dir(path))
	require.NoError(t, err)
	assert.Equal(t, rep, replayed)
}
