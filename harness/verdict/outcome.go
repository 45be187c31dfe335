package verdict

import (
	"fmt"
	"strings"

	"sparkharness/harness/gate"
)

// Outcome is the answer to a hypothesis.
type Outcome = gate.Outcome

// The four outcomes.
const (
	Supported    Outcome = "Supported" // every gate passed and every check holds
	Refuted      Outcome = "Refuted"   // every gate passed and a check is contradicted by the data
	Inconclusive         = gate.Inconclusive
	Invalid              = gate.Invalid
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
	Outcome Outcome     `json:"outcome"`
	Scope   string      `json:"scope"` // what it is a verdict about: model, stacks, levels and machine, and no others
	Reasons []string    `json:"reasons"`
	Effect  *Effect     `json:"effect"`
	Gates   []gate.Gate `json:"gates"`
	Checks  []Check     `json:"checks"`
}
