package sheet

import (
	"fmt"
	"reflect"
	"slices"

	"sparkharness/harness/config"
)

// The rigs that are compared.
const (
	realRig  = "disk"
	modelRig = "sim"
)

// pairs are the arms that all runs have, in the order of this one, and those that some run lacks.
func (r *Run) pairs(simulated []*Run) (pairs []armPair, alone []string) {
	for _, a := range r.Arms {
		p := armPair{real: a}
		for _, s := range simulated {
			if found := s.arm(a.Name()); found != nil {
				p.sims = append(p.sims, found)
			}
		}
		if len(p.sims) == len(simulated) {
			pairs = append(pairs, p)
		} else {
			alone = append(alone, a.Name()+", which a simulated run lacks")
		}
	}
	for _, s := range simulated {
		for _, a := range s.Arms {
			if why := a.Name() + ", which the real run lacks"; r.arm(a.Name()) == nil && !slices.Contains(alone, why) {
				alone = append(alone, why)
			}
		}
	}
	return pairs, alone
}

// sameDrive refuses simulated runs with other drives.
func (r *Run) sameDrive(s *Run) error {
	if x, y := r.Evidence.Exp.Twin, s.Evidence.Exp.Twin; x == nil || y == nil || !reflect.DeepEqual(x.Drive, y.Drive) {
		return fmt.Errorf("%s and %s are of other drives, %s and %s: compare them one after the other", r.Evidence.Plan.RunID, s.Evidence.Plan.RunID,
			modelled(r.Evidence.Exp), modelled(s.Evidence.Exp))
	}
	return nil
}

// arm is the arm of that name, nil without one.
func (r *Run) arm(name string) *Arm {
	for _, a := range r.Arms {
		if a.Name() == name {
			return a
		}
	}
	return nil
}

// like refuses a run that is not the same as this one but for the drive.
func (r *Run) like(s *Run) error {
	x, y := r.Evidence.Exp, s.Evidence.Exp
	ids := func(format string, args ...any) error {
		return fmt.Errorf("%s and %s are no pair: %s", r.Evidence.Plan.RunID, s.Evidence.Plan.RunID, fmt.Sprintf(format, args...))
	}
	switch real, sim := r.Evidence.Plan.Facts.Rig, s.Evidence.Plan.Facts.Rig; {
	case real == modelRig && sim == realRig:
		return ids("the real one (-rig %s) comes first: exchange them", realRig)
	case real != realRig:
		return ids("the first was measured by -rig %s, and has to be one of -rig %s", real, realRig)
	case sim != modelRig:
		return ids("the second was measured by -rig %s, and has to be one of -rig %s", sim, modelRig)
	}
	for _, f := range []struct{ what, real, sim string }{
		{"hypotheses", x.Hypothesis.Hypothesis, y.Hypothesis.Hypothesis}, {"plans (-profile)", planOf(x), planOf(y)},
		{"models", x.Hypothesis.Model, y.Hypothesis.Model},
	} {
		if f.real != f.sim {
			return ids("their %s differ, %s and %s: measure the one as the other", f.what, f.real, f.sim)
		}
	}
	for _, f := range []struct {
		what      string
		real, sim any
	}{
		{"loads", x.Hypothesis.Load, y.Hypothesis.Load}, {"sweeps", x.Hypothesis.Sweep, y.Hypothesis.Sweep}, {"stacks", x.Stacks, y.Stacks},
		{"fio profiles", x.Fio, y.Fio},
		{"simulated machines", machineOf(x), machineOf(y)},
	} {
		if !reflect.DeepEqual(f.real, f.sim) {
			return ids("their %s differ: run both with the same configuration, and for the second -rig %s with another world's drive alone", f.what, modelRig)
		}
	}
	return nil
}

func planOf(e *config.Experiment) string {
	if e.Plan == nil {
		return "none"
	}
	return e.Plan.Plan
}

// machineOf is what is simulated in both runs: all but the drive. Which of a world's mechanisms are on is part of it.
func machineOf(e *config.Experiment) any {
	var t config.Twin
	if e.Twin != nil {
		t = *e.Twin
		t.Drive, t.Second = nil, nil
	}
	var w config.World
	if e.World != nil {
		w = config.World{Mechanisms: e.World.Mechanisms, Load: e.World.Load, Tiers: e.World.Tiers}
	}
	return []any{t, w}
}

// otherRun says in what the runs differ that makes figures scatter, and means nothing else.
func (r *Run) otherRun(s *Run) (notes []string) {
	x, y := r.Evidence.Exp.Hypothesis.Run, s.Evidence.Exp.Hypothesis.Run
	if x.Seed != y.Seed {
		notes = append(notes, fmt.Sprintf("their seeds differ, %d and %d: users ask at other times.", x.Seed, y.Seed))
	}
	if x.Reps != y.Reps || x.Duration != y.Duration {
		notes = append(notes, fmt.Sprintf("they are of other lengths, %d repetitions of at least %v and %d of %v.", x.Reps, x.Duration, y.Reps, y.Duration))
	}
	if n := r.Evidence.Plan; len(r.Evidence.Cells) < len(n.Cells) {
		notes = append(notes, fmt.Sprintf("of the real one %d of %d cells are complete.", len(r.Evidence.Cells), len(n.Cells)))
	}
	if n := s.Evidence.Plan; len(s.Evidence.Cells) < len(n.Cells) {
		notes = append(notes, fmt.Sprintf("of the simulated one %d of %d cells are complete.", len(s.Evidence.Cells), len(n.Cells)))
	}
	return notes
}
