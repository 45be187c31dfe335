package harness

import (
	"cmp"
	"slices"
	"strings"

	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// newErrorRates counts the verdicts of the jobs that are done.
func newErrorRates(r *ratesRun, jobs []rateJob, all []Hypothesis) report.ErrorRates {
	out := report.ErrorRates{Schema: report.ErrorRatesSchema, Commit: r.commit, Program: r.program.Judges, Rates: []report.ErrorRate{}}
	counted := rateCounter{all: all}
	for _, j := range jobs {
		rate := counted.of(j.rate())
		rate.FirstSeed, rate.LastSeed = min(rate.FirstSeed, j.seed), max(rate.LastSeed, j.seed)
		if line := r.line(j); line != nil {
			line.count(rate)
		} else {
			out.Missing++
		}
	}
	out.Rates = counted.inOrder()
	return out
}

// rate is the row that the job belongs to.
func (j rateJob) rate() report.ErrorRate {
	rate := report.ErrorRate{Hypothesis: j.h.ID, World: j.world, Control: j.world != defaultWorld && j.near == nil, FirstSeed: j.seed, LastSeed: j.seed,
		Other: []report.OtherVerdict{}}
	if j.world == defaultWorld && j.expected != verdict.Supported {
		rate.Expected = j.expected
	}
	rate.By = j.by
	if n := j.near; n != nil {
		rate.Near = &report.Near{Check: n.Check, Truth: n.Truth, Measured: new(n.Measured), Power: n.Power, Wanted: n.Runs}
	}
	return rate
}

// count adds the run to its row.
func (l *rateLine) count(rate *report.ErrorRate) {
	rate.Count(l.Outcome)
	var contradicted []string
	for _, c := range l.Checks {
		rate.Tell(c.Name, c.State, (*float64)(c.Value))
		if c.State == verdict.Contradicted {
			contradicted = append(contradicted, c.Name)
		}
	}
	if rate.Control && report.Named(rate.By, l.Outcome, contradicted, l.Gates) {
		rate.Named++
	}
	if rate.Errs(l.Outcome) {
		rate.Other = append(rate.Other, report.OtherVerdict{Seed: l.Seed, Outcome: l.Outcome, Reason: l.Reason})
	}
}

// rateCounter gathers rows by hypothesis and world.
type rateCounter struct {
	all  []Hypothesis
	rows []*report.ErrorRate
}

func (c *rateCounter) of(row report.ErrorRate) *report.ErrorRate {
	for _, r := range c.rows {
		if r.Hypothesis == row.Hypothesis && r.World == row.World {
			return r
		}
	}
	c.rows = append(c.rows, &row)
	return &row
}

// inOrder are the rows in the order of the hypotheses, worlds near a threshold by check and truth.
func (c *rateCounter) inOrder() []report.ErrorRate {
	rank := func(id string) int { return slices.IndexFunc(c.all, func(h Hypothesis) bool { return h.ID == id }) }
	order := func(r *report.ErrorRate) int { // the default world first
		if r.Control {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(c.rows, func(a, b *report.ErrorRate) int {
		byHypothesis := cmp.Compare(rank(a.Hypothesis), rank(b.Hypothesis))
		if a.Near == nil || b.Near == nil {
			return cmp.Or(byHypothesis, cmp.Compare(order(a), order(b)))
		}
		return cmp.Or(byHypothesis, strings.Compare(a.Near.Check, b.Near.Check), cmp.Compare(a.Near.Truth, b.Near.Truth))
	})
	out := []report.ErrorRate{}
	for _, r := range c.rows {
		out = append(out, *r)
	}
	return out
}
