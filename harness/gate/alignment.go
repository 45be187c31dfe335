package gate

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
)

// Alignment wants every source to have filled its slots of the cadence, on the one clock of its cell, and all cells of a
// stack to have been watched by the same sources.
func Alignment(ev *evidence.Evidence, _ Claim) Gate {
	const name = "alignment"
	need := ev.Exp.Hypothesis.Gates.MinCoverage
	low := worst{}
	first := map[string]*evidence.Cell{} // of each stack
	for _, c := range ev.Cells {
		slots := c.Info.Coverage.Slots
		switch {
		case slots == 0:
			return Fail(name, Invalid, "no_samples", c.Key+" has no telemetry slots")
		case len(c.Info.Coverage.Sources) == 0:
			return Fail(name, Invalid, "no_sources", c.Key+" was watched by no source of telemetry")
		}
		if first[c.Stack] == nil {
			first[c.Stack] = c
		}
		if had, has := sources(first[c.Stack]), sources(c); !slices.Equal(had, has) {
			return Fail(name, Invalid, "other_sources",
				fmt.Sprintf("%s was watched by %s, %s by %s", first[c.Stack].Key, strings.Join(had, ", "), c.Key, strings.Join(has, ", ")))
		}
		for _, s := range c.Info.Coverage.Sources {
			// A KV sample is also taken in the slot before the first.
			share := min(1, float64(s.Samples)/float64(slots))
			low.high(-share, fmt.Sprintf("%s of %s", s.Name, c.Key))
		}
	}
	detail := fmt.Sprintf("every source filled at least %.1f %% of its slots (need %.0f %%; least: %s)", -low.value*100, need*100, low.where)
	if !low.seen || -low.value < need {
		return Fail(name, Invalid, "coverage", detail)
	}
	return Pass(name, detail)
}

// sources are the names of what watched a cell, in order.
func sources(c *evidence.Cell) []string {
	out := make([]string, 0, len(c.Info.Coverage.Sources))
	for _, s := range c.Info.Coverage.Sources {
		out = append(out, s.Name)
	}
	slices.Sort(out)
	return out
}
