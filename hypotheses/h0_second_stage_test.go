package hypotheses

import (
	"maps"
	"math"
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// refineH0 names what the deciding blocks measure: around the first step of the screening block at which the rule's ratio is
// exceeded with requests waiting for admission, that step, its neighbours and fine levels between them; the two ends of the
// sweep, which tell growth and the unloaded latency; and the open loop. A single step is enough to look closer: past saturation
// the ratio falls again, so that on a coarse grid two consecutive steps may not show it. Where no step shows it, the last two steps
// have to show that there is none, and whether growth has stopped.
func refineH0(ev *evidence.Evidence) []record.Cell {
	var out []record.Cell
	for _, stack := range ev.Exp.StackNames() {
		ls := levels(ev, stack, false, 0)
		if len(ls) == 0 {
			continue
		}
		at, none := len(ls)-1, true
		for i, l := range ls {
			if l.p99 > ev.Threshold("rule_ratio")*l.p50 && l.share > ev.Threshold("queue_wait_share") {
				at, none = i, false
				break
			}
		}
		var closed []*evidence.Group
		for _, l := range ls {
			closed = append(closed, l.group)
		}
		out = append(out, aroundStep(ev, stack, closed, at, none)...)
	}
	return out
}

// foreseenH0 is the second stage with the knee at the last step but one of each stack's sweep, the highest that lies inside it.
func foreseenH0(ev *evidence.Evidence) []record.Cell {
	var out []record.Cell
	for _, stack := range ev.Exp.StackNames() {
		var closed []*evidence.Group
		for _, g := range ev.Groups() {
			if g.Stack() == stack && !g.Open() {
				closed = append(closed, g)
			}
		}
		if len(closed) > 0 {
			out = append(out, aroundStep(ev, stack, closed, max(0, len(closed)-2), false)...)
		}
	}
	return out
}

// aroundStep is the second stage of a stack with its knee at a step of its closed loops, which are ascending; none says that the
// step is the last because there is no knee.
func aroundStep(ev *evidence.Evidence, stack string, closed []*evidence.Group, at int, none bool) []record.Cell {
	users := map[int]bool{closed[0].Users(): true, closed[len(closed)-1].Users(): true, closed[at].Users(): true}
	for _, side := range [][2]int{{at - 1, at}, {at, at + 1}} {
		if side[0] < 0 || side[1] >= len(closed) {
			continue
		}
		lo, hi := closed[side[0]].Users(), closed[side[1]].Users()
		users[lo], users[hi] = true, true
		for _, n := range between(lo, hi, ev.Exp.Hypothesis.Sweep.FineStep) {
			users[n] = true
		}
	}
	if none && at > 1 {
		users[closed[at-2].Users()] = true // growth over the last steps says whether it has stopped
	}
	var out []record.Cell
	for _, n := range slices.Sorted(maps.Keys(users)) {
		c := closed[at].Cell.Without("conc", "rep")
		out = append(out, append(c, record.NewCell("conc", n)...))
	}
	for _, g := range ev.Groups() {
		if g.Stack() == stack && g.Open() {
			out = append(out, g.Cell)
		}
	}
	return out
}

// between returns up to n whole numbers evenly spaced strictly between lo and hi.
func between(lo, hi, n int) []int {
	var out []int
	last := lo
	for i := 1; i <= n; i++ {
		v := int(math.Round(float64(lo) + float64(hi-lo)*float64(i)/float64(n+1)))
		if v > last && v < hi {
			out = append(out, v)
			last = v
		}
	}
	return out
}
