package experiment

import (
	"fmt"
	"io"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// Cost is what the cells of a plan cost that are measured up to a look.
type Cost struct {
	Blocks int // that decide, up to the look
	Cells  int // up to the look, those of a first stage and of a block that screens included
	Taken  int // of them, that an earlier plan measures
	record.Price
}

// Expected is what a plan is expected to cost.
type Expected struct {
	Hypothesis string
	// Looks are the costs up to each look, ascending, after earlier plans that measured all of theirs.
	Looks []Cost
	// First is the cost up to the first look, after earlier plans that ended at theirs.
	First Cost
}

// Most is the cost of all cells.
func (x Expected) Most() Cost { return x.Looks[len(x.Looks)-1] }

// Known are the digests of cells that earlier plans measure. The zero value knows none.
type Known struct {
	first map[string]bool // up to their first looks
	all   map[string]bool
}

// Expect sums the prices of a plan up to each look of its run; ok is false where a cell has none. The plan has its second stage,
// if there is one, as it is expected. A cell that earlier plans measure costs nothing, and those of this plan are added to
// them; nil without any.
func Expect(p *record.Plan, r config.Run, known *Known) (x Expected, ok bool) {
	x.Hypothesis = p.Hypothesis
	if known == nil {
		known = &Known{}
	}
	for i := range p.Cells {
		if p.Cells[i].Price == nil {
			return x, false
		}
	}
	looks := r.Looks()
	for _, blocks := range looks {
		x.Looks = append(x.Looks, costUpTo(p, blocks, known.all))
	}
	x.First = costUpTo(p, looks[0], known.first)
	known.first = addUpTo(known.first, p, looks[0])
	known.all = addUpTo(known.all, p, looks[len(looks)-1])
	return x, true
}

// costUpTo sums the prices of the cells up to the look after so many blocks, without those whose digests are known.
func costUpTo(p *record.Plan, blocks int, known map[string]bool) Cost {
	c := Cost{Blocks: blocks}
	for i := range p.Cells {
		pc := &p.Cells[i]
		if !measuredUpTo(p, pc, blocks) {
			continue
		}
		c.Cells++
		if known[pc.Digest] {
			c.Taken++
			continue
		}
		c.Add(*pc.Price)
	}
	return c
}

// addUpTo adds the digests of the cells up to the look after so many blocks.
func addUpTo(known map[string]bool, p *record.Plan, blocks int) map[string]bool {
	if known == nil {
		known = map[string]bool{}
	}
	for i := range p.Cells {
		if pc := &p.Cells[i]; pc.Digest != "" && measuredUpTo(p, pc, blocks) {
			known[pc.Digest] = true
		}
	}
	return known
}

// measuredUpTo says whether a cell is measured before a look after so many blocks. A first stage is looked at by nobody: it is
// measured whole.
func measuredUpTo(p *record.Plan, pc *record.PlannedCell, blocks int) bool {
	return pc.Stage < p.Cells[len(p.Cells)-1].Stage || pc.Rep <= blocks
}

// PrintExpected writes what several plans cost, a line each, and all of them together.
func PrintExpected(w io.Writer, plans []Expected) {
	const row = "%-10s %6d %11d %13.2f %10.2f %11.4f\n"
	fmt.Fprintf(w, "%-10s %6s %11s %13s %10s %11s\n", "hypothesis", "cells", "taken over", "first look, h", "at most, h", "at most, TB")
	var first, most Cost
	for _, x := range plans {
		m := x.Most()
		first.Add(x.First.Price)
		most.Add(m.Price)
		most.Cells, most.Taken = most.Cells+m.Cells, most.Taken+m.Taken
		fmt.Fprintf(w, row, x.Hypothesis, m.Cells, m.Taken, x.First.Seconds/3600, m.Seconds/3600, m.WrittenBytes/1e12)
	}
	if len(plans) > 1 {
		fmt.Fprintf(w, row, "all", most.Cells, most.Taken, first.Seconds/3600, most.Seconds/3600, most.WrittenBytes/1e12)
	}
}
