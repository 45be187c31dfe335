package harness

import (
	"math"

	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// Hypothesis is a claim with its decision rule. The numbers that it decides by are in its configuration.
type Hypothesis struct {
	ID        string // H2A
	Claim     string
	Mechanism string
	Falsifier string
	Config    string   // file below configs/hypotheses
	Requires  []string // names of the thresholds that Config must have, and no others

	// Equivalence says that the claim is "no effect": then noise could hide an effect, and the stability
	// gate decides.
	Equivalence bool
	// ClaimsFailures says that refused requests are part of what is claimed about: they are counted and
	// reported, and fail no gate.
	ClaimsFailures bool
	// OneLevel are the factors of the sweep (ctx, conc) that the decision rule holds fixed: a configuration
	// with more levels of one is refused, because the rule would mix them.
	OneLevel []string
	// Windows says that the rule joins requests and telemetry in time: the configuration must say in windows
	// of what length.
	Windows bool
	// Validate refuses, before anything runs, a configuration that the rule cannot decide by; optional. The error
	// begins with the field.
	Validate func(*Experiment) error
	// Overloads marks cells whose load is meant to exceed what the server can do. Their queues grow by
	// design, so the steady-state gate leaves them out.
	Overloads func(record.Cell) bool
	// Refine plans a second stage from the evidence of the first; optional.
	Refine func(*Evidence) []record.Cell
	// Decide applies the decision rule.
	Decide func(*Evidence) Conclusion
}

// Conclusion is what a decision rule found.
type Conclusion struct {
	Checks   []verdict.Check
	Gates    []verdict.Gate // manipulation checks of this hypothesis, beside the common gates
	Effect   *verdict.Effect
	Findings []report.Finding
	Figures  []report.Figure
	UWork    []UWork
	Sizing   *report.Sizing // answer to a sizing question; optional
}

// openEnds makes bounds that the data leave infinite, as a time-out beyond a percentile does, or undefined, as the
// shift between two open knees, absent: a report holds finite numbers, and an absent bound reads as open.
func (c *Conclusion) openEnds() {
	open := func(bounds ...**float64) {
		for _, b := range bounds {
			if *b != nil && (math.IsInf(**b, 0) || math.IsNaN(**b)) {
				*b = nil
			}
		}
	}
	for i := range c.Checks {
		open(&c.Checks[i].Lo, &c.Checks[i].Hi)
	}
	for i := range c.Findings {
		open(&c.Findings[i].Lo, &c.Findings[i].Hi)
	}
	if c.Effect != nil {
		open(&c.Effect.Lo, &c.Effect.Hi)
	}
}
