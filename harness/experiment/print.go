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
	if e.Plan != nil {
		fmt.Fprintf(w, "profile %s: %s\n", e.Plan.Plan, e.Plan.Note)
	}
	fmt.Fprintf(w, "each cell: %v baseline, warm-up of at least %v and %d passes, measure %v (up to %v for %d requests)\n",
		r.Baseline, r.Warmup.Min, r.Warmup.Passes, r.Duration, r.MaxDuration, r.MinRequests)
	clock := "of the machine's time"
	if p.Facts.Clock == record.ClockVirtual {
		clock = "of virtual time; the wall time is a small part of it"
	}
	expected, priced := Expect(p, e, staged, nil)
	if priced {
		fmt.Fprintf(w, "expected: %.2f h %s; %.4f TB written to the drive\n", expected.Cost.Seconds/3600, clock, expected.Cost.WrittenBytes/1e12)
	} else {
		fmt.Fprintf(w, "estimated: at least %.1f h %s\n", LeastHours(p, r), clock)
	}
	if staged && e.Hypothesis.Sweep.FineStep > 0 {
		levels := 2 * e.Hypothesis.Sweep.FineStep // on each side of what the first finds
		fmt.Fprintf(w, "then a second stage around what the first finds: up to %d levels a stack, %d cells", levels, later(e, staged))
		if priced {
			fmt.Fprintf(w, ", %.2f h, %.4f TB", expected.LaterCost.Seconds/3600, expected.LaterCost.WrittenBytes/1e12)
		}
		fmt.Fprintln(w)
	}
	width := 0
	for _, c := range p.Cells {
		width = max(width, len(c.Key))
	}
	for i, c := range p.Cells {
		if c.Price == nil {
			fmt.Fprintf(w, "%4d  %s\n", i+1, c.Key)
			continue
		}
		fmt.Fprintf(w, "%4d  %-*s  %6.3f h  %8.5f TB\n", i+1, width, c.Key, c.Price.Seconds/3600, c.Price.WrittenBytes/1e12)
	}
}
