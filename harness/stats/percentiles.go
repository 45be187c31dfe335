package stats

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// leastBeyond is the least effective number of observations beyond a percentile for which a bound is printed
	// on that side: all those of a single event count as about one, and nothing says how rare it is.
	leastBeyond = 1.25
	// aloneSections is into how many sections a single repetition is cut.
	aloneSections = 4
)

// Percentiles estimates percentiles of the pooled values of repetitions that are correlated in time, each with an
// interval on the log scale (on their own, if a value is 0 or less). Each bound holds with the given confidence:
// 0.975 for a 95 % interval. Its distance from the estimate is the longer of
//
//   - that of the repetitions: the standard error of R percentiles, one of each repetition, about that of all,
//     times Student's t of R-1 degrees of freedom ("sectioning": Asmussen & Glynn 2007, Stochastic Simulation,
//     III.5; Alexopoulos et al. 2019, Operations Research 67, 1162); and
//   - that of the order statistics: the number of observations over the correlation time of the indicator "beyond
//     the percentile" is the effective number. One standard error of its binomial distribution, which the beta
//     distribution continues to numbers that are not whole (as for surveys: Korn & Graubard 1998, Survey
//     Methodology 24, 193), ends at an order statistic; its distance is taken times t of as many degrees of
//     freedom as observations are effectively beyond the percentile, because a scatter that is known from two of
//     them is not known well.
//
// The first alone is too short where repetitions agree by chance or all lack a rare event, the second alone takes a
// run's own correlation for all that differs. A single repetition is cut into four sections that stand for
// repetitions, and its interval says nothing of another run.
//
// A bound is nil, open, where what is beyond the percentile on its side counts as little more than one observation,
// where as many independent ones could not give it either (368 for p99 at 0.975), and the upper one where a censored
// value can move what it is made of. Opening more would cover less: samples that lack long busy periods look
// independent, and they are those that miss. How often the interval covers in a simulated queue, and what opening
// costs, is in hypotheses/VALIDATION.md.
func Percentiles(reps []Rep, confidence float64, ps ...float64) ([]Percentile, error) {
	if !(confidence >= 0.5 && confidence < 1) {
		return nil, fmt.Errorf("confidence %g is not inside [0.5, 1)", confidence)
	}
	var with []Rep
	for r, rep := range reps {
		if err := measured(r, rep); err != nil {
			return nil, err
		}
		if len(rep) > 0 {
			with = append(with, rep)
		}
	}
	if len(with) == 0 {
		return nil, fmt.Errorf("percentiles: %w: none", ErrNoData)
	}
	sorted, _ := byTime(with)
	all := newSample(slices.Concat(sorted...))
	sections := sorted
	if len(sorted) == 1 {
		sections = cut(sorted[0])
	}
	each := make([]sample, len(sections))
	for r, rep := range sections {
		each[r] = newSample(rep)
	}
	out := make([]Percentile, len(ps))
	for i, p := range ps {
		if !(p > 0 && p < 1) {
			return nil, fmt.Errorf("percentile %g is not inside (0, 1)", p)
		}
		out[i] = all.percentile(p)
		out[i].Confidence = confidence
		out[i].bound(all, each, sorted)
	}
	return out, nil
}

// cut divides a repetition in order of time into sections of as many values each; the last has what is left over.
func cut(rep Rep) []Rep {
	length := len(rep) / aloneSections
	if length == 0 {
		return []Rep{rep}
	}
	out := make([]Rep, aloneSections)
	for i := range out {
		out[i] = rep[i*length : (i+1)*length]
	}
	out[aloneSections-1] = rep[(aloneSections-1)*length:]
	return out
}

// sample is values in ascending order, censored ones at their lower bounds, behind equal ones that are exact.
type sample struct {
	values []float64
	first  int // index of the first censored one; len(values) if there is none
	open   int // how many are censored
}

