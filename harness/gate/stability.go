package gate

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
)

// Stability wants p99 TTFT to scatter little over repetitions. It decides where the claim is "no effect", and is a
// grade elsewhere.
func Stability(ev *evidence.Evidence, c Claim) Gate {
	const name = "stability"
	allowed := ev.Exp.Hypothesis.Gates.MaxCoV
	bad := worst{}
	for _, g := range ev.Groups() {
		if v := evidence.CoVP99(g); v != nil {
			bad.high(*v, g.Cell.String())
		}
	}
	if !bad.seen {
		return Fail(name, Inconclusive, "one_repetition", "fewer than two repetitions: nothing says how far they scatter")
	}
	detail := fmt.Sprintf("CoV of p99 TTFT over repetitions at most %.1f %% (mark %.0f %%; worst: %s)", bad.value*100, allowed*100, bad.where)
	switch {
	case !c.Equivalence:
		return Grade(name, bad.value <= allowed, detail)
	case bad.value > allowed:
		// The standard error of p99 falls with the square root of the time measured.
		longer := math.Pow(bad.value/allowed, 2)
		return Fail(name, Inconclusive, "unstable", fmt.Sprintf("%s; about %.1f x the duration would meet it", detail, longer))
	}
	return Pass(name, detail)
}
