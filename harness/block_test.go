package harness

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
			r := openTest(t, smallH6, o)
			t.Run("walk", r.walk)
			rep, err := Replay(smallH6, r.art.dir)
			require.NoError(t, err)
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

func TestFirstBlock(t *testing.T) {
	cells := []PlannedCell{{Key: "a", Rep: 1}, {Key: "b", Rep: 1}, {Key: "c", Rep: 2}, {Key: "d", Rep: 3}}
	first, rest := firstBlock(cells)
	assert.Equal(t, cells[:2], first)
	assert.Equal(t, cells[2:], rest)
	first, rest = firstBlock(cells[:2])
	assert.Equal(t, cells[:2], first)
	assert.Empty(t, rest)
	first, rest = firstBlock(nil)
	assert.Empty(t, first)
	assert.Empty(t, rest)
}
