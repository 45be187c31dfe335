package experiment

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// Print writes the plan for people. Cells of a second stage are those that are expected.
func Print(w io.Writer, p *record.Plan, e *config.Experiment, claim string) {
	r := e.Hypothesis.Run
	first := len(p.Cells)
	if i := slices.IndexFunc(p.Cells, func(pc record.PlannedCell) bool { return pc.Stage > 1 }); i >= 0 {
		first = i
	}
	blocks := fmt.Sprintf("%d blocks", r.Reps)
	if r.Screening {
		blocks = "a block that screens"
	}
	fmt.Fprintf(w, "%s  %s\n", p.Hypothesis, claim)
	fmt.Fprintf(w, "run id %s, %d cells in %s, config %s\n", p.RunID, first, blocks, p.Digest[:12])
	if e.Plan != nil {
		fmt.Fprintf(w, "profile %s: %s\n", e.Plan.Plan, e.Plan.Note)
	}
	fmt.Fprintf(w, "each cell: %v baseline, warm-up of at least %v and %d passes, measure %v (up to %v for %d requests)\n",
		r.Baseline, r.Warmup.Min, r.Warmup.Passes, r.Duration, r.MaxDuration, r.MinRequests)
	clock, wall := "of the machine's time", ""
	if p.Facts.Clock == record.ClockVirtual {
		clock, wall = "of virtual time", "; the wall time is a small part of it"
	}
	x, priced := Expect(p, r, nil)
	switch {
	case !priced && p.Facts.Clock != record.ClockVirtual:
		fmt.Fprintf(w, "estimated: %s\n", BoundsOf(p, r, nil).Text(clock))
	case !priced:
		fmt.Fprintf(w, "estimated: at least %.1f h %s%s\n", LeastHours(p, r), clock, wall)
	case len(x.Looks) == 1:
		fmt.Fprintf(w, "expected: %.2f h %s%s; %.4f TB written to the drive\n", x.Most().Seconds/3600, clock, wall, x.Most().WrittenBytes/1e12)
	default:
		fmt.Fprintf(w, "expected: %s%s\n", byLook(x, clock), wall)
	}
	width := 0
	for _, c := range p.Cells {
		width = max(width, len(c.Key))
	}
	line := func(nth, key string, price *record.Price) {
		if price == nil {
			fmt.Fprintf(w, "%4s  %s\n", nth, key)
			return
		}
		fmt.Fprintf(w, "%4s  %-*s  %6.3f h  %8.5f TB\n", nth, width, key, price.Seconds/3600, price.WrittenBytes/1e12)
	}
	for i, c := range p.Cells[:first] {
		line(fmt.Sprint(i+1), c.Key, c.Price)
	}
	if first < len(p.Cells) {
		second(w, p.Cells[first:], line)
	}
}

// byLook says what each look costs that may decide.
func byLook(x Expected, clock string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.2f h %s and %.4f TB written if look 1 of %d (%d blocks) decides it, ",
		x.Looks[0].Seconds/3600, clock, x.Looks[0].WrittenBytes/1e12, len(x.Looks), x.Looks[0].Blocks)
	for i, c := range x.Looks[1 : len(x.Looks)-1] {
		fmt.Fprintf(&b, "%.2f h and %.4f TB if look %d (%d blocks) does, ", c.Seconds/3600, c.WrittenBytes/1e12, i+2, c.Blocks)
	}
	m := x.Most()
	fmt.Fprintf(&b, "at most %.2f h and %.4f TB (%d blocks)", m.Seconds/3600, m.WrittenBytes/1e12, m.Blocks)
	return b.String()
}

// second writes the cells of a second stage, those that differ in nothing but their repetition in a line: how many, and what
// one costs on average.
func second(w io.Writer, cells []record.PlannedCell, line func(nth, key string, price *record.Price)) {
	var order []string
	repetitions := map[string][]record.PlannedCell{}
	for _, pc := range cells {
		key := pc.Cell.Without(config.FactorRep).String()
		if len(repetitions[key]) == 0 {
			order = append(order, key)
		}
		repetitions[key] = append(repetitions[key], pc)
	}
	priced := !slices.ContainsFunc(cells, func(pc record.PlannedCell) bool { return pc.Price == nil })
	var all record.Price
	if priced {
		for _, pc := range cells {
			all.Add(*pc.Price)
		}
	}
	fmt.Fprintf(w, "then a second stage around what the first finds, such as these %d cells", len(cells))
	if priced {
		fmt.Fprintf(w, ", %.2f h, %.4f TB", all.Seconds/3600, all.WrittenBytes/1e12)
	}
	fmt.Fprintln(w, ":")
	for _, key := range order {
		n := len(repetitions[key])
		var mean *record.Price
		if priced {
			mean = &record.Price{}
			for _, pc := range repetitions[key] {
				mean.Add(*pc.Price)
			}
			mean.Seconds, mean.WrittenBytes = mean.Seconds/float64(n), mean.WrittenBytes/float64(n)
		}
		line(fmt.Sprintf("%dx", n), key, mean)
	}
}
