package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
)

// explainedBy makes y = x1 + gain*x2 + noise, whose level differs between repetitions by between.
func explainedBy(rng *rand.Rand, reps, n int, between, gain float64) (y, x1, x2 []Rep) {
	x1, x2 = series(rng, reps, n, 0), series(rng, reps, n, 0)
	return plus(plus(series(rng, reps, n, between), 1, x1), gain, x2), x1, x2
}

// Leaving out rows D, the residuals of prediction are (I - H_DD)^-1 e_D of the whole fit's residuals e and
// hat matrix H (Cook & Weisberg 1982, Residuals and Influence in Regression, section 3.6). The
// cross-validation, which fits anew for each fold, must give the same.
func TestCrossValidationAgreesWithTheHatMatrix(t *testing.T) {
	y, x1, x2 := explainedBy(rand.New(rand.NewPCG(1, 1)), 3, 30, 0.5, 0.7)
	sets := [][][]Rep{{x1}, {x2, plus(x2, 1, series(rand.New(rand.NewPCG(1, 2)), 3, 30, 0))}}
	for name, c := range map[string]struct {
		fold  Fold
		of    func(rep int, p Point) int
		boot  Bootstrap
		folds int
	}{
		"repetition": {FoldRepetition, func(rep int, _ Point) int { return rep }, testBoot, 3},
		// 290 s in blocks of 20 s are 14.5, so 15 of 19.33 s.
		"block": {FoldBlock, func(rep int, p Point) int { return 15*rep + min(int(p.T/290*15), 14) }, testBoot, 45},
	} {
		got, err := c.boot.CrossValidatedR2(y, c.fold, sets...)
		require.NoError(t, err)
		press := func(columns ...[]Rep) float64 {
			var design, ys []float64
			members := make([][]int, c.folds)
			for r, rep := range y {
				for i, p := range rep {
					f := c.of(r, p)
					members[f] = append(members[f], len(ys))
					ys, design = append(ys, p.V), append(design, 1)
					for _, column := range columns {
						design = append(design, column[r][i].V)
					}
				}
			}
			n := len(ys)
			x := mat.NewDense(n, len(columns)+1, design)
			var gram, hat, e, half mat.Dense
			gram.Mul(x.T(), x)
			require.NoError(t, gram.Inverse(&gram))
			half.Mul(x, &gram)
			hat.Mul(&half, x.T())
			e.Mul(&hat, mat.NewDense(n, 1, ys))
			sum := 0.0
			for _, m := range members {
				left, rest := mat.NewDense(len(m), len(m), nil), mat.NewDense(len(m), 1, nil)
				for a, i := range m {
					rest.Set(a, 0, ys[i]-e.At(i, 0))
					for b, j := range m {
						left.Set(a, b, -hat.At(i, j))
					}
					left.Set(a, a, 1-hat.At(i, i))
				}
				var predicted mat.Dense
				require.NoError(t, predicted.Solve(left, rest))
				sum += math.Pow(mat.Norm(&predicted, 2), 2)
			}
			return sum
		}
		mean, first := press(), press(x1)
		both := press(x1, sets[1][0], sets[1][1])
		assert.InDelta(t, 1-first/mean, got[0].R2.Value, 1e-9, name)
		assert.Equal(t, got[0].R2.Value, got[0].Gain.Value, name)
		assert.InDelta(t, 1-both/mean, got[1].R2.Value, 1e-9, name)
		assert.InDelta(t, (first-both)/mean, got[1].Gain.Value, 1e-9, name)
	}
}

// A linear law without noise is predicted exactly, in any unit and from any order of the points.
func TestCrossValidationOfAnExactLaw(t *testing.T) {
	x1, x2 := series(rand.New(rand.NewPCG(2, 1)), 3, 60, 0.3), series(rand.New(rand.NewPCG(2, 2)), 3, 60, 0.3)
	y := plus(scaled(x1, 3), -2, x2)
	for _, fold := range []Fold{FoldRepetition, FoldBlock} {
		got, err := testBoot.CrossValidatedR2(y, fold, nil, [][]Rep{x1}, [][]Rep{scaled(x2, 1e6)})
		require.NoError(t, err)
		assert.Equal(t, 0.0, got[0].R2.Value, "the mean explains nothing of itself")
		assert.InDelta(t, 1, got[2].R2.Value, 1e-9)
		lo, hi := got[2].R2.Interval(0.95)
		assert.InDelta(t, 1, lo, 1e-9)
		assert.InDelta(t, 1, hi, 1e-9)
		assert.Positive(t, got[2].Gain.Value)
		for k := 1; k < 3; k++ {
			assert.InDelta(t, got[k].R2.Value-got[k-1].R2.Value, got[k].Gain.Value, 1e-12)
		}
		reversed := func(reps []Rep) []Rep {
			out := make([]Rep, len(reps))
			for r, rep := range reps {
				for i := range rep {
					out[r] = append(out[r], rep[len(rep)-1-i])
				}
			}
			return out
		}
		again, err := testBoot.CrossValidatedR2(reversed(y), fold, nil, [][]Rep{reversed(x1)}, [][]Rep{reversed(scaled(x2, 1e6))})
		require.NoError(t, err)
		assert.InDelta(t, got[1].R2.Value, again[1].R2.Value, 1e-9)
		assert.InDelta(t, stat.Mean(got[1].R2.Draws, nil), stat.Mean(again[1].R2.Draws, nil), 1e-9)
	}
}

