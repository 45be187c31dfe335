package verdict

import (
	"cmp"
	"fmt"
	"slices"

	"sparkharness/harness/gate"
)

// Settle applies the precedence: a broken method before anything else, then data that cannot carry the
// claim, then what the checks say at the look's level. Supported needs every check: a union-intersection of tests, each at the
// level, has at most its error, and no correction is due. Refuted needs one of them to be contradicted, for which each has its
// chance: Holm's step-down over the deciding checks. Without any check there is nothing to support, so the outcome is
// Inconclusive.
func Settle(gates []gate.Gate, checks []Check, effect *Effect, level Alpha) Verdict {
	v := Verdict{Gates: gates, Checks: level.holm(checks), Effect: effect}
	for _, worst := range []Outcome{Invalid, Inconclusive} {
		for _, g := range gates {
			if !g.Passed && g.OnFailure == worst {
				v.Reasons = append(v.Reasons, fmt.Sprintf("gate %s failed: %s", g.Name, g.Detail))
			}
		}
		if len(v.Reasons) > 0 {
			v.Outcome = worst
			return v
		}
	}
	count := map[State]int{}
	for _, c := range v.Checks {
		count[c.State]++
	}
	switch {
	case count[Contradicted] > 0:
		v.Outcome = Refuted
	case count[Undecided] > 0 || count[Holds] == 0:
		v.Outcome = Inconclusive
	default:
		v.Outcome = Supported
	}
	if len(checks) == 0 {
		v.Reasons = []string{"no check could be made"}
	}
	// What decided comes first.
	for _, s := range []State{Contradicted, Undecided, Holds, Noted} {
		for _, c := range v.Checks {
			if c.State == s {
				v.Reasons = append(v.Reasons, c.Sentence())
			}
		}
	}
	return v
}

// holm keeps those of the contradictions that stand after Holm's correction for all deciding checks; the others are
// undecided, and say so.
func (a Alpha) holm(checks []Check) []Check {
	var order []int
	for i, c := range checks {
		if c.decides() {
			order = append(order, i)
		}
	}
	out := slices.Clone(checks)
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(checks[a].against(), checks[b].against()) })
	stands := true
	for k, i := range order {
		if stands = stands && checks[i].against()*float64(len(order)-k) <= float64(a); !stands && out[i].State == Contradicted {
			out[i].State = Undecided
			out[i].Detail += fmt.Sprintf("; against it p %.2g, which is not enough among %d checks (Holm)", checks[i].against(), len(order))
		}
	}
	return out
}
