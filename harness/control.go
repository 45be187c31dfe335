package harness

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness/experiment"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// gatePrefix marks a control whose run must be refused by a gate, instead of refuted by a check.
const gatePrefix = "gate."

// notSupported are the outcomes of a control whose run may be too short to say more.
var notSupported = []verdict.Outcome{verdict.Refuted, verdict.Inconclusive, verdict.Invalid}

// RunControl executes a hypothesis in each of its control worlds. In one that lacks the mechanism of the
// claim the verdict must be Refuted, and by the check that the configuration names: a run that is
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
		t.Skipf("control worlds are simulated: rig %s has none", base.Rig)
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
		check := exp.Hypothesis.Controls[world]
		t.Run(world, func(t *testing.T) {
			defer begun(t)()
			o := base
			o.World = world
			rep, path := execute(t, h, &o)
			if rep == nil {
				return
			}
			want := verdict.Refuted
			gate, byGate := strings.CutPrefix(check, gatePrefix)
			if byGate {
				want = verdict.Invalid
			}
			seen := false
			for _, c := range rep.Verdict.Checks {
				seen = seen || !byGate && c.Name == check && c.State == verdict.Contradicted
			}
			for _, g := range rep.Verdict.Gates {
				if byGate && g.Name == gate && !g.Passed && !g.Grade {
					seen, want = true, g.OnFailure
				}
			}
			got := rep.Verdict.Outcome
			if rep.Profile != "" {
				session.add(report.Line{Report: rep, Path: path, Expected: notSupported})
				if got == verdict.Supported {
					t.Errorf("%s in world %s is Supported with profile %s: %s", h.ID, world, rep.Profile, firstReason(rep))
				}
				return
			}
			session.add(report.Line{Report: rep, Path: path, Expected: []verdict.Outcome{want}})
			if got != want || !seen {
				t.Errorf("%s in world %s is %s; expected %s by %s: %s", h.ID, world, got, want, check, firstReason(rep))
			}
		})
	}
}
