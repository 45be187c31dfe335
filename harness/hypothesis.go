package harness

import (
	"sparkharness/harness/experiment"
	"sparkharness/harness/verdict"
)

// Hypothesis is what a test file of package hypotheses writes.
type Hypothesis = verdict.Hypothesis

// demand is what the hypothesis asks of its configuration.
func demand(h Hypothesis) experiment.Demand {
	return experiment.Demand{ID: h.ID, Config: h.Config, Requires: h.Requires, OneLevel: h.OneLevel, Windows: h.Windows, Validate: h.Validate}
}
