package harness

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/experiment"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// notSupported are the outcomes of a control whose run may be too short to say more.
var notSupported = []verdict.Outcome{verdict.Refuted, verdict.Inconclusive, verdict.Invalid}

// RunControl executes a hypothesis in each of its control worlds. In one that lacks the mechanism of the
// claim the verdict must be Refuted, and by each of the checks that the configuration names: a run that is
// Inconclusive or Invalid there has shown nothing. In one where a treatment does not reach the machine
// (gate.<name>) the verdict must be the one that the gate ends in, Invalid or Inconclusive, by that gate. With a profile, whose runs
// may be short, it must only not be Supported.
func RunControl(t *testing.T, h Hypothesis) {
	t.Helper()
	if testing.Short() {
		t.Skip("whole runs: left out with -short")
	}
	base := *session.options
	if base.Replay != "" {
		t.Skip("-replay judges the folder of one run: choose its hypothesis with -run")
	}
	if !rigs[base.Rig].worlds {
		session.noControls(t, base.Rig)
	}
	base.World = "default"
	exp, err := experiment.Load(demand(h), base.choices())
	if isLeftOut(err) {
		leftOut(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, world := range slices.Sorted(maps.Keys(exp.Hypothesis.Controls)) {
		shown := exp.Hypothesis.Controls[world]
		t.Run(world, func(t *testing.T) {
			defer begun(t)()
			o := base
			o.World = world
			rep, path := execute(t, h, &o)
			if rep == nil {
				return
			}
			missed, want := notShown(rep.Verdict, shown)
			got := rep.Verdict.Outcome
			if rep.Profile != "" {
				session.add(report.Line{Report: rep, Path: path, Expected: notSupported})
				if got == verdict.Supported {
					t.Errorf("%s in world %s is Supported with profile %s: %s", h.ID, world, rep.Profile, rep.FirstReason())
				}
				return
			}
			session.add(report.Line{Report: rep, Path: path, Expected: []verdict.Outcome{want}})
			if got != want || len(missed) > 0 {
				by := missed
				if len(by) == 0 {
					by = shown
				}
				t.Errorf("%s in world %s is %s; expected %s by %s: %s", h.ID, world, got, want, strings.Join(by, ", "), rep.FirstReason())
			}
		})
	}
}

// noControls skips a control on a rig without worlds, and says so once, where go test would not.
func (s *sessionState) noControls(t *testing.T, rig string) {
	t.Helper()
	why := fmt.Sprintf("controls: there is nothing to do on rig %s: control worlds are of the simulated machine, without the mechanism that a hypothesis claims, "+
		"and a real one cannot be made so; without -rig they run", rig)
	s.uncontrolled.Do(func() { fmt.Fprintln(s.out, why) })
	t.Skip(why)
}

// notShown are the checks that a control run should have contradicted and has not, or the gate that it should have failed, and the
// verdict that is due.
func notShown(v verdict.Verdict, shown config.Shown) (missed []string, want verdict.Outcome) {
	want = verdict.Refuted
	for _, name := range shown {
		gate, byGate := strings.CutPrefix(name, config.GatePrefix)
		if byGate {
			want = verdict.Invalid
		}
		seen := false
		for _, c := range v.Checks {
			seen = seen || !byGate && c.Name == name && c.State == verdict.Contradicted
		}
		for _, g := range v.Gates {
			if byGate && g.Name == gate && !g.Passed && !g.Grade {
				seen, want = true, g.OnFailure
			}
		}
		if !seen {
			missed = append(missed, name)
		}
	}
	return missed, want
}

// Uncovered says what is wrong with the controls that a hypothesis has in the repository: a deciding check that none of them
// contradicts and that unshown gives no reason for, and names that no deciding check, or none of these gates, has. It fails if there
// is no such configuration.
func Uncovered(h Hypothesis, gates []string) ([]string, error) {
	folder, err := config.OpenFolder(filepath.Join(Root(), "configs"))
	if err != nil {
		return nil, err
	}
	own, err := config.LoadHypothesis(folder, folder.Path("hypotheses/"+h.Config))
	if err != nil {
		return nil, err
	}
	return uncovered(h.Deciding, gates, own), nil
}

func uncovered(deciding, gates []string, c *config.Hypothesis) []string {
	var out []string
	shown := map[string]bool{}
	for world, names := range c.Controls {
		for _, name := range names {
			shown[name] = true
			gate, byGate := strings.CutPrefix(name, config.GatePrefix)
			switch {
			case byGate && !slices.Contains(gates, gate):
				out = append(out, world+" names a gate that there is not: "+gate)
			case !byGate && !slices.Contains(deciding, name):
				out = append(out, world+" names a check that decides nothing: "+name)
			}
		}
	}
	for _, check := range deciding {
		_, excused := c.Unshown[check]
		switch {
		case !shown[check] && !excused:
			out = append(out, "no control contradicts "+check)
		case shown[check] && excused:
			out = append(out, check+" is unshown, and a control shows it")
		}
	}
	for check := range c.Unshown {
		if !slices.Contains(deciding, check) {
			out = append(out, "unshown names a check that decides nothing: "+check)
		}
	}
	for _, check := range c.Permuted {
		if !slices.Contains(deciding, check) {
			out = append(out, "permuted names a check that decides nothing: "+check)
		}
	}
	slices.Sort(out)
	return out
}
