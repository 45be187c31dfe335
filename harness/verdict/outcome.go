package verdict

import (
	"fmt"
	"strings"
)

// Outcome is the answer to a hypothesis.
type Outcome string

// The four outcomes.
const (
	Supported    Outcome = "Supported"    // every gate passed and every check holds
	Refuted      Outcome = "Refuted"      // every gate passed and a check is contradicted by the data
	Inconclusive Outcome = "Inconclusive" // the data cannot tell
	Invalid      Outcome = "Invalid"      // the method broke down: no conclusion may be drawn
)

// ParseOutcome accepts an outcome's name in any case.
func ParseOutcome(s string) (Outcome, error) {
	for _, o := range []Outcome{Supported, Refuted, Inconclusive, Invalid} {
		if strings.EqualFold(s, string(o)) {
			return o, nil
		}
	}
	return "", fmt.Errorf("outcome %q is not one of Supported, Refuted, Inconclusive, Invalid", s)
}

// Verdict is an outcome with everything that led to it.
type Verdict struct {
	Outcome Outcome  `json:"outcome"`
	Reasons []string `json:"reasons"`
	Effect  *Effect  `json:"effect"`
	Gates   []Gate   `json:"gates"`
	Checks  []Check  `json:"checks"`
}

// Effect is the headline number of a verdict. A nil bound is open: the data give none.
type Effect struct {
	Name       string   `json:"name"`
	Value      float64  `json:"value"`
	Lo         *float64 `json:"lo"`
	Hi         *float64 `json:"hi"`
	Unit       string   `json:"unit"`
	Confidence float64  `json:"confidence"`
	N          int      `json:"n"`
	Of         string   `json:"n_of"` // what N counts, such as requests
}

// Settle applies the precedence: a broken method before anything else, then data that cannot carry the
// claim, then what the checks say. Without any check there is nothing to support, so the outcome is
// Inconclusive.
func Settle(gates []Gate, checks []Check, effect *Effect) Verdict {
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
