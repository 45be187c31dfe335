package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// armsOf makes blocks of arms whose levels differ by the label, in both values alike, while inside an arm both
// wander with the autocorrelation rho and a share of x goes into y.
func armsOf(rng *rand.Rand, blocks, arms, windows int, label, rho, share float64) []Stratum {
	var out []Stratum
	for b := range blocks {
		for a := range arms {
			s := Stratum{Block: fmt.Sprint("block ", b), Arm: fmt.Sprint("arm ", a)}
			x, y := rng.NormFloat64(), rng.NormFloat64()
			for range windows {
				x = rho*x + math.Sqrt(1-rho*rho)*rng.NormFloat64()
				y = rho*y + math.Sqrt(1-rho*rho)*rng.NormFloat64()
				s.X = append(s.X, label*float64(a)+x)
				s.Y = append(s.Y, label*float64(a)+share*x+math.Sqrt(1-share*share)*y)
			}
			out = append(out, s)
		}
	}
	return out
}

// Windows of which only the arm's label tells anything: across arms the relation is nearly perfect, within
// arms it is nothing, and that is called a relation no more often than the level says, in windows that are
// independent and in windows that wander.
func TestOnlyTheLabelIsNoRelationWithinArms(t *testing.T) {
	for _, rho := range []float64{0, 0.7} {
		t.Run(fmt.Sprintf("rho=%g", rho), func(t *testing.T) {
			const seeds = 400
			byT, byPermutation, sum := 0, 0, 0.0
			for seed := range uint64(seeds) {
				rng := rand.New(rand.NewPCG(seed, 1))
				strata := armsOf(rng, 3, 3, 40, 8, rho, 0)
				var x, y []float64
				for _, s := range strata {
					x, y = append(x, s.X...), append(y, s.Y...)
				}
				across, err := Spearman(x, y)
				require.NoError(t, err)
				require.Greater(t, across, 0.8)
				w, err := RelateWithinArms(strata, 200, seed+1)
				require.NoError(t, err)
				b := blocksOf(t, Atanh, w.Correlations...)
				sum += b.Mean()
				if b.PAbove(0) <= 0.025 {
					byT++
				}
				if w.Null.Above <= 0.025 {
					byPermutation++
				}
				require.Less(t, w.Null.Lo, 0.0)
				require.Greater(t, w.Null.Hi, 0.0)
			}
			t.Logf("mean %.4f, by Student's t %.3f, by permutation %.3f", sum/seeds, float64(byT)/seeds, float64(byPermutation)/seeds)
			assert.InDelta(t, 0, sum/seeds, 0.01)
			assert.LessOrEqual(t, float64(byT)/seeds, 0.05)
			assert.LessOrEqual(t, float64(byPermutation)/seeds, 0.05)
		})
	}
}

// A relation inside arms is found, whichever way the arms' levels go, and vanishes when x is turned.
func TestRelationWithinArmsIsFound(t *testing.T) {
	strata := armsOf(rand.New(rand.NewPCG(1, 1)), 3, 3, 40, 8, 0.5, 0.6)
	for i := range strata {
		if i%3 == 2 {
			for j := range strata[i].Y {
				strata[i].Y[j] -= 100
			}
		}
	}
	w, err := RelateWithinArms(strata, 2000, 1)
	require.NoError(t, err)
	require.Len(t, w.Correlations, 3)
	assert.Equal(t, []string{"block 0", "block 1", "block 2"}, w.Blocks)
	assert.Equal(t, 360, w.Windows)
	b := blocksOf(t, Atanh, w.Correlations...)
	assert.InDelta(t, 6/math.Pi*math.Asin(0.6/2), b.Mean(), 0.12)
	assert.Less(t, b.PAbove(0.2), 0.025)
	assert.Less(t, w.Null.Above, 0.005)
	assert.Greater(t, w.Null.Below, 0.99)
	assert.InDelta(t, 0, w.Null.Mean, 0.02)
	assert.Less(t, w.Null.Hi, b.Mean())

	turned := armsOf(rand.New(rand.NewPCG(1, 1)), 3, 3, 40, 8, 0.5, 0.6)
	for i := range turned {
		turned[i].X = append(turned[i].X[17:], turned[i].X[:17]...)
	}
	w, err = RelateWithinArms(turned, 2000, 1)
	require.NoError(t, err)
	assert.InDelta(t, 0, blocksOf(t, Atanh, w.Correlations...).Mean(), 0.2)
	assert.Greater(t, w.Null.Above, 0.05)
}

// The statistic of one block is the mean of Spearman's correlations of its arms, by their windows less one.
func TestCorrelationOfABlock(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	long, short := armsOf(rng, 1, 1, 31, 0, 0, 0.5)[0], armsOf(rng, 1, 1, 11, 0, 0, 0.5)[0]
	short.Arm = "short"
	w, err := RelateWithinArms([]Stratum{long, short}, 100, 1)
	require.NoError(t, err)
	a, err := Spearman(long.X, long.Y)
	require.NoError(t, err)
	b, err := Spearman(short.X, short.Y)
	require.NoError(t, err)
	assert.InDelta(t, (30*a+10*b)/40, w.Correlations[0], 1e-12)
	again, err := RelateWithinArms([]Stratum{long, short}, 100, 1)
	require.NoError(t, err)
	assert.Equal(t, w, again)
}

func TestRelateWithinArmsEdges(t *testing.T) {
	rising := Stratum{Block: "1", Arm: "a", X: ascending(12), Y: ascending(12)}
	flat := Stratum{Block: "1", Arm: "b", X: make([]float64, 12), Y: ascending(12)}
	few := Stratum{Block: "2", Arm: "a", X: ascending(3), Y: ascending(3)}
	w, err := RelateWithinArms([]Stratum{rising, flat, few}, 200, 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"1/b", "2/a"}, w.Flat)
	assert.Equal(t, []string{"1"}, w.Blocks)
	assert.InDelta(t, Imperfect(1, 12), w.Correlations[0], 1e-12, "a perfect order stays inside")
	_, err = NewBlocks(w.Correlations, Atanh)
	require.NoError(t, err)

	for name, c := range map[string]struct {
		strata []Stratum
		draws  int
		seed   uint64
		says   string
	}{
		"nothing":      {nil, 200, 1, "too few"},
		"all flat":     {[]Stratum{flat, few}, 200, 1, "too few"},
		"unequal":      {[]Stratum{{Block: "1", Arm: "a", X: ascending(5), Y: ascending(4)}}, 200, 1, "windows of 1/a: 5 and 4"},
		"not measured": {[]Stratum{{Block: "1", Arm: "a", X: ascending(5), Y: []float64{1, 2, math.NaN(), 4, 5}}}, 200, 1, "1/a"},
		"twice":        {[]Stratum{rising, rising}, 200, 1, "twice"},
		"draws":        {[]Stratum{rising}, 10, 1, "draws"},
		"seed":         {[]Stratum{rising}, 200, 0, "seed"},
	} {
		_, err := RelateWithinArms(c.strata, c.draws, c.seed)
		assert.ErrorContains(t, err, c.says, name)
	}
}
