package report

import (
	"slices"
	"strings"

	"sparkharness/harness/verdict"
)

// rigLine names where the numbers come from, in the form that every rendering carries.
func rigLine(r *verdict.Judgement) string {
	s := "rig=" + clean(r.Rig) + " clock=" + clean(r.Clock)
	if r.World != "" {
		s += " world=" + clean(r.World)
	}
	if r.Profile != "" {
		s += " profile=" + clean(r.Profile)
	}
	return s
}

// origin says in words how far a run's numbers speak about hardware.
func origin(r *verdict.Judgement) string {
	if r.Origin == "" {
		return "of an unknown rig"
	}
	return clean(r.Origin)
}

// originLines say for each rig where its numbers come from, its worlds behind each other.
func originLines(runs []folder) []string {
	type source struct{ rig, clock, origin string }
	var sources []source
	worlds := map[source][]string{}
	for _, run := range runs {
		s := source{run.report.Rig, run.report.Clock, run.report.Origin}
		if !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
		if w := run.report.World; w != "" && !slices.Contains(worlds[s], w) {
			worlds[s] = append(worlds[s], w)
		}
	}
	var lines []string
	for _, s := range sources {
		r := &verdict.Judgement{Rig: s.rig, Clock: s.clock, Origin: s.origin, World: strings.Join(worlds[s], ", ")}
		lines = append(lines, rigLine(r)+": "+origin(r))
	}
	return lines
}
