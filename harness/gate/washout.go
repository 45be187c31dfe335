package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sparkharness/harness/evidence"
)

// washedOut asks whether the drive was as good as new before each cell's load: the probe's mean latency in the baseline
// is within max_carry_over of that on an undisturbed drive. That is the lower median over the baselines that do not
// follow a cell with fio, of which the run's first is one. Cells follow each other as they were begun, or, on machines of their
// own, as they were planned.
func washedOut(ev *evidence.Evidence) Gate {
	const name = "fio"
	allowed := ev.Exp.Hypothesis.Gates.MaxCarryOver
	cells := slices.Clone(ev.Cells)
	slices.SortStableFunc(cells, func(a, b *evidence.Cell) int { return cmp.Compare(a.Info.Start, b.Info.Start) })
	var undisturbed []float64
	for i, c := range cells {
		switch {
		case c.Info.Probe == nil:
			return Fail(name, Invalid, "no_probe",
				c.Key+": no probe read the drive beside it, so what fio does to a read is not known: measure the run again")
		case c.Sys.Baseline.Probe() == nil:
			return Fail(name, Invalid, "probe_unknown", c.Key+": no read of the probe ended before the load: raise run.baseline")
		case i == 0 || cells[i-1].Info.Fio == nil || len(cells[i-1].Info.Fio.Jobs) == 0:
			undisturbed = append(undisturbed, *c.Sys.Baseline.Probe())
		}
	}
	slices.Sort(undisturbed)
	level := undisturbed[(len(undisturbed)-1)/2]
	furthest := worst{}
	for i, c := range cells {
		after := "first of the run"
		if i > 0 {
			after = "after " + cells[i-1].Key
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
