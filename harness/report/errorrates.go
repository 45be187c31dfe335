package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/disk"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// ErrorRatesSchema names the layout of error_rates.json.
const ErrorRatesSchema = "sparkharness.error_rates.v1"

// Targets: Supported in a control world at most, and the expected outcome in the default world at least, in this share of runs.
const (
	controlTarget = 0.05
	defaultTarget = 0.90
)

// ErrorRates are the rates of each verdict over many seeds.
type ErrorRates struct {
	Schema  string      `json:"schema"`
	Commit  string      `json:"commit"`
	Program string      `json:"program"` // sha256 of the executable
	Missing int         `json:"missing"` // runs that were asked for and are not there
	Rates   []ErrorRate `json:"rates"`
}

// ErrorRate are the verdicts of one hypothesis in one world.
type ErrorRate struct {
	Hypothesis string `json:"hypothesis"`
	World      string `json:"world"`
	Control    bool   `json:"control"` // the world lacks the mechanism: Supported is an error there
	// Expected is the outcome that the configuration expects of the default world, if it is not Supported.
	Expected     verdict.Outcome `json:"expected,omitempty"`
	FirstSeed    uint64          `json:"first_seed"`
	LastSeed     uint64          `json:"last_seed"`
	Supported    int             `json:"supported"`
	Refuted      int             `json:"refuted"`
	Inconclusive int             `json:"inconclusive"`
	Invalid      int             `json:"invalid"`
	// By are the checks and gates by which a control world is to be told from the default one, and Named the runs in which it was
	// by all of them, and not Supported.
	By    []string `json:"by,omitempty"`
	Named int      `json:"named,omitempty"`
	// Checks are what the deciding checks said; none in counts of earlier versions.
	Checks []CheckRate `json:"checks,omitempty"`
	Near   *Near       `json:"near,omitempty"` // null but in worlds near a threshold
	// Other are the runs in which the verdict was an error: Supported in a control world, anything but the expected outcome in
	// the default world.
	Other []OtherVerdict `json:"other"`
}

// OtherVerdict is a run that did not come out as it should.
type OtherVerdict struct {
	Seed    uint64          `json:"seed"`
	Outcome verdict.Outcome `json:"outcome"`
	Reason  string          `json:"reason"`
}

// CheckRate is how often a deciding check was in which state. It may be in none, where a run ended before it or found nothing
// to ask it about.
type CheckRate struct {
	Name         string `json:"name"`
	Holds        int    `json:"holds"`
	Contradicted int    `json:"contradicted"`
	Undecided    int    `json:"undecided"`
	// Sum of the estimates, and of how many, so that their mean can be told.
	Sum float64 `json:"sum"`
	Of  int     `json:"of"`
}

// Near is how near a world is to the threshold of a check.
type Near struct {
	Check string  `json:"check"`
	Truth float64 `json:"truth"` // in thresholds on their own scale
	// Measured is the truth in the check's unit, null where it is not known.
	Measured *float64 `json:"measured"`
	Power    bool     `json:"power"` // the check ought to hold there
	// Permuted says that the windows of each arm were permuted: the check must not hold, whatever the verdict.
	Permuted bool `json:"permuted,omitempty"`
	Wanted   int  `json:"wanted"`
}

// Tell adds what a run said of a check.
func (r *ErrorRate) Tell(name string, state verdict.State, value *float64) {
	i := slices.IndexFunc(r.Checks, func(c CheckRate) bool { return c.Name == name })
	if i < 0 {
		i = len(r.Checks)
		r.Checks = append(r.Checks, CheckRate{Name: name})
	}
	c := &r.Checks[i]
	switch state {
	case verdict.Holds:
		c.Holds++
	case verdict.Contradicted:
		c.Contradicted++
	default:
		c.Undecided++
	}
	if value != nil && !math.IsInf(*value, 0) && !math.IsNaN(*value) {
		c.Sum += *value
		c.Of++
	}
}

