package verdict

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
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
	// Tier2 is what the claim needs of tier 2, where prefixes exceed the RAM tiers.
	Tier2 gate.Tier2Claim
	// OneLevel are the factors of the sweep (ctx, conc, fio) that the decision rule holds fixed: a configuration
	// with more levels of one is refused, because the rule would mix them.
	OneLevel []string
	// EitherStack says that the rule judges each stack by itself: of two, one alone is enough.
	EitherStack bool
	// Waits says that the rule asks which requests waited for admission: a server that does not tell cannot be judged.
	Waits bool
	// Windows says that the rule joins requests and telemetry in time: the configuration must say in windows
	// of what length.
	Windows bool
	// Validate refuses, before anything runs, a configuration that the rule cannot decide by; optional. The evidence
	// has the configuration and nothing else yet. The error begins with the field.
	Validate func(*evidence.Evidence) error
	// Overloads marks cells whose load is meant to exceed what the server can do. Their queues grow by
	// design, so the steady-state gate leaves them out.
	Overloads func(record.Cell) bool
	// ClocksVary says that the GPU's clock differs between arms by design.
	ClocksVary bool
	// Refine plans a second stage from the evidence of the first; optional.
	Refine func(*evidence.Evidence) []record.Cell
	// Deciding are the names of the checks that Decide may conclude with and that are not noted: what a verdict can depend on.
	// A conclusion with another one breaks. Nil: any, of a rule that nobody relies on.
	Deciding []string
	// Foresees names the second stage that Refine is expected to plan, by which a run is priced before anything is
	// measured; where there is Refine, it must be. The evidence has the cells of the first stage, and nothing in them.
	Foresees func(*evidence.Evidence) []record.Cell
	// Decide applies the decision rule.
	Decide func(*evidence.Evidence) Conclusion
}

// Stages says that a second stage follows the first: levels around what that finds, or blocks that confirm it.
func (h Hypothesis) Stages(e *config.Experiment) bool {
	return h.Refine != nil && (e.Hypothesis.Sweep.FineStep > 0 || e.Hypothesis.Run.Screening)
}

// claim is what the gates have to know of the hypothesis.
func (h Hypothesis) claim(e *config.Experiment) gate.Claim {
	return gate.Claim{Equivalence: h.Equivalence, Failures: h.ClaimsFailures, Overloads: h.Overloads, ClocksVary: h.ClocksVary, Staged: h.Stages(e), Tier2: h.Tier2}
}

// decidesByNamed panics on a check that decides and that the hypothesis does not name: nobody would know that a verdict can depend
// on it, and no control would have to show that it can be contradicted.
func (h Hypothesis) decidesByNamed(checks []Check) {
	for _, c := range checks {
		if h.Deciding != nil && c.decides() && !slices.Contains(h.Deciding, c.Name) {
			panic(fmt.Sprintf("%s concludes with the check %s, which is none of its deciding ones (%s): name it in Deciding, and a control that contradicts it",
				h.ID, c.Name, strings.Join(h.Deciding, ", ")))
		}
	}
}
