package gate

import (
	"fmt"

	"sparkharness/harness/evidence"
)

// Environment wants swap off, no throttling, and no other traffic on the disk before the load.
func Environment(ev *evidence.Evidence, _ Claim) Gate {
	const name = "environment"
	allowed := ev.Exp.Hypothesis.Gates.MaxBaselineRPS
	bad := worst{}
	for _, c := range ev.Cells {
		b := &c.Sys.Baseline
		switch {
		case c.Sys.SwapOn:
			return Fail(name, Invalid, "swap", c.Key+": swap is on; turn it off with swapoff -a")
		case c.Sys.Throttle > 0:
			return Fail(name, Invalid, "throttled", fmt.Sprintf("%s: the GPU was throttled in %d samples", c.Key, c.Sys.Throttle))
		case b.NVMeSeconds == 0:
			return Fail(name, Invalid, "no_baseline", c.Key+": no baseline before the load")
		}
		bad.high((b.ReadIOs+b.WriteIOs)/b.NVMeSeconds, c.Key)
	}
	detail := fmt.Sprintf("swap off, no throttling, at most %.1f I/O per s on the disk before the load (allowed %.0f; %s)", bad.value, allowed, bad.where)
	if bad.value > allowed {
		return Fail(name, Invalid, "foreign_traffic", detail)
	}
	return Pass(name, detail)
}
