package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// Rows are the windows of one arm in one block of an experiment, in order of time: what is to be explained, and the
// columns that may explain it, Columns[j][i] being column j in window i.
type Rows struct {
	Block, Arm string
	Y          []float64
	Columns    [][]float64
}

// OutOfBlock are nested linear models of Y inside arms, judged on blocks that their fit has not seen.
type OutOfBlock struct {
	Blocks  []string // their names, in order of first appearance
	Windows int
	Models  []BlockModel
}

// BlockModel is one of the models.
type BlockModel struct {
	// Unexplained are one a block, above 0: the squared errors of prediction over those of the arm's own mean, 1 - R2, for
	// NewBlocks on the scale Log. Above 1 the model is worse than the mean.
	Unexplained []float64
	// Gain are one a block: R2 less that of the model before, of the first model R2.
	Gain []float64
	// NullR2 and NullGain are R2 (1 less the geometric mean of Unexplained) and the mean gain where Y of each arm is turned
	// against its columns, as RelateWithinArms does.
	NullR2, NullGain Null
}

// leastUnexplained stands for what a model that fits exactly leaves unexplained: rounding.
const leastUnexplained = 1e-9

// FitOutOfBlock fits nested linear models of Y, of which model k has the first sets[0] + ... + sets[k] columns, to all blocks
// but one and predicts that one, for each block in turn.
//
// Y and columns enter less the mean of their arm over the blocks of the fit: an arm's label explains nothing. The block that
// is predicted has no part in those means; with means over all blocks it would be predicted by its own values. What is
// compared with is the same mean, so that R2 is what columns add to knowing the arm, in a block that nobody has seen: windows
// inside an arm, and how far a block lies off the others.
//
// A column that is constant within arms, or a combination of those before it, is a *RankError. Fewer than two blocks, an arm
// that is in one block only, rows of unequal length or not finite, and a block in which Y is its arm's mean are errors.
func FitOutOfBlock(rows []Rows, sets []int, draws int, seed uint64) (OutOfBlock, error) {
	switch {
	case draws < minDraws:
		return OutOfBlock{}, fmt.Errorf("permutation with %d draws: set at least %d", draws, minDraws)
	case seed == 0:
		return OutOfBlock{}, fmt.Errorf("permutation without a seed: set one, so that the result can be computed again")
	case len(sets) == 0:
		return OutOfBlock{}, fmt.Errorf("models without a set of columns: give one for each")
	}
	out := OutOfBlock{Models: make([]BlockModel, len(sets))}
	upTo := make([]int, len(sets)) // columns of each model
	for k, n := range sets {
		upTo[k] = n
		if k > 0 {
			upTo[k] += upTo[k-1]
		}
	}
	for _, r := range rows {
		if err := r.check(upTo[len(upTo)-1]); err != nil {
			return OutOfBlock{}, fmt.Errorf("windows of %s/%s: %w", r.Block, r.Arm, err)
		}
		if len(r.Y) > 0 && !slices.Contains(out.Blocks, r.Block) {
			out.Blocks = append(out.Blocks, r.Block)
		}
		out.Windows += len(r.Y)
	}
	if len(out.Blocks) < 2 {
		return OutOfBlock{}, fmt.Errorf("models out of block: %w: two blocks are needed", ErrNoData)
	}
	targets := turnedTargets(rows, draws, seed)
	unexplained := make([][][]float64, len(sets)) // by model, block and target
	for _, b := range out.Blocks {
		each, err := predictBlock(rows, b, upTo, targets)
		if err != nil {
			return OutOfBlock{}, fmt.Errorf("block %s predicted by the others: %w", b, err)
		}
		for k := range sets {
			unexplained[k] = append(unexplained[k], each[k])
		}
	}
	for k := range sets {
		var before [][]float64
		if k > 0 {
			before = unexplained[k-1]
		}
		out.Models[k] = newBlockModel(before, unexplained[k])
	}
	return out, nil
}

func (r Rows) check(columns int) error {
	if len(r.Columns) != columns {
		return fmt.Errorf("%d columns for models of %d", len(r.Columns), columns)
	}
	if err := allFinite("regression", r.Y); err != nil {
		return err
	}
	for j, c := range r.Columns {
		if len(c) != len(r.Y) {
			return fmt.Errorf("column %d (from 0) has %d values for %d of y", j, len(c), len(r.Y))
		}
		if err := allFinite(fmt.Sprintf("regression: column %d (from 0)", j), c); err != nil {
			return err
		}
	}
	return nil
}

