package verdict

import "sparkharness/harness/gate"

// Conclusion is what a decision rule found.
type Conclusion struct {
	Checks   []Check
	Gates    []gate.Gate // manipulation checks of this hypothesis, beside the common gates
	Effect   *Effect
	Findings []Finding
	Figures  []Figure
	UWork    []UWork
	Sizing   *Sizing // answer to a sizing question; optional
}
