package stats

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// ErrNoData is wrapped by every error that says that there are too few observations to compute anything.
var ErrNoData = errors.New("too few observations")

// Obs is one observation. If Censored, the true value is at least V.
type Obs struct {
	V        float64
	Censored bool
}

// Percentile is an estimated percentile with its interval. Lo and Hi are two one-sided bounds, each
// holding with at least Confidence; together they cover with at least 2*Confidence-1 (0.90 for two
// 95 % bounds). A nil bound is open: this sample cannot give one.
type Percentile struct {
	P          float64  // in (0, 1): 0.99 is p99
	Value      float64  // Hyndman-Fan type 7, censored observations at their lower bounds
	Lo, Hi     *float64 // order statistics of the sample; nil if open
	Confidence float64  // of each bound
	N          int
	NEff       float64 // how many independent ones N count as; 0 where independence is assumed
	NCensored  int
	AtLeast    bool // a censored observation can move Value upwards: Value is a lower bound
}

// Quantile returns the p-quantile of values sorted in ascending order by linear interpolation of the
// order statistics at (n-1)p (Hyndman & Fan 1996, type 7; the default of numpy and R). It panics if
// sorted is empty or p is outside [0, 1].
func Quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 || !(p >= 0 && p <= 1) {
		panic(fmt.Sprintf("stats: Quantile of %d values at p=%g", len(sorted), p))
	}
	i, f := position(len(sorted), p)
	if f == 0 {
		return sorted[i]
	}
	return interpolate(sorted[i], sorted[i+1], f)
}

// position returns the 0-based order statistic at or below the type 7 p-quantile of n values, and the
// fraction of the way to the next one.
func position(n int, p float64) (i int, frac float64) {
	h := float64(n-1) * p
	i = int(h)
	// (n-1)p is a whole number for round n and p; its rounding error must not pull in the next
	// order statistic, which may be open.
	if r := math.Round(h); math.Abs(h-r) < 1e-9 {
		return int(r), 0
	}
	return i, h - float64(i)
}

// interpolate keeps an infinite end infinite instead of turning it into NaN.
func interpolate(a, b, f float64) float64 {
	if f == 0 || a == b || math.IsInf(a, 0) {
		return a
	}
	return a + f*(b-a)
}

// EstimatePercentile estimates the p-quantile, 0 < p < 1, with distribution-free bounds from order
// statistics. They assume independent observations of one distribution; for requests of a run, which
// are correlated, Bootstrap gives the wider, honest interval.
//
// With B ~ Binomial(n, p): Hi is the smallest order statistic x(u) with P(B <= u-1) >= confidence, Lo
// the largest x(l) with P(B <= l-1) <= 1-confidence (David & Nagaraja 2003, Order Statistics, 7.1). Hi
// exists from the least n with p^n <= 1-confidence on, 299 for p99 at 95 %.
//
// Censored observations stand at their lower bounds for Value and Lo, and above all others for Hi, so
// both bounds remain valid however late the censored ones would have ended; Hi is open if it falls on
// one of them.
func EstimatePercentile(obs []Obs, p, confidence float64) (Percentile, error) {
	if !(p > 0 && p < 1) {
		return Percentile{}, fmt.Errorf("percentile %g is not inside (0, 1)", p)
	}
	if !(confidence >= 0.5 && confidence < 1) {
		return Percentile{}, fmt.Errorf("confidence %g is not inside [0.5, 1)", confidence)
	}
	if len(obs) == 0 {
		return Percentile{}, fmt.Errorf("p%g: %w: none", 100*p, ErrNoData)
	}
	n := len(obs)
	byBound := slices.Clone(obs)
	slices.SortFunc(byBound, func(a, b Obs) int {
		if c := cmp.Compare(a.V, b.V); c != 0 {
			return c
		}
		return boolCompare(a.Censored, b.Censored)
	})
	out := Percentile{P: p, Confidence: confidence, N: n}
	values := make([]float64, n)
	var exact []float64
	firstCensored := n
	for i, o := range byBound {
		if !finite(o.V) {
			return Percentile{}, fmt.Errorf("p%g: observation is %g; leave out what was not measured", 100*p, o.V)
		}
		values[i] = o.V
		if o.Censored {
			out.NCensored++
			firstCensored = min(firstCensored, i)
		} else {
			exact = append(exact, o.V)
		}
	}
	i, f := position(n, p)
	out.Value = Quantile(values, p)
	if f > 0 {
		i++
	}
	out.AtLeast = firstCensored <= i

	count := distuv.Binomial{N: float64(n), P: p}
	// Both conditions are monotone in the index.
	l := sort.Search(n, func(j int) bool { return count.CDF(float64(j)) > 1-confidence })
	if l > 0 {
		lo := values[l-1]
		out.Lo = &lo
	}
	u := sort.Search(n, func(j int) bool { return count.CDF(float64(j)) >= confidence })
	if u < len(exact) {
		hi := exact[u]
		out.Hi = &hi
	}
	return out, nil
}

// boolCompare orders false before true.
func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
