package verdict

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// more says, for each check that the data leave open, how much more of them would settle it if the estimate
// stands: its interval has to shrink until it clears the bound that it crosses, and shrinks with the root of
// what is measured. Two answers, because longer cells help as far as values scatter within repetitions, and
// more repetitions in any case.
func more(ev *evidence.Evidence, checks []Check) []Finding {
	run := ev.Exp.Hypothesis.Run
	var out []Finding
	for _, c := range checks {
		if c.State != Undecided || c.Value == nil || c.Lo == nil || c.Hi == nil || len(c.Bounds) == 0 {
			continue
		}
		f := Finding{Name: "to settle " + c.Name, Unit: "repetitions"}
		factor, ok := needed(c)
		if ok && factor == 1 {
			continue // another condition than the interval leaves it open
		}
		if !ok {
			f.Unit, f.Detail = "", "the estimate lies so close to the threshold that no practical amount of data would settle it"
			out = append(out, f)
			continue
		}
		most := math.Ceil(factor * float64(run.Reps))
		least := most
		if run.Reps >= 2 {
			least = float64(stats.NeededRepetitions(factor, run.Reps, evidence.Confidence))
		}
		longest := 0.0
		for _, cell := range ev.Cells {
			longest = max(longest, cell.Seconds())
		}
		f.Estimate = stats.Between(most, least, most)
		f.Detail = fmt.Sprintf("-reps %.0f instead of %d (%.0f would do if all of the scatter lies between repetitions), or -duration %.0fs instead of %.0f s in the longest cell if it lies within them; the estimate is taken for the truth",
			most, run.Reps, least, math.Ceil(longest*factor), longest)
		out = append(out, f)
	}
	return out
}

// needed is stats.Needed on the scale of the check.
func needed(c Check) (factor float64, ok bool) {
	scale := func(v float64) float64 { return v }
	switch c.Scale {
	case Ratio:
		scale = math.Log
	case Correlation:
		scale = math.Atanh
	}
	bounds := make([]float64, len(c.Bounds))
	for i, b := range c.Bounds {
		bounds[i] = scale(b)
	}
	return stats.Needed(scale(*c.Value), scale(*c.Lo), scale(*c.Hi), bounds...)
}
