package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Stratum is the windows of one arm in one block of an experiment, in order of time: X[i] and Y[i] are of one
// window.
type Stratum struct {
	Block, Arm string
	X, Y       []float64
}

// WithinArms is how X and Y go together inside arms, where the arm's label can tell nothing, with what chance
// makes of it.
type WithinArms struct {
	// Correlations are one a block, inside (-1, 1), for NewBlocks on the scale Atanh: of each arm Spearman's rank
	// correlation (perfect ones as Imperfect makes them), averaged over arms with the weight n-1 of an arm of n
	// windows, the inverse of its variance under no relation (Kendall 1948, Rank Correlation Methods, ch. 5).
	Correlations []float64
	Blocks       []string // their names, in order of first appearance
	Windows      int      // of all arms that count
	// Flat are the arms that do not count, as block/arm: X or Y does not vary there, or there are fewer than
	// four windows.
	Flat []string
	Null Null
}

// Null is what a statistic is under permutation: how large it comes out where there is nothing to find.
type Null struct {
	Mean, Lo, Hi float64 // of the draws; 0.025 lie below Lo and above Hi
	// Above and Below are the one-sided p-values of "positive" and "negative": the share of draws as far out as
	// the data or farther, the data counted as one draw (Phipson & Smyth 2010).
	Above, Below float64
	Draws        int
}

// minStratum is the least number of windows whose ranks can be shifted against each other: three have six orders.
const minStratum = 4

// RelateWithinArms correlates X and Y inside each arm of each block and permutes them there. Ranks are taken
// inside the arm, so that neither a level of the arm nor its spread counts: data of which only the arm's label
// carries information come out at 0. Averaging correlations keeps a correlation's scale and its sign for each arm;
// pooling ranks of arms instead would let an arm of many windows set the ranks of the others (Taylor 1987,
// Biometrics 43, 409, on a blocking variable).
//
// Each of the draws turns X of every arm by a random number of windows, its end joined to its start, and leaves
// Y. Both keep their own autocorrelation, which windows of a machine have and a permutation of single windows would
// destroy, calling a common wandering a relation (toroidal shifts: Lotwick & Silverman 1982, J. R. Statist. Soc. B
// 44, 406). A shift of 0 is one of them. The statistic is the mean of the blocks' correlations on Fisher's scale,
// as Blocks.Mean gives it. Blocks in which no arm counts have no correlation; it is an error if none has one, if X
// and Y differ in length, if a value is not finite, or if a stratum comes twice.
func RelateWithinArms(strata []Stratum, draws int, seed uint64) (WithinArms, error) {
	switch {
	case draws < minDraws:
		return WithinArms{}, fmt.Errorf("permutation with %d draws: set at least %d", draws, minDraws)
	case seed == 0:
		return WithinArms{}, fmt.Errorf("permutation without a seed: set one, so that the result can be computed again")
	}
	var out WithinArms
	arms := map[string][]turned{}
	seen := map[[2]string]bool{}
	for _, s := range strata {
		name := s.Block + "/" + s.Arm
		if seen[[2]string{s.Block, s.Arm}] {
			return WithinArms{}, fmt.Errorf("windows of %s come twice: give those of an arm in a block as one stratum", name)
		}
		seen[[2]string{s.Block, s.Arm}] = true
		t, ok, err := s.turn()
		if err != nil {
			return WithinArms{}, fmt.Errorf("windows of %s: %w", name, err)
		}
		if !ok {
			out.Flat = append(out.Flat, name)
			continue
		}
		if len(arms[s.Block]) == 0 {
			out.Blocks = append(out.Blocks, s.Block)
		}
		arms[s.Block] = append(arms[s.Block], t)
		out.Windows += len(t)
	}
	if len(out.Blocks) == 0 {
		return WithinArms{}, fmt.Errorf("relation within arms: %w: no arm has %d windows in which both values vary", ErrNoData, minStratum)
	}
	at := func(shift func(n int) int) []float64 {
		rs := make([]float64, len(out.Blocks))
		for i, b := range out.Blocks {
			rs[i] = averaged(arms[b], shift)
		}
		return rs
	}
	out.Correlations = at(func(int) int { return 0 })
	rng := rand.New(rand.NewPCG(seed, streamFirst))
	null := make([]float64, draws)
	for i := range null {
		null[i] = meanOfCorrelations(at(rng.IntN))
	}
	out.Null = nullOf(meanOfCorrelations(out.Correlations), null)
	return out, nil
}

// turned are the rank correlations of an arm with X turned by 0, 1, 2 ... windows.
type turned []float64

// turn computes them all at once; ok is false where the arm cannot count.
func (s Stratum) turn() (t turned, ok bool, err error) {
	if len(s.X) != len(s.Y) {
		return nil, false, fmt.Errorf("%d and %d values: both are needed of each window", len(s.X), len(s.Y))
	}
	for _, v := range [][]float64{s.X, s.Y} {
		if err := allFinite("relation", v); err != nil {
			return nil, false, err
		}
	}
	n := len(s.X)
	if n < minStratum || slices.Min(s.X) == slices.Max(s.X) || slices.Min(s.Y) == slices.Max(s.Y) {
		return nil, false, nil
	}
	x, y := standardRanks(s.X), standardRanks(s.Y)
	t = make(turned, n)
	for by := range t {
		r := 0.0
		for i := range x {
			r += x[(i+by)%n] * y[i]
		}
		// Rounding must not take a perfect order for one that is a little less.
		if math.Abs(r) > 1-1e-12 {
			r = math.Copysign(1, r)
		}
		t[by] = Imperfect(r, n)
	}
	return t, true, nil
}

// standardRanks are midranks less their mean, of length 1 as a vector.
func standardRanks(xs []float64) []float64 {
	ranks := midranks(xs)
	mean, squares := float64(len(xs)+1)/2, 0.0
	for i := range ranks {
		ranks[i] -= mean
		squares += ranks[i] * ranks[i]
	}
	length := math.Sqrt(squares)
	for i := range ranks {
		ranks[i] /= length
	}
	return ranks
}

// averaged is the weighted mean over the arms of a block, each turned by what shift gives for its length.
func averaged(arms []turned, shift func(n int) int) float64 {
	sum, weights := 0.0, 0.0
	for _, t := range arms {
		w := float64(len(t) - 1)
		sum, weights = sum+w*t[shift(len(t))], weights+w
	}
	return sum / weights
}

// meanOfCorrelations is on Fisher's scale and back.
func meanOfCorrelations(rs []float64) float64 {
	z := 0.0
	for _, r := range rs {
		z += math.Atanh(r)
	}
	return math.Tanh(z / float64(len(rs)))
}

func nullOf(value float64, draws []float64) Null {
	slices.Sort(draws)
	above, below := 1, 1
	sum := 0.0
	for _, d := range draws {
		sum += d
		// Draws that are the data itself, turned by nothing, must count as equal.
		if d >= value-1e-12 {
			above++
		}
		if d <= value+1e-12 {
			below++
		}
	}
	n := float64(len(draws))
	return Null{
		Mean: sum / n, Lo: Quantile(draws, 0.025), Hi: Quantile(draws, 0.975),
		Above: float64(above) / (n + 1), Below: float64(below) / (n + 1), Draws: len(draws),
	}
}
