package experiment

import (
	"fmt"
	"io"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// Bounds are what is known of the time that a plan takes where its cells have no prices, in hours on the cells' own clock: numbers,
// because a time.Duration ends after 292 years. A cell takes its baseline, warm-up and measure phase; how much of what it may take it
// will, its passes and its requests decide. What is done between cells comes on top.
type Bounds struct {
	Hypothesis   string
	Cells, Taken int     // in all, and of them those that an earlier plan measures
	Blocks       int     // that decide up to the first look
	First        float64 // the least, up to the first look
	Least, Most  float64 // of all cells
}

// BoundsOf are those of a plan, without the cells that earlier plans measure; its own are added to them. Nil: there are none.
func BoundsOf(p *record.Plan, r config.Run, known *Known) Bounds {
	if known == nil {
		known = &Known{}
	}
	b := Bounds{Hypothesis: p.Hypothesis, Cells: len(p.Cells), Blocks: r.Looks()[0]}
	least := (r.Baseline.Seconds() + r.Warmup.Min.Seconds() + r.Duration.Seconds()) / 3600
	most := (r.Baseline.Seconds() + max(r.Warmup.Min, r.Warmup.Max).Seconds() + max(r.Duration, r.MaxDuration).Seconds()) / 3600
	for i := range p.Cells {
		pc := &p.Cells[i]
		if measuredUpTo(p, pc, r.Looks()[0]) && !known.first[pc.Digest] {
			b.First += least
		}
		if known.all[pc.Digest] {
			b.Taken++
			continue
		}
		b.Least, b.Most = b.Least+least, b.Most+most
	}
	known.first = addUpTo(known.first, p, r.Looks()[0])
	known.all = addUpTo(known.all, p, r.Looks()[len(r.Looks())-1])
	return b
}

// LeastHours is the least time that the plan's cells up to the first look take together.
func LeastHours(p *record.Plan, r config.Run) float64 { return BoundsOf(p, r, nil).First }

// Text says what is known and what is not.
func (b Bounds) Text(clock string) string {
	out := fmt.Sprintf("at least %.2f h %s", b.Least, clock)
	if b.First < b.Least {
		out = fmt.Sprintf("at least %.2f h %s if look 1 (%d blocks) decides it, at least %.2f h for all %d cells",
			b.First, clock, b.Blocks, b.Least, b.Cells)
	}
	return out + fmt.Sprintf(", at most %.2f h, and what lies between cells, if every warm-up and measure phase takes its longest; "+
		"not known: how long they will take, and what is written to the drive", b.Most)
}

// PrintBounds writes what several plans without prices take, a line each, and all of them together.
func PrintBounds(w io.Writer, plans []Bounds) {
	const row = "%-10s %6d %11d %23.2f %16.2f %10.2f %11s\n"
	fmt.Fprintf(w, "%-10s %6s %11s %23s %16s %10s %11s\n", "hypothesis", "cells", "taken over", "first look, h: at least", "all, h: at least", "at most, h", "written, TB")
	var all Bounds
	for _, b := range plans {
		all.Cells, all.Taken, all.First, all.Least, all.Most = all.Cells+b.Cells, all.Taken+b.Taken, all.First+b.First, all.Least+b.Least, all.Most+b.Most
		fmt.Fprintf(w, row, b.Hypothesis, b.Cells, b.Taken, b.First, b.Least, b.Most, "not known")
	}
	fmt.Fprintf(w, row, "all", all.Cells, all.Taken, all.First, all.Least, all.Most, "not known")
}
