package evidence

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// strataEvidence are two repetitions of one arm, and the first repetition of another that lacks its first window.
func strataEvidence() *Evidence {
	ev := windowedEvidence(60)
	other := windowedCell(1, 60)
	other.Cell, other.Key = record.NewCell("conc", 2, "rep", 1), "other"
	for i := range other.Windows {
		other.Windows[i].TTFT[0] *= 10
	}
	other.Windows[0].TTFT = nil
	ev.Cells = append(ev.Cells, other)
	return ev
}

// What a window is called is what it is: of two requests the slower one, and no point between them.
func TestSlowestIsARequest(t *testing.T) {
	w := Window{TTFT: []float64{300, 700, 200}}
	assert.Equal(t, 700.0, w.Slowest())
	ev := strataEvidence()
	set := ev.Windows(ev.Groups())
	assert.Equal(t, math.Log(100), set.Slowest(true)[0][0].V)
}

// An arm of a block is a cell, and its windows stay in order.
func TestStrataAreCells(t *testing.T) {
	ev := strataEvidence()
	set := ev.Windows(ev.Groups())
	times := set.of(func(p placed) float64 { return p.w.At })
	strata := set.Strata(times, set.Slowest(false))
	require.Len(t, strata, 3)
	assert.Equal(t, stats.Stratum{Block: "1", Arm: "conc=1", X: []float64{0, 10, 20, 30, 40, 50}, Y: []float64{100, 200, 300, 400, 500, 600}}, strata[0])
	assert.Equal(t, stats.Stratum{Block: "1", Arm: "conc=2", X: []float64{10, 20, 30, 40, 50}, Y: []float64{2000, 3000, 4000, 5000, 6000}}, strata[1])
	assert.Equal(t, []string{"2", "conc=1"}, []string{strata[2].Block, strata[2].Arm})

	rows := set.Rows(set.Slowest(false), [][]stats.Rep{times, set.Slowest(true)})
	require.Len(t, rows, 3)
	for i, r := range rows {
		assert.Equal(t, []string{strata[i].Block, strata[i].Arm}, []string{r.Block, r.Arm})
		assert.Equal(t, [][]float64{strata[i].X, strata[i].Y}, [][]float64{r.Columns[0], r.Y})
		assert.Equal(t, math.Log(r.Y[1]), r.Columns[1][1])
	}
}

// Permuted, an arm's requests are those that it had, of other windows, the same whoever asks; readings stay where they were, and no
// window's requests leave their arm or block.
func TestPermutedIsOfAnArm(t *testing.T) {
	ev := strataEvidence()
	was := ev.Windows(ev.Groups())
	set := ev.Permuted().Windows(ev.Groups())
	times := set.of(func(p placed) float64 { return p.w.At })
	before, after := was.Strata(times, was.Slowest(false)), set.Strata(times, set.Slowest(false))
	for i := range before {
		assert.Equal(t, before[i].X, after[i].X)
		assert.ElementsMatch(t, before[i].Y, after[i].Y)
		assert.NotEqual(t, before[i].Y, after[i].Y)
	}
	assert.NotEqual(t, after[0].Y, after[2].Y, "an order for each block")
	assert.Equal(t, set.Slowest(true), ev.Permuted().Until(9).Windows(ev.Groups()).Slowest(true))
	ev.Exp.Hypothesis.Run.Screening = true
	assert.Equal(t, set.Slowest(false), ev.Permuted().Deciding().Windows(ev.Groups()).Slowest(false))
	ev.Exp.Hypothesis.Run.Seed++
	assert.NotEqual(t, set.Slowest(false), ev.Permuted().Windows(ev.Groups()).Slowest(false))
	assert.Equal(t, was.Slowest(false), ev.Windows(ev.Groups()).Slowest(false))
}

// Blocks are found by their name, wherever they stand, and one that is not there has no value.
func TestInBlock(t *testing.T) {
	of := InBlock([]string{"2", "1"}, []float64{20, 10})
	for rep, want := range map[int]float64{1: 10, 2: 20} {
		v, err := of(rep)
		require.NoError(t, err)
		assert.Equal(t, want, v)
	}
	_, err := of(3)
	assert.ErrorIs(t, err, errNoWindow)
}
