package gate

import (
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Claim is what gates have to know of the claim that they guard.
type Claim struct {
	// Equivalence says that the claim is "no effect": then noise could hide an effect, and Stability decides.
	Equivalence bool
	// Failures says that refused requests are part of what is claimed about: they fail no gate.
	Failures bool
	// Overloads marks cells whose load is meant to exceed what the server can do; nil: none.
	Overloads func(record.Cell) bool
	// Staged says that the sweep has a second stage, which has to be planned.
	Staged bool
}

func (c Claim) overloads(cell record.Cell) bool { return c.Overloads != nil && c.Overloads(cell) }

// common are the preconditions of every hypothesis, in the order in which they are shown.
var common = []func(*evidence.Evidence, Claim) Gate{
	Alignment, Treatment, Client, Prompt, Counters, Errors, Environment, Samples, Stability, Steady, Reproducibility,
}

// Common applies the preconditions of every hypothesis.
func Common(ev *evidence.Evidence, c Claim) []Gate {
	out := make([]Gate, 0, len(common))
	for _, g := range common {
		out = append(out, g(ev, c))
	}
	return out
}
