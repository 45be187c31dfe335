package report

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/verdict"
)

// nearColumns are those of worlds near a threshold.
func nearColumns() []column[ErrorRate] {
	near := func(name, unit string, get func(*ErrorRate, *Near) string) column[ErrorRate] {
		return column[ErrorRate]{name: name, unit: unit, has: always[ErrorRate], cell: func(r *ErrorRate) string {
			if r.Near == nil {
				return "-"
			}
			return get(r, r.Near)
		}}
	}
	return []column[ErrorRate]{
		{name: "hypothesis", text: true, has: always[ErrorRate], cell: func(r *ErrorRate) string { return clean(r.Hypothesis) }},
		near("check", "", func(_ *ErrorRate, n *Near) string { return clean(n.Check) }),
		near("truth", "thresholds", func(_ *ErrorRate, n *Near) string { return fmt.Sprintf("%.3g", n.Truth) }),
		near("measured", "", func(_ *ErrorRate, n *Near) string {
			if n.Permuted {
				return "permuted"
			}
			return optional(n.Measured)
		}),
		near("mean of the runs", "", func(r *ErrorRate, n *Near) string {
			if c := r.check(n.Check); c.Of > 0 {
				return fmt.Sprintf("%.4g", c.Sum/float64(c.Of))
			}
			return "-"
		}),
		{name: "world", has: always[ErrorRate], cell: func(r *ErrorRate) string { return clean(r.World) }},
		{name: "seeds", has: always[ErrorRate], cell: func(r *ErrorRate) string { return fmt.Sprintf("%d-%d", r.FirstSeed, r.LastSeed) }},
		near("n", "runs", func(r *ErrorRate, n *Near) string {
			if r.N() < n.Wanted {
				return fmt.Sprintf("%d of %d", r.N(), n.Wanted)
			}
			return count(r.N())
		}),
		near("check holds", "% [95 %]", func(r *ErrorRate, n *Near) string { return rateOf(r.check(n.Check).Holds, r.N()) }),
		near("Supported", "% [95 %]", func(r *ErrorRate, _ *Near) string { return rateOf(r.Supported, r.N()) }),
		near("at most", "%, one-sided 95 %", func(r *ErrorRate, _ *Near) string {
			if r.N() == 0 {
				return "-"
			}
			return fmt.Sprintf("%.2g %%", 100*r.atMost())
		}),
		near("Refuted", "% [95 %]", func(r *ErrorRate, _ *Near) string { return rateOf(r.Refuted, r.N()) }),
		near("Inconclusive", "% [95 %]", func(r *ErrorRate, _ *Near) string { return rateOf(r.Inconclusive, r.N()) }),
		near("Invalid", "% [95 %]", func(r *ErrorRate, _ *Near) string { return rateOf(r.Invalid, r.N()) }),
		near("target", "", func(r *ErrorRate, n *Near) string {
			said := "MISSED"
			switch {
			case r.N() == 0:
				return "-"
			case n.Power:
				return "power"
			case r.met() && (n.Permuted || r.N() >= nearRuns):
				said = "met"
			case r.met():
				said = "share met"
			}
			if r.N() < n.Wanted {
				said += " so far"
			}
			return said
		}),
	}
}

// Deciding is a check that can decide a verdict, with the control worlds that have to contradict it; or why none does.
type Deciding struct {
	Hypothesis, Check string
	Worlds            []string
	Unshown           string
}

// Matrix is, for each deciding check, how it came out in the default world, in the worlds that have to contradict it, and in
// which others it was contradicted in every run.
func (e ErrorRates) Matrix(checks []Deciding) string {
	var rows []matrixRow
	for _, d := range checks {
		row := matrixRow{Deciding: d, holds: "-"}
		for i := range e.Rates {
			r := &e.Rates[i]
			told := r.check(d.Check)
			switch {
			case r.Hypothesis != d.Hypothesis || r.Near != nil || r.N() == 0:
			case !r.Control:
				row.holds = rateOf(told.Holds, r.N())
			case slices.Contains(d.Worlds, r.World):
				row.counted = append(row.counted, r.World)
				row.named = append(row.named, fmt.Sprintf("%s %d of %d", clean(r.World), told.Contradicted, r.N()))
			case told.Contradicted == r.N():
				row.too = append(row.too, clean(r.World))
			}
		}
		for _, world := range d.Worlds {
			if !slices.Contains(row.counted, world) {
				row.named = append(row.named, clean(world)+" not counted")
			}
		}
		if d.Unshown != "" {
			row.named = []string{"none: " + clean(d.Unshown)}
		}
		rows = append(rows, row)
	}
	text := func(name, unit string, get func(*matrixRow) string) column[matrixRow] {
		return column[matrixRow]{name: name, unit: unit, has: always[matrixRow], cell: get}
	}
	list := func(l []string) string {
		if len(l) == 0 {
			return "-"
		}
		return strings.Join(l, ", ")
	}
	return markdown([]column[matrixRow]{
		text("hypothesis", "", func(r *matrixRow) string { return clean(r.Hypothesis) }),
		text("check", "", func(r *matrixRow) string { return clean(r.Check) }),
		text("holds in the default world", "% [95 %]", func(r *matrixRow) string { return r.holds }),
		text("has to be contradicted in", "runs", func(r *matrixRow) string { return list(r.named) }),
		text("always contradicted in, too", "", func(r *matrixRow) string { return list(r.too) }),
	}, rows)
}

type matrixRow struct {
	Deciding
	holds               string
	named, too, counted []string
}

// Named says whether a run in a control world came out by all that it names: its checks contradicted, its gates failed.
func Named(by []string, o verdict.Outcome, contradicted, gates []string) bool {
	for _, name := range by {
		if gate, ok := strings.CutPrefix(name, "gate."); ok && slices.Contains(gates, gate) || slices.Contains(contradicted, name) {
			continue
		}
		return false
	}
	return o != verdict.Supported
}
