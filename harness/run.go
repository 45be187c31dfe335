package harness

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/rig"
	"sparkharness/harness/runner"
	"sparkharness/harness/verdict"
)

// Run executes a hypothesis as a test: plan, cells, verdict, report, and the assertion that the verdict
// is the expected one.
func Run(t *testing.T, h Hypothesis) {
	t.Helper()
	if testing.Short() {
		t.Skip("a whole run: left out with -short")
	}
	o := session.options
	want, err := o.Expected(h.ID)
	if err != nil {
		t.Fatal(err)
	}
	rep, path := execute(t, h, o)
	if rep == nil {
		return
	}
	line := report.Line{Report: rep, Path: path, Expected: want}
	session.add(line)
	if got := rep.Verdict.Outcome; got != want {
		t.Errorf("%s: verdict %s, expected %s: %s", h.ID, got, want, firstReason(rep))
	}
}

func firstReason(r *verdict.Judgement) string {
	if len(r.Verdict.Reasons) == 0 {
		return "no reason given"
	}
	return r.Verdict.Reasons[0]
}

// execute runs the hypothesis under the options and renders its report. It returns nil if there is none
// to judge, as with -plan-only, after having failed the test where that is due.
func execute(t *testing.T, h Hypothesis, o *Options) (*verdict.Judgement, string) {
	t.Helper()
	if o.Replay != "" {
		return replayFolder(t, h, o.Replay), o.Replay
	}
	p, err := plan(t, h, o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	run := runner.Options{Exp: p.exp, Plan: p.plan, Rig: p.rig, Root: o.Root, Dir: o.results(), Resume: o.Resume, Stop: &session.stop}
	if o.PlanOnly {
		if err := runner.Dry(run); err != nil {
			t.Fatal(err)
		}
		experiment.Print(session.out, p.plan, p.exp, h.Claim, h.Refine != nil)
		return nil, ""
	}
	out := session.out
	if o.Quiet {
		out = io.Discard
	}
	for _, name := range p.exp.StackNames() {
		for _, w := range p.exp.Stacks[name].Warnings() {
			fmt.Fprintf(out, "warning: stack %s: %s\n", name, w)
		}
	}
	run.Out = out
	r, err := runner.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			fmt.Fprintln(session.out, "warning:", err)
		}
	}()
	looks := &looks{h: h}
	if err := r.Walk(looks.ask); err != nil {
		t.Fatal(err)
	}
	rep, err := conclude(h, r.Dir(), looks.seen, o.Quiet, out)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(out, "%s\n\n", r.Summary())
	switch {
	case r.Failed():
		t.Errorf("%s: ended after %d of %d cells because a cell failed (above); what was measured is kept", h.ID, rep.CellsMeasured, rep.CellsPlanned)
	case rep.Interrupted:
		t.Errorf("%s: interrupted after %d of %d cells; continue with -resume", h.ID, rep.CellsMeasured, rep.CellsPlanned)
	}
	return rep, filepath.Join(r.Dir(), report.FileName)
}

// planned is an experiment with its rig and its plan, before anything runs.
type planned struct {
	exp  *config.Experiment
	rig  rig.Rig
	plan *record.Plan
}

func (p planned) close() {
	if err := p.rig.Close(); err != nil {
		fmt.Fprintln(session.out, "warning:", err)
	}
}

// plan reads the configuration, opens the rig and lays out the cells; it refuses what the run would refuse.
func plan(t *testing.T, h Hypothesis, o *Options) (p planned, err error) {
	if p.exp, err = experiment.Load(demand(h), o.choices()); err != nil {
		return p, err
	}
	if p.rig, err = rigs[o.Rig].open(t, p.exp); err != nil {
		return p, err
	}
	digest, err := experiment.Digest(p.exp, o.Root, p.rig.Facts())
	if err == nil {
		if p.plan, err = experiment.New(p.exp, p.rig.Facts(), experiment.RunID(p.exp, digest), digest); err == nil {
			p.plan.Program = session.program
			err = runner.Check(p.exp, p.plan, p.rig)
		}
	}
	if err != nil {
		return p, errors.Join(err, p.rig.Close())
	}
	return p, nil
}

// conclude derives the report from the run's folder and renders it. What was read before is not read again.
func conclude(h Hypothesis, dir string, known *evidence.Evidence, quiet bool, out io.Writer) (*verdict.Judgement, error) {
	ev, err := evidence.Load(dir, known)
	if err != nil {
		return nil, err
	}
	rep, found := verdict.Judge(h, ev)
	if err := verdict.SaveUWork(record.Path(dir, "uwork.json"), found.UWork); err != nil || quiet {
		return rep, err
	}
	if err := report.Write(dir, rep); err != nil {
		return nil, err
	}
	if err := errors.Join(report.WriteTable(dir, rep), report.WriteFigures(dir, rep)); err != nil {
		return nil, err
	}
	return rep, report.Table(out, rep)
}
