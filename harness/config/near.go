package config

import (
	"fmt"
	"slices"
)

// Near is a world at, or near, the threshold of one deciding check: there the check's errors are most likely.
type Near struct {
	World string `yaml:"world"`
	Check string `yaml:"check"` // the deciding check whose threshold is near
	// Truth is where the world truly lies, measured in the threshold on its own scale (log for ratios): 0 is no effect, 1 the
	// threshold.
	Truth float64 `yaml:"truth"`
	// Measured is what a long reference run, or arithmetic, found for the figure that the check compares, in the check's unit.
	Measured float64 `yaml:"measured"`
	Source   string  `yaml:"source"` // how it was found, in words
	// Power says that the check ought to hold there: counted is how often it does. Else its claim is false there, if only just,
	// and a verdict of Supported an error.
	Power bool `yaml:"power,omitempty"`
	Runs  int  `yaml:"runs"` // that are counted
}

// mostNearRuns is what ten days of two cores would hold of the shortest hypothesis.
const mostNearRuns = 10_000

func (h *Hypothesis) checkNear(r *reader) {
	seen := map[string]bool{}
	for i, check := range h.Permuted {
		r.plain(fmt.Sprintf("permuted[%d]", i), check)
		if slices.Contains(h.Permuted[:i], check) {
			r.refuse(fmt.Sprintf("permuted[%d]", i), "%s stands twice", check)
		}
	}
	for i, n := range h.Near {
		path := fmt.Sprintf("near[%d]", i)
		r.plain(path+".world", n.World)
		r.plain(path+".check", n.Check)
		if seen[n.World] {
			r.refuse(path+".world", "%s stands twice", n.World)
		}
		if _, control := h.Controls[n.World]; control {
			r.refuse(path+".world", "%s is a control, too: a world lacks the mechanism or is near a threshold", n.World)
		}
		seen[n.World] = true
		if n.Truth > 10 {
			r.refuse(path+".truth", "is %g: it is counted in thresholds, from 0 to 10", n.Truth)
		}
		if n.Measured > 1e12 {
			r.refuse(path+".measured", "is %g: no check compares so large a figure", n.Measured)
		}
		if n.Runs < 1 || n.Runs > mostNearRuns {
			r.refuse(path+".runs", "is %d: give from 1 to %d", n.Runs, mostNearRuns)
		}
	}
}