// check is what is known of a check, nothing of one that was never there.
func (r *ErrorRate) check(name string) CheckRate {
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	return CheckRate{Name: name}
}

// Count adds a verdict.
func (r *ErrorRate) Count(o verdict.Outcome) {
	switch o {
	case verdict.Supported:
		r.Supported++
	case verdict.Refuted:
		r.Refuted++
	case verdict.Inconclusive:
		r.Inconclusive++
	case verdict.Invalid:
		r.Invalid++
	}
}

// N is the number of runs.
func (r *ErrorRate) N() int { return r.Supported + r.Refuted + r.Inconclusive + r.Invalid }

// due is the outcome that has a target: at most so often in a control world, at least so often in the default world.
func (r *ErrorRate) due() verdict.Outcome { return cmp.Or(r.Expected, verdict.Supported) }

// Errs says whether a verdict is an error. Near a threshold none is by itself: a share of them is due.
func (r *ErrorRate) Errs(o verdict.Outcome) bool { return r.Near == nil && (o == r.due()) == r.Control }

// of is how many runs had an outcome.
func (r *ErrorRate) of(o verdict.Outcome) int {
	return map[verdict.Outcome]int{verdict.Supported: r.Supported, verdict.Refuted: r.Refuted, verdict.Inconclusive: r.Inconclusive, verdict.Invalid: r.Invalid}[o]
}

// met says whether the rate of the outcome that is due meets its target.
func (r *ErrorRate) met() bool {
	share := float64(r.of(r.due())) / float64(max(1, r.N()))
	switch {
	case r.Near != nil && r.Near.Power:
		return true // there is no target of power
	case r.Near != nil && r.Near.Permuted:
		return float64(r.check(r.Near.Check).Holds) <= controlTarget*float64(r.N())
	case r.Near != nil:
		return share <= controlTarget && (r.N() < nearRuns || r.atMost() <= nearMost)
	case r.Control:
		return share <= controlTarget
	}
	return r.N() > 0 && share >= defaultTarget
}

// atMost is the one-sided bound of what must be rare near a threshold: Supported, or with permuted windows that the check holds.
func (r *ErrorRate) atMost() float64 {
	k := r.Supported
	if r.Near.Permuted {
		k = r.check(r.Near.Check).Holds
	}
	_, most := stats.ClopperPearson(k, max(1, r.N()), 1-2*nearAlpha)
	return most
}

// Near a threshold Supported has a target of its own where so many runs were counted: a one-sided bound of 95 %.
const (
	nearRuns  = 200
	nearAlpha = 0.05
	nearMost  = 0.08
)

// rateOf is a count in percent with its exact 95 % interval.
func rateOf(k, n int) string {
	if n == 0 {
		return "-"
	}
	lo, hi := stats.ClopperPearson(k, n, 0.95)
	return fmt.Sprintf("%.3g %% [%.0f, %.0f]", 100*float64(k)/float64(n), 100*lo, 100*hi)
}

// Missed names the targets that are not met.
func (e ErrorRates) Missed() []string {
	var out []string
	for i := range e.Rates {
		r := &e.Rates[i]
		switch {
		case r.N() == 0 || r.met():
		case r.Near != nil && r.Near.Permuted:
			out = append(out, fmt.Sprintf("%s in world %s: %s holds in %d of %d runs (at most %.0f %%)", r.Hypothesis, r.World, r.Near.Check,
				r.check(r.Near.Check).Holds, r.N(), 100*controlTarget))
		default:
			few := r.Control || r.Near != nil
			out = append(out, fmt.Sprintf("%s in world %s is %s in %d of %d runs (%s %.0f %%)", r.Hypothesis, r.World, r.due(), r.of(r.due()), r.N(),
				map[bool]string{true: "at most", false: "at least"}[few], 100*map[bool]float64{true: controlTarget, false: defaultTarget}[few]))
		}
	}
	return out
}

