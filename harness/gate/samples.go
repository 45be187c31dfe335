package gate

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
)

// Samples wants all that was planned, and enough requests in every pooled cell for a bound of p99.
func Samples(ev *evidence.Evidence, c Claim) Gate {
	const name = "samples"
	need := ev.Exp.Hypothesis.Gates.MinSamples
	few := worst{}
	for _, g := range ev.Groups() {
		few.high(-float64(len(g.Observations())), g.Cell.String())
	}
	switch {
	case len(ev.Cells) < len(ev.Plan.Cells):
		return Fail(name, Inconclusive, "cells_missing", fmt.Sprintf("%d of %d planned cells were measured", len(ev.Cells), len(ev.Plan.Cells)))
	case c.Staged && !ev.Plan.Refined:
		return Fail(name, Inconclusive, "stage_missing", "the second stage of the sweep was not planned: continue with -resume")
	case !few.seen || -few.value < float64(need):
		return Fail(name, Inconclusive, "few_samples",
			fmt.Sprintf("%s has n %.0f, p99 needs %d: repeat with %d repetitions or a longer -duration", few.where, -few.value, need,
				int(math.Ceil(float64(need)/max(1, -few.value)*float64(ev.Exp.Hypothesis.Run.Reps)))))
	}
	return Pass(name, fmt.Sprintf("n at least %.0f in every pooled cell (need %d; least: %s)", -few.value, need, few.where))
}
