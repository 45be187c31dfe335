package stats

import (
	"fmt"
	"math"
	"slices"
)

// Dist is the bootstrap distribution of one statistic.
type Dist struct {
	// Value is the statistic of the data as measured, censored observations at their lower bounds.
	Value float64
	// Draws are the values of the draws, ascending. Where a censored observation decides a draw, its
	// least possible value stands here (-Inf if there is none).
	Draws []float64
	// Upper are the greatest possible values of the draws, ascending, with +Inf where censoring leaves
	// a draw open; nil if no draw depends on a censored observation, that is Upper would equal Draws.
	Upper []float64
	// Censored says that a censored observation decides Value: Value is then a lower bound (of a
	// percentile or a mean) or no more than the quotient or difference of lower bounds.
	Censored bool
}

// Interval returns the two-sided percentile interval: (1-confidence)/2 of the draws lie outside at each
// end. An end is infinite if censored observations leave it open, and both are if d has no draws. It
// panics if confidence is outside (0, 1).
func (d Dist) Interval(confidence float64) (lo, hi float64) {
	if !(confidence > 0 && confidence < 1) {
		panic(fmt.Sprintf("stats: Interval at confidence %g, want it inside (0, 1)", confidence))
	}
	if len(d.Draws) == 0 {
		return math.Inf(-1), math.Inf(1)
	}
	upper := d.Upper
	if upper == nil {
		upper = d.Draws
	}
	tail := (1 - confidence) / 2
	return Quantile(d.Draws, tail), Quantile(upper, 1-tail)
}

// estimate is a statistic of one sample or draw: at face value, and the range that it can have when
// the true values of censored observations are anything from their lower bounds up.
type estimate struct{ at, lo, hi float64 }

func (e estimate) exact() bool { return e.lo == e.at && e.hi == e.at }

// draws are the estimates of a statistic before sorting.
type draws struct {
	value estimate
	each  []estimate
}

func (d draws) dist() Dist {
	out := Dist{Value: d.value.at, Censored: !d.value.exact(), Draws: make([]float64, len(d.each))}
	open := false
	for i, e := range d.each {
		out.Draws[i] = e.lo
		open = open || !e.exact()
	}
	slices.Sort(out.Draws)
	if open {
		out.Upper = make([]float64, len(d.each))
		for i, e := range d.each {
			out.Upper[i] = e.hi
		}
		slices.Sort(out.Upper)
	}
	return out
}
