package verdict

import (
	"fmt"

	"sparkharness/harness/gate"
)

// Settle applies the precedence: a broken method before anything else, then data that cannot carry the
// claim, then what the checks say. Without any check there is nothing to support, so the outcome is
// Inconclusive.
func Settle(gates []gate.Gate, checks []Check, effect *Effect) Verdict {
	v := Verdict{Gates: gates, Checks: checks, Effect: effect}
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
	for _, c := range checks {
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
		for _, c := range checks {
			if c.State == s {
				v.Reasons = append(v.Reasons, c.Sentence())
			}
		}
	}
	return v
}
