package stats

import (
	"fmt"
	"math"
	"math/bits"

	"gonum.org/v1/gonum/stat/distuv"
)

// Up to this many treatments and blocks the distribution of Page's L is counted instead of approximated.
const (
	exactPageTreatments = 8
	exactPageBlocks     = 30
)

// Page tests whether values tend to rise over treatments that were all given in each of several blocks, such
// as arms of a repetition (Page 1963). blocks[i][j] is the value of block i under treatment j, treatments in
// their expected order. Values are ranked inside their block, so that blocks need not share a level or a
// unit. l is the sum over treatments of j, from 1, times the treatment's rank sum; p is the one-sided
// p-value of "rises", the probability of l and above if each order inside a block is as likely as any other.
//
// Up to 8 treatments and 30 blocks p is exact: the orders of each block are counted, given its ties, and the
// counts of the blocks convolved. Otherwise it is from the normal approximation without continuity
// correction (Hollander & Wolfe 1999, section 7.2). Tied values have the mean of their ranks, and the
// variance is that of the tied ranks. The least possible p is 1/k!^n: three treatments need two blocks to
// reach 0.05. No block, fewer than two treatments or blocks of unequal size are an error; equal values
// throughout show no trend (p 1).
func Page(blocks [][]float64) (l, p float64, err error) {
	const what = "Page's trend test"
	if len(blocks) == 0 || len(blocks[0]) < 2 {
		return 0, 0, fmt.Errorf("%s: %w: a block of two treatments is needed", what, ErrNoData)
	}
	n, k := len(blocks), len(blocks[0])
	ranks := make([][]float64, n)
	for i, block := range blocks {
		if len(block) != k {
			return 0, 0, fmt.Errorf("%s: block %d has %d treatments, the first has %d: leave out a block that is not complete", what, i+1, len(block), k)
		}
		if err := allFinite(fmt.Sprintf("%s: block %d", what, i+1), block); err != nil {
			return 0, 0, err
		}
		ranks[i] = midranks(block)
		for j, r := range ranks[i] {
			l += float64(j+1) * r
		}
	}
	if k <= exactPageTreatments && n <= exactPageBlocks {
		return l, exactPage(ranks, l), nil
	}
	// The variance of a sum of constants times permuted ranks is the product of both sums of squares about
	// their means, over k-1.
	cubes := func(t float64) float64 { return t * (t*t - 1) }
	mean, variance := float64(n*k*(k+1)*(k+1))/4, 0.0
	for _, r := range ranks {
		squares := (cubes(float64(k)) - total(ties(r), cubes)) / 12
		variance += cubes(float64(k)) / 12 * squares / float64(k-1)
	}
	if variance == 0 {
		return l, 1, nil
	}
	return l, distuv.UnitNormal.Survival((l - mean) / math.Sqrt(variance)), nil
}

// exactPage is P(L >= l) over all orders of the ranks inside their blocks.
func exactPage(ranks [][]float64, l float64) float64 {
	all := []float64{1}
	for _, r := range ranks {
		all = convolve(all, pageBlock(r))
	}
	// Midranks are multiples of one half: the index is 2L.
	tail := 0.0
	for score := len(all) - 1; score >= int(math.Round(2*l)); score-- {
		tail += all[score]
	}
	return min(tail, 1)
}

// pageBlock returns the probability of each score 2L of one block, over all orders of its ranks. A set of
// ranks, as bits, stands for all orders that put just those under the first treatments.
func pageBlock(ranks []float64) []float64 {
	k := len(ranks)
	reached := make([][]float64, 1<<k)
	reached[0] = []float64{1}
	for set := range reached {
		place := bits.OnesCount(uint(set)) + 1
		for j, r := range ranks {
			if set&(1<<j) == 0 {
				with := set | 1<<j
				reached[with] = addShifted(reached[with], reached[set], place*int(2*r), 1/float64(k-place+1))
			}
		}
	}
	return reached[len(reached)-1]
}

// addShifted adds to the scores of a those of b, each by more and with a part of its probability.
func addShifted(a, b []float64, by int, part float64) []float64 {
	if missing := by + len(b) - len(a); missing > 0 {
		a = append(a, make([]float64, missing)...)
	}
	for score, p := range b {
		a[score+by] += part * p
	}
	return a
}

// convolve is the distribution of a sum of two independent scores.
func convolve(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i, x := range a {
		if x == 0 {
			continue
		}
		for j, y := range b {
			out[i+j] += x * y
		}
	}
	return out
}
