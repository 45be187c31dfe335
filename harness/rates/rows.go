package rates

import (
	"cmp"
	"slices"
	"strings"

	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// rows gather lines by hypothesis and world.
type rows struct {
	all  []verdict.Hypothesis // whose order they follow
	rows []*report.ErrorRate
}

// add counts what a run came to; a run without a line is one that was asked for.
func (r *rows) add(j job, l *line) {
	row := r.of(j.row())
	row.FirstSeed, row.LastSeed = min(row.FirstSeed, j.Seed), max(row.LastSeed, j.Seed)
	if l != nil {
		l.count(row)
	}
}

// of is the row of the same hypothesis and world, which is the one given if there was none.
func (r *rows) of(row report.ErrorRate) *report.ErrorRate {
	for _, known := range r.rows {
		same := known.Near == nil || row.Near == nil || known.Near.Check == row.Near.Check
		if known.Hypothesis == row.Hypothesis && known.World == row.World && same {
			return known
		}
	}
	r.rows = append(r.rows, &row)
	return &row
}

// count adds the run to its row.
func (l *line) count(row *report.ErrorRate) {
	row.Count(l.Outcome)
	var contradicted []string
	for _, c := range l.Checks {
		row.Tell(c.Name, c.State, (*float64)(c.Value))
		if c.State == verdict.Contradicted {
			contradicted = append(contradicted, c.Name)
		}
	}
	if row.Control && report.Named(row.By, l.Outcome, contradicted, l.Gates) {
		row.Named++
	}
	if row.Errs(l.Outcome) {
		row.Other = append(row.Other, report.OtherVerdict{Seed: l.Seed, Outcome: l.Outcome, Reason: l.Reason})
	}
}

// inOrder are the rows in the order of the hypotheses, worlds near a threshold by check and truth.
func (r *rows) inOrder() []report.ErrorRate {
	rank := func(id string) int {
		return slices.IndexFunc(r.all, func(h verdict.Hypothesis) bool { return h.ID == id })
	}
	order := func(r *report.ErrorRate) int { // the default world first
		if r.Control {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(r.rows, func(a, b *report.ErrorRate) int {
		byHypothesis := cmp.Compare(rank(a.Hypothesis), rank(b.Hypothesis))
		if a.Near == nil || b.Near == nil {
			return cmp.Or(byHypothesis, cmp.Compare(order(a), order(b)))
		}
		return cmp.Or(byHypothesis, strings.Compare(a.Near.Check, b.Near.Check), cmp.Compare(a.Near.Truth, b.Near.Truth))
	})
	out := []report.ErrorRate{}
	for _, row := range r.rows {
		out = append(out, *row)
	}
	return out
}
