package harness

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/price"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/rig"
	"sparkharness/harness/runner"
	"sparkharness/harness/sheet"
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
	defer begun(t)()
	rep, path := execute(t, h, o)
	if rep == nil {
		return
	}
	want, err := o.wanted(rep)
	if err != nil {
		t.Fatal(err)
	}
	line := report.Line{Report: rep, Path: path, Expected: want}
	session.add(line)
	if !line.Passes() {
		t.Errorf("%s: verdict %s, expected %s: %s", h.ID, rep.Verdict.Outcome, anyOf(want), rep.FirstReason())
	}
}

// anyOf names outcomes of which each passes.
func anyOf(want []verdict.Outcome) string {
	names := make([]string, len(want))
	for i, o := range want {
		names[i] = string(o)
	}
	return strings.Join(names, " or ")
}

// execute runs the hypothesis under the options and renders its report. It returns nil if there is none
// to judge, as with -plan-only, after having failed the test where that is due.
func execute(t *testing.T, h Hypothesis, o *Options) (*verdict.Judgement, string) {
	t.Helper()
	if o.Replay != "" {
		return replayFolder(t, h, o.Replay), o.Replay
	}
	p, err := await(session.interrupt, func() (planned, error) { return plan(t, h, o) })
	switch {
	case errors.Is(err, errInterrupted):
		giveUp(t, o, "%s: interrupted before anything was written: run it again", h.ID)
	case isLeftOut(err):
		leftOut(t, err)
	case undecidable(err) && !session.named(h.ID):
		session.passOver(t, h, err)
	case err != nil:
		refused(t, h, err)
	}
	defer p.close()
	if err := wears(h, p, o); err != nil {
		t.Fatal(err)
	}
	run := runner.Options{Exp: p.exp, Plan: p.plan, Rig: p.rig, Parts: p.parts, Root: o.Root, Dir: o.results(), Resume: o.Resume, Stop: &session.stop}
	if o.PlanOnly {
		if err := runner.Dry(run); err != nil {
			t.Fatal(err)
		}
		if err := p.priceWhole(o.Root); err != nil {
			t.Fatal(err)
		}
		experiment.Print(session.out, p.whole, p.exp, h.Claim)
		session.expect(p)
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
	if !o.Quiet {
		run.Earlier = session.earlierIn(o.results())
	}
	r, err := open(h, run, o)
	switch {
	case errors.Is(err, rig.ErrSkipped):
		giveUp(t, o, "%s: interrupted before anything was written: run it again", h.ID)
	case err != nil:
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil && !(t.Failed() && onFullDisk(r, err)) { // which has been said
			fmt.Fprintln(session.out, "warning:", err)
		}
	}()
	looks := &looks{h: h, run: p.exp.Hypothesis.Run, refines: h.Stages(p.exp)}
	ask := func(dir string, a runner.Asked) (runner.Answer, error) {
		return await(session.interrupt, func() (runner.Answer, error) { return looks.ask(dir, a) })
	}
	if err := r.Walk(ask); err != nil {
		stopped(t, h, r, o, err)
	}
	if session.stop.Load() {
		stopped(t, h, r, o, errInterrupted)
	}
	rep, err := conclude(h, r.Dir(), looks.seen, o.Quiet, out)
	if err != nil {
		stopped(t, h, r, o, err)
	}
	r.Concluded()
	if !rep.Interrupted && !r.Failed() && (p.plan.Ended == "" || decidedAtLook(p.plan)) {
		session.concluded(o.results(), r.Dir())
	}
	fmt.Fprintf(out, "%s\n\n", r.Summary())
	if r.Failed() {
		t.Errorf("%s: ended after %d of %d cells because a cell failed (above); those are kept in %s: when what failed is mended, -resume goes on",
			h.ID, rep.CellsMeasured, rep.CellsPlanned, r.Dir())
	}
	return rep, filepath.Join(r.Dir(), report.FileName)
}

// open prepares the run's folder. Resumed, an execution of several hypotheses begins those that it had not come to
// when it was interrupted.
func open(h Hypothesis, ro runner.Options, o *Options) (*runner.Run, error) {
	r, err := runner.Open(ro)
	session.mu.Lock()
	defer session.mu.Unlock()
	switch {
	case err == nil && o.Resume:
		session.resumed = true
	case errors.Is(err, runner.ErrNoRun) && session.resumed:
		fmt.Fprintf(ro.Out, "%s: not begun before: it is begun now\n", h.ID)
		ro.Resume = false
		return runner.Open(ro)
	}
	return r, err
}

// planned is an experiment with its rig and its plan, before anything runs.
type planned struct {
	exp   *config.Experiment
	rig   rig.Rig
	plan  *record.Plan
	whole *record.Plan // with the second stage that is expected
	parts *config.Twin // what the prices take the machine for; nil without prices

	unpriced error // why there are none
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
	if h.Waits && !slices.Contains(p.rig.Facts().Capabilities, rig.TellsWaits) {
		return p, errors.Join(&rig.UndecidableError{Why: h.ID + " asks which requests waited for admission, and a server of these does not tell how long it " +
			"kept one waiting: it cannot be decided there (kinds whose file in configs/servers says waits do tell: trtllm, dynamo, llama-cpp)"}, p.rig.Close())
	}
	digest, err := experiment.Digest(p.exp, o.Root, p.rig.Facts())
	if err == nil {
		if p.plan, err = experiment.New(p.exp, p.rig.Facts(), experiment.RunID(p.exp, digest), digest); err == nil {
			p.plan.Program = session.program
			err = errors.Join(experiment.IdentifyCells(p.plan, p.exp, o.Root), runner.Check(p.exp, p.plan, p.rig))
		}
	}
	if err == nil {
		err = p.price(o)
	}
	if err == nil {
		err = p.foresee(h)
	}
	if err != nil {
		return p, errors.Join(err, p.rig.Close())
	}
	return p, nil
}

// price says of the cells what they will cost: on the simulated machine as it is made, elsewhere on what the configurations
// say of the machine that the hypotheses are about. Where they do not say enough of a real machine, it stays unknown.
func (p *planned) price(o *Options) error {
	if p.exp.Twin != nil {
		p.parts = p.exp.Twin
		return runner.Price(p.exp, p.plan, p.parts)
	}
	if rigs[o.Rig].real() {
		p.unpriced = errors.New("a real server writes as it was started to")
		return nil
	}
	folder, err := config.OpenFolder(o.configs())
	if err != nil {
		return err
	}
	if p.parts, p.unpriced = config.LoadTwin(folder, &config.World{World: "of the price"}, p.exp.Stacks); p.unpriced == nil {
		p.unpriced = runner.Price(p.exp, p.plan, p.parts)
	}
	if p.unpriced != nil {
		p.parts = nil
	}
	return nil
}

// wears refuses a run that would, together with all that this execution is to run, write more to the drive than its budget.
// Where time is virtual nothing wears, so that a warning is all.
func wears(h Hypothesis, p planned, o *Options) error {
	virtual := p.plan.Facts.Clock == record.ClockVirtual
	if p.unpriced != nil {
		fmt.Fprintf(session.out, "warning: %s: what it will cost, and write to the drive, is not known: %v\n", h.ID, p.unpriced)
		if !o.PlanOnly {
			fmt.Fprintf(session.out, "%s: %s\n", h.ID, experiment.BoundsOf(p.whole, p.exp.Hypothesis.Run, nil).Text("of the machine's time"))
		}
		return nil
	}
	if virtual && o != session.options {
		return nil // a control, or one of many runs
	}
	due := session.due
	if !slices.ContainsFunc(due, func(d Hypothesis) bool { return d.ID == h.ID }) {
		due = []Hypothesis{h}
	}
	wearing := p.parts.Drive
	if rigs[o.Rig].dir {
		wearing = &config.Drive{Drive: "of " + o.Dir} // what it is rated for nobody tells
	}
	beyond := func() string { return price.NewBudget(o.WearBudget*1e12, wearing).Beyond(worn(due, o)) }
	if virtual {
		session.warned.Do(func() {
			if text := beyond(); text != "" {
				fmt.Fprintf(session.out, "warning: a rig that has a drive would refuse this execution: %s\n", text)
			}
		})
		return nil
	}
	if text := beyond(); text != "" {
		return fmt.Errorf("%s: nothing was run: %s", h.ID, text)
	}
	return nil
}

// worn is the most that several hypotheses write, cells that are the same once. One that cannot be planned writes nothing: its own
// test says why.
func worn(all []Hypothesis, o *Options) (out []price.Wear) {
	known := &experiment.Known{}
	for _, h := range all {
		exp, err := experiment.Load(demand(h), o.choices())
		if err != nil {
			continue
		}
		p := planned{exp: exp}
		if p.plan, err = experiment.New(exp, record.Facts{}, "", ""); err != nil {
			continue
		}
		if err := errors.Join(experiment.IdentifyCells(p.plan, exp, o.Root), p.price(o), p.foresee(h)); err != nil {
			continue
		}
		if p.priceWhole(o.Root) != nil {
			continue
		}
		if x, ok := experiment.Expect(p.whole, exp.Hypothesis.Run, known); ok {
			out = append(out, price.Wear{Hypothesis: h.ID, Cost: x.Most().Price})
		}
	}
	return out
}

// judged is what a run's folder comes to.
type judged struct {
	rep   *verdict.Judgement
	found verdict.Conclusion
}

// judge derives the report from a run's folder, unless it is interrupted. What was read before is not read again.
func judge(h Hypothesis, dir string, known *evidence.Evidence) (judged, error) {
	return await(session.interrupt, func() (j judged, err error) {
		ev, err := evidence.Load(dir, known)
		if err == nil {
			j.rep, j.found = verdict.Judge(h, ev)
		}
		return j, err
	})
}

// conclude derives the report from the run's folder and renders it.
func conclude(h Hypothesis, dir string, known *evidence.Evidence, quiet bool, out io.Writer) (*verdict.Judgement, error) {
	j, err := judge(h, dir, known)
	if err != nil {
		return nil, err
	}
	rep := j.rep
	if err := verdict.SaveUWork(dir, j.found.UWork); err != nil || quiet {
		return rep, err
	}
	// What draws may break, too, and what was measured stays.
	return rep, runner.Catch(func() error {
		if err := report.Write(dir, rep); err != nil {
			return err
		}
		if err := errors.Join(report.WriteTable(dir, rep), report.WriteFigures(dir, rep), writeIO(dir, rep)); err != nil {
			return err
		}
		return report.Table(out, rep)
	})
}

// writeIO puts what the drive did beside the report, where a drive was watched that is no simulated one.
func writeIO(dir string, rep *verdict.Judgement) error {
	if !rigs[rep.Rig].real() || rep.CellsMeasured == 0 {
		return nil
	}
	text, err := sheet.Text(dir)
	if err != nil {
		return err
	}
	return disk.Replace(record.Path(dir, report.IOName), text)
}
