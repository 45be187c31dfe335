package harness

import (
	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/verdict"
)

// Hypothesis is what a test file of package hypotheses writes.
type Hypothesis = verdict.Hypothesis

// demand is what the hypothesis asks of its configuration.
func demand(h Hypothesis) experiment.Demand {
	d := experiment.Demand{ID: h.ID, Config: h.Config, Requires: h.Requires, OneLevel: h.OneLevel, Windows: h.Windows, EitherStack: h.EitherStack}
	if h.Validate != nil {
		d.Validate = func(e *config.Experiment) error { return h.Validate(&evidence.Evidence{Exp: e}) }
	}
	return d
}
