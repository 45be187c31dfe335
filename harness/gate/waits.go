package gate

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
)

// WaitsKnown is the gate that a claim about admission waits needs: the server told them.
func WaitsKnown(ev *evidence.Evidence) Gate {
	const name = "admission waits"
	need := ev.Exp.Hypothesis.Gates.MinCoverage
	least := worst{}
	for _, c := range ev.Cells {
		points, answered := c.Waits()
		if answered == 0 {
			continue // other gates say so
		}
		least.high(-float64(len(points))/float64(answered), c.Key)
	}
	if !least.seen {
		return Fail(name, Invalid, "not_reported", "no request was answered, so that no wait is known: look at the server's log")
	}
	if -least.value < need {
		return Fail(name, Invalid, "not_reported", fmt.Sprintf(
			"the server told how long it kept requests waiting for %.0f %% of the answers of %s (need %.0f %%): set return_perf_metrics and perf_metrics_max_requests on trtllm-serve, or allow nvext timing on Dynamo",
			math.Abs(least.value)*100, least.where, need*100))
	}
	return Pass(name, fmt.Sprintf("the server told the wait of at least %.1f %% of the answered requests (need %.0f %%)", -least.value*100, need*100))
}
