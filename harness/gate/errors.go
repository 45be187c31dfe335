package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Errors counts what was not answered. A refused request counts as failed unless the claim is about
// failures: the percentiles of those that got in say nothing about those that did not. Time-outs are
// censored observations, and with more than a few of them p99 is only bounded from below; cells that are
// meant to be overloaded may have them.
func Errors(ev *evidence.Evidence, c Claim) Gate {
	const name = "errors"
	allowed := ev.Exp.Hypothesis.Gates.MaxErrorRate
	failed, late := worst{}, worst{}
	for _, g := range ev.Groups() {
		bad, timeouts, all := map[string]int{}, 0, 0
		for _, cell := range g.Cells {
			for i := range cell.Requests {
				all++
				switch cell.Requests[i].RC {
				case record.RCOK:
				case record.RCTimeout:
					timeouts++
				case record.RCRejected:
					if !c.Failures {
						bad[record.RCRejected]++
					}
				default:
					bad[cell.Requests[i].RC]++
				}
			}
		}
		if all == 0 {
			continue
		}
		n, kinds := 0, ""
		for _, rc := range slices.Sorted(maps.Keys(bad)) {
			n += bad[rc]
			kinds += fmt.Sprintf(", %d %s", bad[rc], rc)
		}
		failed.high(float64(n)/float64(all), fmt.Sprintf("%s: %d of %d, of them%s", g.Cell, n, all, strings.TrimPrefix(kinds, ",")))
		if !c.overloads(g.Cell) {
			late.high(float64(timeouts)/float64(all), fmt.Sprintf("%s: %d of %d", g.Cell, timeouts, all))
		}
	}
	switch {
	case !failed.seen:
		return Fail(name, Invalid, "no_requests", "no request was measured")
	case failed.value > allowed:
		return Fail(name, Invalid, "failed_requests", fmt.Sprintf("too many failed or refused requests in %s (allowed %.1f %%; metrics.jsonl has what each was told)", failed.where, allowed*100))
	case late.value > allowed:
		return Fail(name, Inconclusive, "timeouts", fmt.Sprintf("too many time-outs in %s (allowed %.1f %%): p99 is only bounded from below; raise load.request_timeout", late.where, allowed*100))
	}
	return Pass(name, fmt.Sprintf("failed or refused at most %.2f %%, timed out at most %.2f %% (allowed %.1f %%)", failed.value*100, late.value*100, allowed*100))
}
