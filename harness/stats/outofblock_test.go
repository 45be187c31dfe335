package stats

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// made are rows of blocks and arms: y is the weighted sum of two columns and of noise with the rest of the variance, beside
// a level of the arm that the first column has, too, and a level of the block.
func made(rng *rand.Rand, blocks, arms, windows int, level, offBlock float64, weights [2]float64) []Rows {
	rest := math.Sqrt(1 - weights[0]*weights[0] - weights[1]*weights[1])
	var out []Rows
	for b := range blocks {
		off := offBlock * rng.NormFloat64()
		for a := range arms {
			r := Rows{Block: fmt.Sprint(b + 1), Arm: fmt.Sprint("arm ", a), Columns: make([][]float64, 2)}
			for range windows {
				u, v := rng.NormFloat64(), rng.NormFloat64()
				r.Columns[0] = append(r.Columns[0], level*float64(a)+u)
				r.Columns[1] = append(r.Columns[1], v)
				r.Y = append(r.Y, level*float64(a)+off+weights[0]*u+weights[1]*v+rest*rng.NormFloat64())
			}
			out = append(out, r)
		}
	}
	return out
}

// What columns explain inside arms comes out block by block, and nothing else does: not the arm's level.
func TestFitOutOfBlock(t *testing.T) {
	rows := made(rand.New(rand.NewPCG(1, 1)), 4, 3, 400, 9, 0, [2]float64{0.8, 0.4})
	fit, err := FitOutOfBlock(rows, []int{1, 1}, 200, 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2", "3", "4"}, fit.Blocks)
	assert.Equal(t, 4*3*400, fit.Windows)
	require.Len(t, fit.Models, 2)
	for b := range fit.Blocks {
		assert.InDelta(t, 1-0.64, fit.Models[0].Unexplained[b], 0.05)
		assert.InDelta(t, 0.64, fit.Models[0].Gain[b], 0.05)
		assert.InDelta(t, 1-0.64-0.16, fit.Models[1].Unexplained[b], 0.04)
		assert.InDelta(t, fit.Models[0].Unexplained[b]-fit.Models[1].Unexplained[b], fit.Models[1].Gain[b], 1e-12)
	}
	for _, m := range fit.Models {
		for _, null := range []Null{m.NullR2, m.NullGain} {
			assert.InDelta(t, 0, null.Mean, 0.01)
			assert.InDelta(t, 1.0/201, null.Above, 1e-12)
			assert.Less(t, null.Hi, 0.02)
			assert.Equal(t, 200, null.Draws)
		}
	}

	// The same rows, of which only the arm's label is left.
	rows = made(rand.New(rand.NewPCG(2, 1)), 4, 3, 400, 9, 0, [2]float64{})
	fit, err = FitOutOfBlock(rows, []int{1, 1}, 200, 1)
	require.NoError(t, err)
	for b := range fit.Blocks {
		assert.InDelta(t, 1, fit.Models[0].Unexplained[b], 0.02)
		assert.InDelta(t, 0, fit.Models[1].Gain[b], 0.02)
	}
	assert.Greater(t, fit.Models[0].NullR2.Above, 0.01)
}

// The block that is predicted has no part in the fit: however far it lies off, the others are fitted as without it, and
// against their mean it is explained by nothing.
func TestPredictedBlockIsUnseen(t *testing.T) {
	rows := made(rand.New(rand.NewPCG(3, 1)), 3, 2, 200, 3, 0, [2]float64{0.6, 0.6})
	first, err := FitOutOfBlock(rows, []int{2}, 100, 1)
	require.NoError(t, err)
	for i, r := range rows {
		if r.Block == "3" {
			rows[i].Y = slices.Clone(r.Y)
			for k := range rows[i].Y {
				rows[i].Y[k] += 50
			}
		}
	}
	moved, err := FitOutOfBlock(rows, []int{2}, 100, 1)
	require.NoError(t, err)
	assert.InDelta(t, 1, moved.Models[0].Unexplained[2], 0.01, "off by 50, by no column")
	assert.InDelta(t, 0.28, first.Models[0].Unexplained[2], 0.1)

	// By hand: one column, one arm, two blocks.
	rows = []Rows{
		{Block: "1", Arm: "a", Y: []float64{1, 2, 3}, Columns: [][]float64{{0, 1, 2}}},
		{Block: "2", Arm: "a", Y: []float64{4, 6, 5}, Columns: [][]float64{{1, 2, 3}}},
	}
	fit, err := FitOutOfBlock(rows, []int{1}, 100, 1)
	require.NoError(t, err)
	// From block 1: mean 2 at 1, slope 1, so block 2 is predicted as 2, 3, 4 and by the mean as 2.
	assert.InDelta(t, (4.0+9+1)/(4+16+9), fit.Models[0].Unexplained[1], 1e-12)
	// From block 2: mean 5 at 2, slope 1/2, so block 1 is predicted as 4, 4.5, 5 and by the mean as 5.
	assert.InDelta(t, (9+6.25+4)/(16+9+4.0), fit.Models[0].Unexplained[0], 1e-12)
}

// Two correlated columns are one fit and not two.
func TestFitOutOfBlockIsJoint(t *testing.T) {
	rows := made(rand.New(rand.NewPCG(4, 1)), 3, 2, 300, 2, 0, [2]float64{0.7, 0.5})
	for i := range rows {
		for k, u := range rows[i].Columns[0] {
			rows[i].Columns[1][k] += 2 * u
		}
	}
	// y - 0.7 u - 0.5 (column 1 - 2 u) is noise.
	fit, err := FitOutOfBlock(rows, []int{2}, 100, 1)
	require.NoError(t, err)
	for b := range fit.Blocks {
		assert.InDelta(t, 1-0.49-0.25, fit.Models[0].Unexplained[b], 0.05)
	}
}

func TestFitOutOfBlockEdges(t *testing.T) {
	good := func() []Rows { return made(rand.New(rand.NewPCG(5, 1)), 2, 2, 20, 2, 0, [2]float64{0.5, 0.5}) }
	levels := good()
	for i := range levels {
		for k := range levels[i].Columns[1] {
			levels[i].Columns[1][k] = float64(len(levels[i].Arm) + i%2)
		}
	}
	var rank *RankError
	_, err := FitOutOfBlock(levels, []int{1, 1}, 100, 1)
	require.True(t, errors.As(err, &rank), "%v", err)
	assert.Equal(t, RankError{Column: 1, Constant: true}, *rank, "an arm's label alone")
	twice := good()
	for i := range twice {
		twice[i].Columns[1] = twice[i].Columns[0]
	}
	_, err = FitOutOfBlock(twice, []int{1, 1}, 100, 1)
	require.True(t, errors.As(err, &rank), "%v", err)
	assert.Equal(t, RankError{Column: 1}, *rank)
	exact := good()
	for i := range exact {
		exact[i].Y = exact[i].Columns[0]
	}
	fit, err := FitOutOfBlock(exact, []int{1, 1}, 100, 1)
	require.NoError(t, err)
	assert.Equal(t, leastUnexplained, fit.Models[0].Unexplained[0])

	for name, c := range map[string]struct {
		rows  func() []Rows
		sets  []int
		draws int
		seed  uint64
		says  string
	}{
		"one block":       {func() []Rows { return good()[:2] }, []int{1, 1}, 100, 1, "two blocks are needed"},
		"one block's arm": {func() []Rows { return good()[:3] }, []int{1, 1}, 100, 1, "no other block has windows of arm 1"},
		"columns":         {good, []int{1}, 100, 1, "1/arm 0: 2 columns for models of 1"},
		"no model":        {good, nil, 100, 1, "without a set"},
		"draws":           {good, []int{1, 1}, 10, 1, "draws"},
		"seed":            {good, []int{1, 1}, 100, 0, "seed"},
		"unequal": {func() []Rows { r := good(); r[1].Columns[0] = r[1].Columns[0][1:]; return r }, []int{1, 1}, 100, 1,
			"1/arm 1: column 0 (from 0) has 19 values for 20"},
		"not measured": {func() []Rows { r := good(); r[3].Y[2] = math.NaN(); return r }, []int{1, 1}, 100, 1, "2/arm 1"},
		"flat": {func() []Rows {
			r := good()
			for i := range r {
				r[i].Y = make([]float64, len(r[i].Y))
			}
			return r
		}, []int{1, 1}, 100, 1, "nothing to explain"},
	} {
		_, err := FitOutOfBlock(c.rows(), c.sets, c.draws, c.seed)
		assert.ErrorContains(t, err, c.says, name)
	}
}

func TestThroughLine(t *testing.T) {
	slope, r2, err := ThroughLine([]float64{1, 2, 3}, []float64{1e9 + 2, 1e9 + 4, 1e9 + 6})
	require.NoError(t, err)
	assert.InDelta(t, 2, slope, 1e-12)
	assert.InDelta(t, 1, r2, 1e-12)
	slope, r2, err = ThroughLine([]float64{0, 1, 2}, []float64{0, 3, 0})
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 0}, []float64{slope, r2})
	slope, r2, err = ThroughLine([]float64{0, 1, 2, 3}, []float64{3, 1, 2, 0})
	require.NoError(t, err)
	assert.InDelta(t, -0.8, slope, 1e-12)
	assert.InDelta(t, 0.64, r2, 1e-12)
	slope, r2, err = ThroughLine([]float64{0, 1, 2}, []float64{7, 7, 7})
	require.NoError(t, err)
	assert.Equal(t, []float64{0, 0}, []float64{slope, r2}, "what does not vary has the slope 0")
	for _, bad := range [][2][]float64{{{1, 1, 1}, {1, 2, 3}}, {{1, 2}, {1, 2}}, {{1, 2, 3}, {1, 2}}, {{1, 2, math.NaN()}, {1, 2, 3}}} {
		_, _, err := ThroughLine(bad[0], bad[1])
		assert.Error(t, err, bad)
	}
}
