package gate

import (
	"fmt"

	"sparkharness/harness/evidence"
)

// Alignment wants every source to have filled its slots of the cadence, on the one clock of its cell.
func Alignment(ev *evidence.Evidence, _ Claim) Gate {
	const name = "alignment"
	need := ev.Exp.Hypothesis.Gates.MinCoverage
	low := worst{}
	for _, c := range ev.Cells {
		slots := c.Info.Coverage.Slots
		if slots == 0 {
			return Fail(name, Invalid, "no_samples", c.Key+" has no telemetry slots")
		}
		for _, s := range c.Info.Coverage.Sources {
			// A KV sample is also taken in the slot before the first.
			share := min(1, float64(s.Samples)/float64(slots))
			low.high(-share, fmt.Sprintf("%s of %s", s.Name, c.Key))
		}
	}
	detail := fmt.Sprintf("every source filled at least %.1f %% of its slots (need %.0f %%; least: %s)", -low.value*100, need*100, low.where)
	if !low.seen || -low.value < need {
		return Fail(name, Invalid, "coverage", detail)
	}
	return Pass(name, detail)
}
