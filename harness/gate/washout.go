package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// washedOut asks whether the drive was as good as new before each cell's load: the probe's mean latency in the baseline
// is within max_carry_over of that on an undisturbed drive. That is the lower median over the baselines that do not
// follow a cell with fio, of which the run's first is one. Cells follow each other as they were begun, or, on machines of their
// own, as they were planned.
func washedOut(ev *evidence.Evidence) Gate {
	const name = "fio"
	allowed := ev.Exp.Hypothesis.Gates.MaxCarryOver
	cells := inOrder(ev)
	for _, c := range cells {
		switch {
		case c.Info.Probe == nil:
			return Fail(name, Invalid, "no_probe",
				c.Key+": no probe read the drive beside it, so what fio does to a read is not known: measure the run again")
		case c.Sys.Baseline.Probe() == nil:
			return Fail(name, Invalid, "probe_unknown", c.Key+": no read of the probe ended before the load: raise run.baseline")
		}
	}
	undisturbed, _ := undisturbedProbes(ev)
	if len(undisturbed) == 0 {
		return Fail(name, Invalid, "no_undisturbed", "fio ran right before every cell that is left, so what an undisturbed drive is is not known: measure the run again")
	}
	level := lowerMedian(undisturbed)
	furthest := worst{}
	for i, c := range cells {
		after := "first of the run"
		if before, _ := follows(ev, cells, i); before != "" {
			after = "after " + before
		}
		v := *c.Sys.Baseline.Probe()
		furthest.high(math.Abs(v/level-1), fmt.Sprintf("%.0f us in %s, %s", v, c.Key, after))
	}
	detail := fmt.Sprintf("before a load a read of the probe took at most %.1f %% more or less "+
		"than the %.0f us of an undisturbed drive (allowed %.0f %%; %s)",
		furthest.value*100, level, allowed*100, furthest.where)
	if furthest.value > allowed {
		return Fail(name, Invalid, "not_washed_out", detail+": wait longer between cells, with a longer run.baseline")
	}
	return Pass(name, detail)
}

// inOrder are the cells as they were begun, or, on machines of their own, as they were planned.
func inOrder(ev *evidence.Evidence) []*evidence.Cell {
	cells := slices.Clone(ev.Cells)
	slices.SortStableFunc(cells, func(a, b *evidence.Cell) int { return cmp.Compare(a.Info.Start, b.Info.Start) })
	return cells
}

// undisturbedProbes are how long a read of the probe took, us, before the load of each cell that follows none with fio, and those cells.
func undisturbedProbes(ev *evidence.Evidence) (us []float64, of []*evidence.Cell) {
	cells := inOrder(ev)
	for i, c := range cells {
		_, after := follows(ev, cells, i)
		if v := c.Sys.Baseline.Probe(); c.Info.Probe != nil && v != nil && !after {
			us, of = append(us, *v), append(of, c)
		}
	}
	return us, of
}

// follows is what was measured right before a cell of those in order, "" before the first, and whether fio ran there: a cell, or one that
// was put aside since.
func follows(ev *evidence.Evidence, cells []*evidence.Cell, i int) (before string, fio bool) {
	var at float64
	if i > 0 {
		at, before, fio = cells[i-1].Info.Start, cells[i-1].Key, withFio(cells[i-1])
	}
	for _, q := range ev.Quarantined {
		if placed(ev, q) && q.Start > at && q.Start < cells[i].Info.Start {
			at, before, fio = q.Start, q.Cell+" (measured again since)", hadFio(ev, q)
		}
	}
	return before, fio
}

// oneMachine says that all cells share a machine and its clock: they follow one another as they began.
func oneMachine(ev *evidence.Evidence) bool { return ev.Plan.Facts.Clock == record.ClockReal }

// placed says that a cell that was put aside has its place in the order.
func placed(ev *evidence.Evidence, q record.Quarantined) bool { return oneMachine(ev) && q.Start > 0 }

func withFio(c *evidence.Cell) bool { return c.Info.Fio != nil && len(c.Info.Fio.Jobs) > 0 }

// hadFio says that fio ran in a cell that was put aside, or may have: what the cells of its profile say, or, on machines of their own, the
// one that was measured in its place.
func hadFio(ev *evidence.Evidence, q record.Quarantined) bool {
	if !oneMachine(ev) && !slices.ContainsFunc(ev.Cells, func(c *evidence.Cell) bool { return c.Key == q.Cell }) {
		return true
	}
	i := slices.IndexFunc(ev.Plan.Cells, func(pc record.PlannedCell) bool { return pc.Key == q.Cell })
	if i < 0 {
		return true
	}
	k := slices.IndexFunc(ev.Cells, func(c *evidence.Cell) bool { return c.Fio == ev.Plan.Cells[i].Fio })
	return k < 0 || withFio(ev.Cells[k])
}

// fioAside says that a cell with fio was put aside of which nobody knows any more what it came before.
func fioAside(ev *evidence.Evidence) bool {
	return slices.ContainsFunc(ev.Quarantined, func(q record.Quarantined) bool { return !placed(ev, q) && hadFio(ev, q) })
}

// lowerMedian is the middle value, or the lower one of two.
func lowerMedian(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// leastUndisturbed is how many baselines have to tell what an undisturbed drive is before one of them is off.
const leastUndisturbed = 3

// probeOff says that before the load of a cell the drive was not as it is when undisturbed. On one machine the cell is measured again
// after another one, and what remains of fio shows then, too, unless it has gone: in more cells than may be measured again it does
// not go, which washedOut is about. On machines of their own a cell follows what it followed before.
func probeOff(c *evidence.Cell, g config.Gates, k Known) (code, why string) {
	v := c.Sys.Baseline.Probe()
	if k.Probe == nil || k.Follows || v == nil {
		return "", ""
	}
	off := math.Abs(*v / *k.Probe - 1)
	if off <= k.bound(g.MaxCarryOver) {
		return "", ""
	}
	return "probe_off", fmt.Sprintf("%s: before the load a read of the probe took %.0f us, %.1f %% more or less than the %.0f us of an undisturbed drive (allowed %.0f %%)",
		c.Key, *v, off*100, *k.Probe, g.MaxCarryOver*100)
}