// What is known of a repetition only from itself does not help to predict it: its level passes through a
// column that is constant in it, unless blocks of one repetition predict each other.
func TestFoldRepetitionSeesNoLevels(t *testing.T) {
	const reps = 8
	level, noise := make([]Rep, reps), series(rand.New(rand.NewPCG(3, 2)), reps, 60, 0)
	rng := rand.New(rand.NewPCG(3, 1))
	lookup := make([][]Rep, 3)
	for r := range reps {
		v := 3 * rng.NormFloat64()
		for j := range lookup {
			lookup[j] = append(lookup[j], scaled(noise[:1], 0)[0])
		}
		for i := range noise[r] {
			level[r] = append(level[r], Point{T: noise[r][i].T, V: v})
			for j := range lookup {
				// Powers of the repetition's number fit its level, for those seen.
				lookup[j][r][i].V = math.Pow(float64(r), float64(j+1))
			}
		}
	}
	y := plus(noise, 1, level)
	r2 := map[Fold]float64{}
	for _, fold := range []Fold{FoldRepetition, FoldBlock} {
		got, err := testBoot.CrossValidatedR2(y, fold, lookup)
		require.NoError(t, err)
		r2[fold] = got[0].R2.Value
	}
	assert.Negative(t, r2[FoldRepetition])
	assert.Positive(t, r2[FoldBlock])
}

// swing alternates between v and -v.
func swing(v float64) Rep {
	rep := flat(50, v)
	for i := range rep {
		rep[i].V *= float64(1 - 2*(i%2))
	}
	return rep
}

func TestCrossValidationRefuses(t *testing.T) {
	y, x1, x2 := explainedBy(rand.New(rand.NewPCG(4, 1)), 2, 60, 0, 1)
	change := func(reps []Rep, f func(reps []Rep)) []Rep {
		out := scaled(reps, 1)
		f(out)
		return out
	}
	for name, c := range map[string]struct {
		y    []Rep
		fold Fold
		sets [][][]Rep
		says string
	}{
		"no set":          {y, FoldBlock, nil, "without a set of columns"},
		"one repetition":  {y[:1], FoldRepetition, [][][]Rep{{x1[:1]}}, "take FoldBlock"},
		"no such fold":    {y, 7, [][][]Rep{{x1}}, "the fold 7"},
		"censored y":      {change(y, func(y []Rep) { y[1][2].Censored = true }), FoldBlock, [][][]Rep{{x1}}, "repetition 2 has a censored value"},
		"fewer columns":   {y, FoldBlock, [][][]Rep{{x1}, {x2[:1]}}, "column 1 (from 0) has 1 repetitions for 2"},
		"fewer values":    {y, FoldBlock, [][][]Rep{{change(x1, func(x []Rep) { x[1] = x[1][:59] })}}, "59 values for 60 of y in repetition 2"},
		"another window":  {y, FoldBlock, [][][]Rep{{change(x1, func(x []Rep) { x[1][2].T++ })}}, "the same windows"},
		"NaN":             {y, FoldBlock, [][][]Rep{{change(x1, func(x []Rep) { x[1][2].V = math.NaN() })}}, "measured values"},
		"censored column": {y, FoldBlock, [][][]Rep{{change(x1, func(x []Rep) { x[1][2].Censored = true })}}, "censored: true"},
		"constant":        {y, FoldBlock, [][][]Rep{{scaled(x1, 0)}}, "column 0 (from 0) is constant"},
		"constant in the rest": {y, FoldRepetition, [][][]Rep{{[]Rep{x1[0], scaled(x1[1:], 0)[0]}}},
			"without repetition 1, t=0 and the rest of its fold: regression: column 0 (from 0) is constant"},
		"dependent":                {y, FoldBlock, [][][]Rep{{x1}, {scaled(x1, 2)}}, "linear combination"},
		"constant y":               {scaled(y, 0), FoldBlock, [][][]Rep{{x1}}, "y is constant"},
		"a repetition at the mean": {[]Rep{swing(1), swing(0), swing(1)}, FoldRepetition, [][][]Rep{nil}, "repetition 2 does not differ from the mean of the others"},
		"too short":                {[]Rep{y[0][:10], y[1][:10]}, FoldBlock, [][][]Rep{{[]Rep{x1[0][:10], x1[1][:10]}}}, "fewer than 4 blocks"},
	} {
		_, err := testBoot.CrossValidatedR2(c.y, c.fold, c.sets...)
		assert.ErrorContains(t, err, c.says, name)
	}
	_, err := Bootstrap{Block: 20, Draws: 400}.CrossValidatedR2(y, FoldBlock, [][]Rep{x1})
	assert.ErrorContains(t, err, "seed")
}

