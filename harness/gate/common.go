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
	// ClocksVary says that the GPU's clock is not constant by design: then it is a grade and fails nothing.
	ClocksVary bool
	// Staged says that the sweep has a second stage, which has to be planned.
	Staged bool
	// Tier2 is what the claim needs of tier 2.
	Tier2 Tier2Claim
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
	if g, ok := Tier2Reads(ev, c); ok {
		out = append(out, g)
	}
	if g, ok := Answers(ev); ok {
		out = append(out, g)
	}
	if g, ok := Health(ev); ok {
		out = append(out, g)
	}
	if ev.Exp.Hypothesis.Gates.MaxClockDifference > 0 { // an earlier version did not ask for it
		out = append(out, Clocks(ev, c))
	}
	return out
}
