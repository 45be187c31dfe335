package hypotheses

import (
	"fmt"
	"slices"

	"sparkharness/harness/evidence"
)

// twoFioArms refuses a sweep in which nothing can be compared.
func twoFioArms(ev *evidence.Evidence) error {
	if n := len(fioLevels(ev)); n < 2 {
		return fmt.Errorf("sweep.fio: %d levels; an arm without fio is compared with arms that have it", n)
	}
	return nil
}

// fioLevels are the fio profiles of a sweep, from the lightest on: the order of the configuration, which is
// the order of the claim.
func fioLevels(ev *evidence.Evidence) []string { return ev.Exp.Hypothesis.Sweep.Fio }

// fioArm is the group of a profile, nil if it was not measured; a sweep over fio has one other level of
// everything else.
func fioArm(ev *evidence.Evidence, profile string) *evidence.Group {
	groups := ev.Groups()
	if i := slices.IndexFunc(groups, func(g *evidence.Group) bool { return g.Cells[0].Fio == profile }); i >= 0 {
		return groups[i]
	}
	return nil
}

// fioArms are the groups of all profiles in their order; ok is false if one is missing or lacks repetitions
// that another has.
func fioArms(ev *evidence.Evidence) (arms []*evidence.Group, ok bool) {
	for _, level := range fioLevels(ev) {
		g := fioArm(ev, level)
		if g == nil || len(arms) > 0 && !slices.EqualFunc(g.Cells, arms[0].Cells, func(a, b *evidence.Cell) bool { return a.Rep == b.Rep }) {
			return nil, false
		}
		arms = append(arms, g)
	}
	return arms, len(arms) > 1
}
