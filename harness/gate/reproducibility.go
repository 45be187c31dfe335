package gate

import (
	"fmt"
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// Reproducibility is the grade of how far the p99 of each repetition lies from the median; it decides nothing.
func Reproducibility(ev *evidence.Evidence, _ Claim) Gate {
	const name = "reproducibility"
	within := ev.Exp.Hypothesis.Gates.ReproducedWithin
	bad := worst{}
	for _, g := range ev.Groups() {
		var p99s []float64
		for _, c := range g.Cells {
			if v, ok := (&evidence.Group{Cells: []*evidence.Cell{c}}).Percentile(0.99); ok {
				p99s = append(p99s, v)
			}
		}
		if len(p99s) == 0 {
			continue
		}
		slices.Sort(p99s)
		mid := stats.Quantile(p99s, 0.5)
		bad.high(max(p99s[len(p99s)-1]/mid-1, 1-p99s[0]/mid), g.Cell.String())
	}
	return Grade(name, bad.value <= within, fmt.Sprintf("p99 TTFT of each repetition within %.1f %% of the median (mark %.0f %%; worst: %s)", bad.value*100, within*100, bad.where))
}
