package stats

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Scale is where values, one of each block of an experiment, are averaged: where their scatter is nearest to
// normal.
type Scale int

// Scales.
const (
	Linear Scale = iota // differences and shares
	Log                 // ratios: the mean is the geometric one
	Atanh               // correlations: Fisher's z (Fisher 1921)
)

// Blocks are independent values, one of each block of an experiment, such as the ratio of two arms that were
// measured side by side. Whatever correlates inside a block is inside its value, so that Student's t of N-1
// degrees of freedom holds (Student 1908; of paired blocks Fisher 1935, The Design of Experiments, ch. 3).
//
// From a single block nothing is known of the scatter: intervals are open and p-values 1. Equal values have
// no scatter: the interval is the point, and p 0 or 1, 0.5 where the threshold is the value. Every p-value is
// consistent with the interval: PAbove(x) <= alpha exactly if the lower end at alpha is at or above x.
type Blocks struct {
	values []float64 // on the scale
	scale  Scale
}

// NewBlocks takes the values as they are, one a block. None at all, one that is not finite, and one that is
// not on the scale are errors: a ratio has to be above 0 and a correlation inside (-1, 1). A perfect
// correlation of few pairs has to be given as Imperfect makes it.
func NewBlocks(values []float64, scale Scale) (Blocks, error) {
	if len(values) == 0 {
		return Blocks{}, fmt.Errorf("values of blocks: %w: none", ErrNoData)
	}
	b := Blocks{scale: scale, values: make([]float64, len(values))}
	for i, v := range values {
		z := scale.to(v)
		switch {
		case finite(v) && finite(z):
			b.values[i] = z
		case scale == Log && finite(v):
			return Blocks{}, fmt.Errorf("block %d has the ratio %g: a ratio is above 0; compare by a difference", i+1, v)
		case scale == Atanh && math.Abs(v) == 1:
			return Blocks{}, fmt.Errorf("block %d has the correlation %g, which is infinite on Fisher's scale: give it as Imperfect does", i+1, v)
		case scale == Atanh && finite(v):
			return Blocks{}, fmt.Errorf("block %d has the correlation %g: a correlation is inside (-1, 1)", i+1, v)
		default:
			return Blocks{}, fmt.Errorf("block %d has the value %g: leave out what was not measured", i+1, v)
		}
	}
	return b, nil
}

// Imperfect returns a rank correlation of n pairs in which 1 and -1 are moved inside, by half of the step to
// the next possible value: 1 - 6/(n^3-n), as one exchange of neighbours gives 1 - 12/(n^3-n) (Kendall 1948,
// Rank Correlation Methods, ch. 1). Of two pairs that is 0: they say nothing. What is not perfect is returned
// as it is. It panics if n is below 2.
func Imperfect(r float64, n int) float64 {
	if n < 2 {
		panic(fmt.Sprintf("stats: Imperfect of %d pairs", n))
	}
	if math.Abs(r) < 1 {
		return r
	}
	m := float64(n)
	return math.Copysign(1-6/(m*m*m-m), r)
}

// N is the number of blocks.
func (b Blocks) N() int { return len(b.values) }

// Mean is the mean, back from the scale.
func (b Blocks) Mean() float64 { return b.scale.from(stat.Mean(b.values, nil)) }

// Interval returns the two ends of Student's interval, each with the one-sided error alpha, so that both
// cover with 1-2*alpha. Both are infinite with a single block. It panics if alpha is outside (0, 0.5).
func (b Blocks) Interval(alpha float64) (lo, hi float64) {
	if !(alpha > 0 && alpha < 0.5) {
		panic(fmt.Sprintf("stats: Interval of blocks at alpha %g, want it inside (0, 0.5)", alpha))
	}
	if b.N() < 2 {
		return math.Inf(-1), math.Inf(1)
	}
	mean, se := b.meanAndError()
	half := -b.student().Quantile(alpha) * se
	return b.scale.from(mean - half), b.scale.from(mean + half)
}

// Estimate is the mean with its interval at alpha a side.
func (b Blocks) Estimate(alpha float64) Estimate {
	lo, hi := b.Interval(alpha)
	return Between(b.Mean(), lo, hi)
}

// PAbove is the one-sided p-value of "the mean is above the threshold", the null hypothesis being that it is
// at the threshold or below. It panics if the threshold is not on the scale.
func (b Blocks) PAbove(threshold float64) float64 { return b.p(threshold, 1) }

// PBelow is the one-sided p-value of "the mean is below the threshold".
func (b Blocks) PBelow(threshold float64) float64 { return b.p(threshold, -1) }

// PInside is the p-value of "the mean is between lo and hi", an equivalence: the larger one of two one-sided
// tests (TOST; Schuirmann 1987).
func (b Blocks) PInside(lo, hi float64) float64 { return max(b.PAbove(lo), b.PBelow(hi)) }

// p is the probability, at the threshold, of a mean as far from it in the given direction.
func (b Blocks) p(threshold, direction float64) float64 {
	at := b.scale.to(threshold)
	if !finite(at) {
		panic(fmt.Sprintf("stats: p-value of blocks against %g, which is not on their scale", threshold))
	}
	if b.N() < 2 {
		return 1
	}
	mean, se := b.meanAndError()
	beyond := direction * (mean - at)
	switch {
	case se > 0:
		// The lower tail keeps its digits where the upper one would be 1 less a rounded number.
		return b.student().CDF(-beyond / se)
	case beyond > 0:
		return 0
	case beyond < 0:
		return 1
	}
	return 0.5
}

func (b Blocks) student() distuv.StudentsT {
	return distuv.StudentsT{Sigma: 1, Nu: float64(b.N() - 1)}
}

// meanAndError are on the scale. Equal values have exactly no error, which rounding of their mean would give them.
func (b Blocks) meanAndError() (mean, se float64) {
	first, equal := b.values[0], true
	for _, v := range b.values {
		equal = equal && v == first
	}
	if equal {
		return first, 0
	}
	mean, sd := stat.MeanStdDev(b.values, nil)
	return mean, sd / math.Sqrt(float64(b.N()))
}

func (s Scale) to(v float64) float64 {
	switch s {
	case Log:
		return math.Log(v)
	case Atanh:
		return math.Atanh(v)
	}
	return v
}

func (s Scale) from(z float64) float64 {
	switch s {
	case Log:
		return math.Exp(z)
	case Atanh:
		return math.Tanh(z)
	}
	return z
}
