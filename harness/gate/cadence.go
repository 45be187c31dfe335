package gate

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
)

// CadenceKept is the manipulation check of a sweep over the cadence of telemetry: the measure phase of every cell
// has as many samples as its cadence makes, within cadence_tolerance and one.
func CadenceKept(ev *evidence.Evidence) Gate {
	const name = "cadence"
	bad := worst{}
	for _, c := range ev.Cells {
		if c.CadenceMS <= 0 || c.Seconds() <= 0 {
			return Fail(name, Invalid, "not_swept", c.Key+": the cell has no cadence or no measure phase")
		}
		due := c.Seconds() * 1e3 / c.CadenceMS
		off := max(0, math.Abs(float64(c.Sys.Measure.Samples)-due)-1) / due
		bad.high(off, fmt.Sprintf("%s: %d samples in %.0f s", c.Key, c.Sys.Measure.Samples, c.Seconds()))
	}
	if !bad.seen || bad.value > ev.Exp.Hypothesis.Gates.CadenceTolerance {
		return Fail(name, Invalid, "not_kept", "the machine was not sampled at the cadence of the arm, "+bad.where)
	}
	return Pass(name, "every arm was sampled at its cadence; furthest off is "+bad.where)
}
