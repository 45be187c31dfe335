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
	look := ev.Look()
	few := worst{}
	for _, g := range ev.Groups() {
		few.high(-float64(len(g.Observations())), g.Cell.String())
	}
	switch {
	case c.Staged && !ev.Plan.Refined:
		return Fail(name, Inconclusive, "stage_missing", "the second stage of the sweep was not planned: continue with -resume")
	case !look.Reached:
		return Fail(name, Inconclusive, "cells_missing", fmt.Sprintf("%d of %d planned cells were measured: the next look is after block %d; continue with -resume",
			len(ev.Cells), len(ev.Plan.Cells), look.Blocks))
	case !few.seen || -few.value < float64(need):
		return Fail(name, Inconclusive, "few_samples",
			fmt.Sprintf("%s has n %.0f in %d blocks, p99 needs %d: a new run with %d blocks or a longer -duration has them", few.where, -few.value, look.Blocks, need,
				int(math.Ceil(float64(need)/max(1, -few.value)*float64(look.Blocks)))))
	}
	return Pass(name, fmt.Sprintf("n at least %.0f in every pooled cell (need %d; least: %s)", -few.value, need, few.where))
}
