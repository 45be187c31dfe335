package hypotheses

import (
	"slices"

	"sparkharness/harness"
)

// fioNone is the arm without fio.
const fioNone = "none"

// fioLevels are the fio profiles of a sweep, from the lightest on: the order of the configuration, which is
// the order of the claim.
func fioLevels(ev *harness.Evidence) []string { return ev.Exp.Hypothesis.Sweep.Fio }

// fioArm is the group of a profile, nil if it was not measured; a sweep over fio has one other level of
// everything else.
func fioArm(ev *harness.Evidence, profile string) *harness.Group {
	groups := ev.Groups()
	if i := slices.IndexFunc(groups, func(g *harness.Group) bool { return g.Cells[0].Fio == profile }); i >= 0 {
		return groups[i]
	}
	return nil
}

// fioArms are the groups of all profiles in their order; ok is false if one is missing or lacks repetitions
// that another has.
func fioArms(ev *harness.Evidence) (arms []*harness.Group, ok bool) {
	for _, level := range fioLevels(ev) {
		g := fioArm(ev, level)
		if g == nil || len(arms) > 0 && len(g.Cells) != len(arms[0].Cells) {
			return nil, false
		}
		arms = append(arms, g)
	}
	return arms, len(arms) > 1
}