func rateColumns() []column[ErrorRate] {
	kind := func(name string, get func(*ErrorRate) int) column[ErrorRate] {
		return column[ErrorRate]{name: name, unit: "% [95 %]", has: always[ErrorRate], cell: func(r *ErrorRate) string { return rateOf(get(r), r.N()) }}
	}
	return []column[ErrorRate]{
		{name: "hypothesis", text: true, has: always[ErrorRate], cell: func(r *ErrorRate) string { return clean(r.Hypothesis) }},
		{name: "world", has: always[ErrorRate], cell: func(r *ErrorRate) string { return clean(r.World) }},
		{name: "seeds", has: always[ErrorRate], cell: func(r *ErrorRate) string { return fmt.Sprintf("%d-%d", r.FirstSeed, r.LastSeed) }},
		{name: "n", unit: "runs", has: always[ErrorRate], cell: func(r *ErrorRate) string { return count(r.N()) }},
		kind("Supported", func(r *ErrorRate) int { return r.Supported }),
		kind("Refuted", func(r *ErrorRate) int { return r.Refuted }),
		kind("Inconclusive", func(r *ErrorRate) int { return r.Inconclusive }),
		kind("Invalid", func(r *ErrorRate) int { return r.Invalid }),
		{name: "as named", unit: "% [95 %]", has: func(r *ErrorRate) bool { return len(r.By) > 0 }, cell: func(r *ErrorRate) string {
			if len(r.By) == 0 {
				return "-"
			}
			return rateOf(r.Named, r.N())
		}},
		{name: "target", has: always[ErrorRate], cell: func(r *ErrorRate) string {
			of := ""
			if r.Expected != "" {
				of = " (" + string(r.Expected) + ")"
			}
			switch {
			case r.N() == 0:
				return "-"
			case r.met():
				return "met" + of
			}
			return "MISSED" + of
		}},
	}
}

// Text prints the rates for a terminal.
func (e ErrorRates) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "verdicts over seeds, exact binomial 95 %% intervals; target: Supported at most %.0f %% in a control world, at least %.0f %% in the default world\ncommit %s, program %.12s\n\n",
		100*controlTarget, 100*defaultTarget, clean(e.Commit), clean(e.Program))
	b.WriteString(columnLines(filled(e.columns(), e.Rates), e.Rates, cellWidth))
	for i := range e.Rates {
		for _, o := range e.Rates[i].Other {
			fmt.Fprintf(&b, "\n%s/%s seed %d: %s: %s", clean(e.Rates[i].Hypothesis), clean(e.Rates[i].World), o.Seed, clean(string(o.Outcome)), clean(o.Reason))
		}
	}
	b.WriteString("\n")
	return b.String()
}

// Markdown prints the rates as a table for a text.
func (e ErrorRates) Markdown() string {
	return markdown(e.columns(), e.Rates)
}

// columns are those of worlds near thresholds where all are that.
func (e ErrorRates) columns() []column[ErrorRate] {
	if len(e.Rates) > 0 && !slices.ContainsFunc(e.Rates, func(r ErrorRate) bool { return r.Near == nil }) {
		return nearColumns()
	}
	return rateColumns()
}

func markdown[R any](all []column[R], rows []R) string {
	if len(rows) == 0 {
		return "Nothing has been counted.\n"
	}
	var b strings.Builder
	columns := filled(all, rows)
	for _, c := range columns {
		fmt.Fprintf(&b, "| %s ", c.heading())
	}
	b.WriteString("|\n" + strings.Repeat("|---", len(columns)) + "|\n")
	for i := range rows {
		for _, c := range columns {
			fmt.Fprintf(&b, "| %s ", c.cell(&rows[i]))
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// Write puts the rates into dir, as JSON, text and Markdown under one name.
func (e ErrorRates) Write(dir, name string) error {
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("encode error rates: %w", err)
	}
	return errors.Join(
		disk.Replace(filepath.Join(dir, name+".json"), append(data, '\n')),
		disk.Replace(filepath.Join(dir, name+".txt"), []byte(e.Text())),
		disk.Replace(filepath.Join(dir, name+".md"), []byte(e.Markdown())))
}