// The claims of CrossValidatedR2's comment at three repetitions: coverage of what y is made of, and noise
// that is not taken for a gain. The bands are the measured coverage with room for 100 runs (standard
// error 2.5 %).
func TestCrossValidationCoverage(t *testing.T) {
	simulation(t)
	const runs = 100
	for _, fold := range []Fold{FoldRepetition, FoldBlock} {
		for _, gain := range []float64{0, 0.3, 1} {
			t.Run(fmt.Sprintf("fold=%d/gain=%g", fold, gain), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(5, 1))
				whole := 1 + gain*gain + 1 // variance of y
				var r2s, gains, helps int
				for i := range runs {
					y, x1, x2 := explainedBy(rng, 3, 60, 0, gain)
					got, err := Bootstrap{Block: 20, Draws: 200, Seed: uint64(i + 1)}.CrossValidatedR2(y, fold, [][]Rep{x1}, [][]Rep{x2})
					require.NoError(t, err)
					r2s += covers(got[1].R2, (1+gain*gain)/whole)
					gains += covers(got[1].Gain, gain*gain/whole)
					if lo, _ := got[1].Gain.Interval(0.95); lo > 0 {
						helps++
					}
				}
				t.Logf("R2 %.3f, gain %.3f, helps %.3f", float64(r2s)/runs, float64(gains)/runs, float64(helps)/runs)
				assert.GreaterOrEqual(t, float64(r2s)/runs, 0.87)
				switch gain {
				case 0:
					assert.LessOrEqual(t, float64(helps)/runs, 0.03)
				case 0.3:
					assert.GreaterOrEqual(t, float64(gains)/runs, 0.85)
				case 1:
					assert.GreaterOrEqual(t, float64(gains)/runs, 0.87)
					assert.GreaterOrEqual(t, float64(helps)/runs, 0.85)
				}
			})
		}
	}
}

// Five columns of noise are not taken for a gain, with three repetitions of different levels, and leave R2
// what it is: the rest of the comment's claims.
func TestCrossValidationOfNoise(t *testing.T) {
	simulation(t)
	const runs, between = 100, 0.5
	for fold, c := range map[Fold]struct{ level, least float64 }{
		// The variance of a level about the mean of the two others, and about that of all three.
		FoldRepetition: {between * between * 3 / 2, 0.80},
		FoldBlock:      {between * between * 2 / 3, 0.85},
	} {
		rng := rand.New(rand.NewPCG(6, 1))
		r2s, helps := 0, 0
		for i := range runs {
			y, x, _ := explainedBy(rng, 3, 60, between, 0)
			noise := make([][]Rep, 5)
			for j := range noise {
				noise[j] = series(rng, 3, 60, 0)
			}
			got, err := Bootstrap{Block: 20, Draws: 200, Seed: uint64(i + 1)}.CrossValidatedR2(y, fold, [][]Rep{x}, noise)
			require.NoError(t, err)
			r2s += covers(got[1].R2, 1/(2+c.level))
			if lo, _ := got[1].Gain.Interval(0.95); lo > 0 {
				helps++
			}
		}
		t.Logf("fold %d: R2 %.3f, helps %.3f", fold, float64(r2s)/runs, float64(helps)/runs)
		assert.GreaterOrEqual(t, float64(r2s)/runs, c.least)
		assert.LessOrEqual(t, float64(helps)/runs, 0.03)
	}
}
