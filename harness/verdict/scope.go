package verdict

import (
	"fmt"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
)

// scope says what a verdict is about, in a line: profile, model and engines, the levels of every factor of the sweep, and the machine.
// Nothing was measured elsewhere, and nothing is claimed there.
func scope(ev *evidence.Evidence) string {
	e := ev.Exp
	var parts []string
	if e.Plan != nil {
		parts = append(parts, "profile "+e.Plan.Plan)
	}
	parts = append(parts, e.Hypothesis.Model)
	for _, name := range e.StackNames() {
		on := "Stack " + name
		if engine := e.Stacks[name].Engine; engine != "" {
			on += " (" + engine + ")"
		}
		parts = append(parts, on)
	}
	for _, f := range config.Factors() {
		if levels := f.Levels(e); len(levels) > 0 && f.Name != config.FactorStack && f.Name != config.FactorRep {
			parts = append(parts, f.Name+" "+span(levels, f.Listed))
		}
	}
	machine := ev.Plan.Facts.Rig
	if e.World != nil {
		machine = "world " + e.World.World
		if e.Twin != nil {
			machine = fmt.Sprintf("simulated %s, %s", e.Twin.Machine.Machine, machine)
		}
	}
	return strings.Join(append(parts, machine), ", ")
}

// span is a factor's levels: all of those that are names, the ends of those that grow.
func span(levels []string, listed bool) string {
	if listed || len(levels) < 3 {
		return strings.Join(levels, "/")
	}
	return levels[0] + " to " + levels[len(levels)-1]
}