// turnedTargets are, for each of the rows, Y as it is and then as each draw turns it.
func turnedTargets(rows []Rows, draws int, seed uint64) [][][]float64 {
	rng := rand.New(rand.NewPCG(seed, streamFirst))
	out := make([][][]float64, len(rows))
	for i, r := range rows {
		out[i] = [][]float64{r.Y}
	}
	for range draws {
		for i, r := range rows {
			y := r.Y
			if n := len(y); n > 0 {
				by := rng.IntN(n)
				y = slices.Concat(y[by:], y[:by])
			}
			out[i] = append(out[i], y)
		}
	}
	return out
}

// predictBlock is what each model, fitted to the other blocks, leaves unexplained of a block, by model and target.
func predictBlock(rows []Rows, block string, upTo []int, targets [][][]float64) ([][]float64, error) {
	columns := upTo[len(upTo)-1]
	// Turning keeps the mean of an arm, so that one mean serves all targets.
	type means struct {
		n int
		y float64
		x []float64
	}
	arms := map[string]*means{}
	for _, r := range rows {
		if r.Block == block {
			continue
		}
		m := arms[r.Arm]
		if m == nil {
			m = &means{x: make([]float64, columns)}
			arms[r.Arm] = m
		}
		m.n += len(r.Y)
		m.y += floats.Sum(r.Y)
		for j := range m.x {
			m.x[j] += floats.Sum(r.Columns[j])
		}
	}
	for _, m := range arms {
		m.y /= float64(m.n)
		floats.Scale(1/float64(m.n), m.x)
	}
	less := func(v []float64, mean float64, into []float64) []float64 {
		for _, x := range v {
			into = append(into, x-mean)
		}
		return into
	}
	fit, seen := make([][]float64, columns), make([][]float64, columns) // columns of the fit, and of the block
	raw := make([]float64, columns)                                     // squared lengths before the means were taken
	for _, r := range rows {
		m := arms[r.Arm]
		switch {
		case len(r.Y) == 0:
			continue
		case m == nil || m.n == 0:
			return nil, fmt.Errorf("%w: no other block has windows of %s", ErrNoData, r.Arm)
		}
		for j := range fit {
			if r.Block == block {
				seen[j] = less(r.Columns[j], m.x[j], seen[j])
				continue
			}
			fit[j] = less(r.Columns[j], m.x[j], fit[j])
			raw[j] += floats.Dot(r.Columns[j], r.Columns[j])
		}
	}
	if err := orthogonal(fit, seen, raw); err != nil {
		return nil, err
	}
	out := make([][]float64, len(upTo))
	for t := range targets[0] {
		var y, rest []float64
		for i, r := range rows {
			if len(r.Y) == 0 {
				continue
			}
			if r.Block == block {
				rest = less(targets[i][t], arms[r.Arm].y, rest)
			} else {
				y = less(targets[i][t], arms[r.Arm].y, y)
			}
		}
		whole := floats.Dot(rest, rest)
		if whole == 0 {
			return nil, fmt.Errorf("%w: y is the mean of its arm throughout, so there is nothing to explain", ErrNoData)
		}
		j := 0
		for k, n := range upTo {
			for ; j < n; j++ {
				floats.AddScaled(rest, -floats.Dot(fit[j], y), seen[j])
			}
			out[k] = append(out[k], max(floats.Dot(rest, rest)/whole, leastUnexplained))
		}
	}
	return out, nil
}

// orthogonal makes the columns of a fit orthonormal, in place and in their order, by modified Gram-Schmidt with
// reorthogonalisation as OLS does, and does to those of the block what makes them the same combinations.
func orthogonal(fit, seen [][]float64, raw []float64) error {
	for j, column := range fit {
		length := floats.Norm(column, 2)
		if length <= rankTolerance*math.Sqrt(raw[j]) {
			return &RankError{Column: j, Constant: true}
		}
		for i, part := range project(column, fit[:j]) {
			floats.AddScaled(seen[j], -part, seen[i])
		}
		rest := floats.Norm(column, 2)
		if rest <= rankTolerance*length {
			return &RankError{Column: j}
		}
		floats.Scale(1/rest, column)
		floats.Scale(1/rest, seen[j])
	}
	return nil
}

// newBlockModel gathers what a model and the one before it leave unexplained, by block and target; nil before the first.
func newBlockModel(before, after [][]float64) BlockModel {
	var m BlockModel
	targets := len(after[0])
	r2, gain := make([]float64, targets), make([]float64, targets)
	for b := range after {
		for t, u := range after[b] {
			was := 1.0
			if before != nil {
				was = before[b][t]
			}
			if t == 0 {
				m.Unexplained, m.Gain = append(m.Unexplained, u), append(m.Gain, was-u)
			}
			r2[t] += math.Log(u) / float64(len(after))
			gain[t] += (was - u) / float64(len(after))
		}
	}
	for t := range r2 {
		r2[t] = 1 - math.Exp(r2[t])
	}
	m.NullR2, m.NullGain = nullOf(r2[0], r2[1:]), nullOf(gain[0], gain[1:])
	return m
}
