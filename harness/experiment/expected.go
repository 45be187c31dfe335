package experiment

import (
	"fmt"
	"io"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// Expected is what a plan is expected to cost.
type Expected struct {
	Hypothesis string
	Cells      int
	Taken      int          // of them, that an earlier plan measures
	Cost       record.Price // of the other cells that are planned
	// Later is how many cells a second stage adds at most, and LaterCost what they take if they are as the planned ones
	// of a closed loop are on average.
	Later     int
	LaterCost record.Price
}

// Expect sums the prices of a plan; ok is false where a cell has none. staged says that a second stage may follow. known are
// the digests of cells that earlier plans measure, to which those of this plan are added; nil without any.
func Expect(p *record.Plan, e *config.Experiment, staged bool, known map[string]bool) (x Expected, ok bool) {
	x = Expected{Hypothesis: p.Hypothesis, Cells: len(p.Cells)}
	var closed record.Price
	n := 0
	for i := range p.Cells {
		pc := &p.Cells[i]
		if pc.Price == nil {
			return x, false
		}
		if pc.Digest != "" && known[pc.Digest] {
			x.Taken++
			continue
		}
		if known != nil {
			known[pc.Digest] = true
		}
		x.Cost.Add(*pc.Price)
		if pc.RateRPS == nil {
			closed.Add(*pc.Price)
			n++
		}
	}
	if x.Later = later(e, staged); x.Later > 0 && n > 0 {
		share := float64(x.Later) / float64(n)
		x.LaterCost = record.Price{Seconds: closed.Seconds * share, WrittenBytes: closed.WrittenBytes * share}
	}
	return x, true
}

// later is how many cells the second stage of a sweep has at most: fine steps on each side of what the first finds.
func later(e *config.Experiment, staged bool) int {
	if !staged {
		return 0
	}
	return 2 * e.Hypothesis.Sweep.FineStep * e.Hypothesis.Run.Reps * len(e.Stacks)
}

// All is the cost of both stages.
func (x Expected) All() record.Price {
	x.Cost.Add(x.LaterCost)
	return x.Cost
}

// PrintExpected writes what several plans cost, a line each, and all of them together.
func PrintExpected(w io.Writer, plans []Expected) {
	const row = "%-10s %6d %11d %10.2f %12.4f\n"
	fmt.Fprintf(w, "%-10s %6s %11s %10s %12s\n", "hypothesis", "cells", "taken over", "hours", "TB written")
	var sum record.Price
	cells, taken := 0, 0
	for _, x := range plans {
		all := x.All()
		sum.Add(all)
		cells, taken = cells+x.Cells+x.Later, taken+x.Taken
		fmt.Fprintf(w, row, x.Hypothesis, x.Cells+x.Later, x.Taken, all.Seconds/3600, all.WrittenBytes/1e12)
	}
	if len(plans) > 1 {
		fmt.Fprintf(w, row, "all", cells, taken, sum.Seconds/3600, sum.WrittenBytes/1e12)
	}
}
