package experiment

import (
	"fmt"
	"io"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// LeastHours is the least time that the plan's cells take together, on the cells' own clock. It is a number of hours,
// because a time.Duration ends after 292 years.
func LeastHours(p *record.Plan, r config.Run) float64 {
	return float64(len(p.Cells)) * (r.Baseline.Seconds() + r.Warmup.Min.Seconds() + r.Duration.Seconds()) / 3600
}

// Print writes the plan for people. staged says that a second stage may follow.
func Print(w io.Writer, p *record.Plan, e *config.Experiment, claim string, staged bool) {
	r := e.Hypothesis.Run
	fmt.Fprintf(w, "%s  %s\n", p.Hypothesis, claim)
	fmt.Fprintf(w, "run id %s, %d cells in %d blocks, config %s\n", p.RunID, len(p.Cells), r.Reps, p.Digest[:12])
	fmt.Fprintf(w, "each cell: %v baseline, warm-up of at least %v and %d passes, measure %v (up to %v for %d requests)\n",
		r.Baseline, r.Warmup.Min, r.Warmup.Passes, r.Duration, r.MaxDuration, r.MinRequests)
	clock := "of the machine's time"
	if p.Facts.Clock == record.ClockVirtual {
		clock = "of virtual time; the wall time is a small part of it"
	}
	fmt.Fprintf(w, "estimated: at least %.1f h %s\n", LeastHours(p, r), clock)
	if staged && e.Hypothesis.Sweep.FineStep > 0 {
		levels := 2 * e.Hypothesis.Sweep.FineStep // on each side of what the first finds
		fmt.Fprintf(w, "then a second stage around what the first finds: up to %d levels a stack, %d cells\n", levels, levels*r.Reps*len(e.Stacks))
	}
	for i, c := range p.Cells {
		fmt.Fprintf(w, "%4d  %s\n", i+1, c.Key)
	}
}