func newSample(points []Point) sample {
	points = slices.Clone(points)
	slices.SortFunc(points, func(a, b Point) int {
		switch {
		case a.V < b.V:
			return -1
		case a.V > b.V:
			return 1
		}
		return boolCompare(a.Censored, b.Censored)
	})
	out := sample{values: make([]float64, len(points)), first: len(points)}
	for i, p := range points {
		out.values[i] = p.V
		if p.Censored {
			out.first = min(out.first, i)
			out.open++
		}
	}
	return out
}

// percentile is the estimate without bounds.
func (a sample) percentile(p float64) Percentile {
	i, f := position(len(a.values), p)
	if f > 0 {
		i++
	}
	return Percentile{P: p, Value: Quantile(a.values, p), N: len(a.values), NCensored: a.open, AtLeast: a.first <= i}
}

func (out *Percentile) bound(all sample, each []sample, reps []Rep) {
	to, from := math.Log, math.Exp
	if all.values[0] <= 0 {
		to = func(v float64) float64 { return v }
		from = to
	}
	beyond := make([][]bool, len(reps))
	for r, rep := range reps {
		beyond[r] = make([]bool, len(rep))
		for i, pt := range rep {
			beyond[r][i] = pt.V > out.Value
		}
	}
	out.NEff = float64(out.N) / correlationTime(beyond)
	above, below := out.NEff*(1-out.P), out.NEff*out.P

	at, open := to(out.Value), out.AtLeast
	squares := 0.0
	for _, rep := range each {
		e := rep.percentile(out.P)
		squares += math.Pow(to(e.Value)-at, 2)
		open = open || e.AtLeast
	}
	byReps := 0.0
	if r := float64(len(each)); r > 1 {
		byReps = student(r-1, out.Confidence) * math.Sqrt(squares/r/(r-1))
	}
	lo, hi := oneErrorAway(out.NEff, out.P)
	i, j := int(math.Floor(lo*float64(out.N)))-1, int(math.Ceil(hi*float64(out.N)))-1
	down, up := math.NaN(), math.NaN()
	if i >= 0 {
		down = at - to(all.values[i])
	}
	if j < out.N {
		up = to(all.values[j]) - at
	}
	// Where the sample ends before, the other side has to stand for it.
	if math.IsNaN(down) {
		down = up
	}
	if math.IsNaN(up) {
		up = down
	}
	open = open || out.NCensored > 0 && all.first <= j
	times := student(max(1, min(above, below)), out.Confidence)
	n, chance := float64(out.N), 1-out.Confidence
	if below >= leastBeyond && math.Pow(1-out.P, n) <= chance && !math.IsNaN(down) {
		out.Lo = new(min(from(at-max(byReps, times*down)), out.Value)) // there and back again rounds
	}
	if above >= leastBeyond && math.Pow(out.P, n) <= chance && !open && !math.IsNaN(up) {
		out.Hi = new(max(from(at+max(byReps, times*up)), out.Value))
	}
}

// oneErrorAway returns the shares of the sorted values at the ends of the interval of the p-quantile that has
// one standard error of a normal variable on each side, for n independent values: where the beta distributions
// of the order statistics have that tail. A share below 0 or above 1 is none.
func oneErrorAway(n, p float64) (lo, hi float64) {
	tail := distuv.UnitNormal.Survival(1)
	lo, hi = -1, 2
	const steps = 50
	search := func(enough func(k float64) bool) float64 {
		least, most := 0.0, n
		for range steps {
			if k := (least + most) / 2; enough(k) {
				most = k
			} else {
				least = k
			}
		}
		return most
	}
	if math.Pow(p, n) <= tail {
		hi = search(func(k float64) bool { return mathext.RegIncBeta(k, n-k+1, p) <= tail }) / n
	}
	if math.Pow(1-p, n) <= tail {
		lo = search(func(k float64) bool { return 1-mathext.RegIncBeta(k, n-k+1, p) > tail }) / n
	}
	return lo, hi
}

// student is the quantile of Student's t; df need not be whole.
func student(df, confidence float64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: df}.Quantile(confidence)
}
