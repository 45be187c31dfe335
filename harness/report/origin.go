package report

import (
	"slices"
	"strings"
)

// rigLine names where the numbers come from, in the form that every rendering carries.
func rigLine(r *Report) string {
	s := "rig=" + clean(r.Rig) + " clock=" + clean(r.Clock)
	if r.World != "" {
		s += " world=" + clean(r.World)
	}
	return s
}

// origin says in words how far a rig's numbers speak about hardware.
func origin(rig string) string {
	switch rig {
	case "sim":
		return "simulated, not measured on hardware"
	case "disk":
		return "compute simulated, storage measured on a real drive"
	case "spark":
		return "measured on hardware"
	}
	return "of an unknown rig"
}

// originLines say for each rig where its numbers come from, its worlds behind each other.
func originLines(runs []folder) []string {
	type source struct{ rig, clock string }
	var sources []source
	worlds := map[source][]string{}
	for _, run := range runs {
		s := source{run.report.Rig, run.report.Clock}
		if !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
		if w := run.report.World; w != "" && !slices.Contains(worlds[s], w) {
			worlds[s] = append(worlds[s], w)
		}
	}
	var lines []string
	for _, s := range sources {
		r := &Report{Rig: s.rig, Clock: s.clock, World: strings.Join(worlds[s], ", ")}
		lines = append(lines, rigLine(r)+": "+origin(s.rig))
	}
	return lines
}
