package harness

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sparkharness/harness/prompt"
	"sparkharness/harness/report"
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

func firstReason(r *report.Report) string {
	if len(r.Verdict.Reasons) == 0 {
		return "no reason given"
	}
	return r.Verdict.Reasons[0]
}

// execute runs the hypothesis under the options and renders its report. It returns nil if there is none
// to judge, as with -plan-only, after having failed the test where that is due.
func execute(t *testing.T, h Hypothesis, o *Options) (*report.Report, string) {
	t.Helper()
	exp, err := loadExperiment(h, o)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := exp.digest(o.Root)
	if err != nil {
		t.Fatal(err)
	}
	runID := runID(exp, digest)
	plan, err := newPlan(exp, runID, digest)
	if err != nil {
		t.Fatal(err)
	}
	if o.PlanOnly {
		plan.print(session.out, exp, h)
		return nil, ""
	}
	r, err := openRun(h, o, exp, plan, digest)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	r.walk(t)
	rep, err := r.conclude()
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case r.failed.Load():
		t.Errorf("%s: ended after %d of %d cells because a cell failed (above); what was measured is kept", h.ID, rep.CellsMeasured, rep.CellsPlanned)
	case rep.Interrupted:
		t.Errorf("%s: interrupted after %d of %d cells; continue with -resume", h.ID, rep.CellsMeasured, rep.CellsPlanned)
	}
	return rep, filepath.Join(r.art.dir, "report.json")
}

// runID names a run by what decides its outcome, so that the same run has the same name.
func runID(e *Experiment, digest string) string {
	parts := []string{strings.ToLower(e.Hypothesis.Hypothesis), e.Rig}
	if e.World != nil {
		parts = append(parts, e.World.World)
	}
	return strings.Join(append(parts, fmt.Sprint("s", e.Hypothesis.Run.Seed), digest[:8]), "-")
}

// run is one execution of a plan.
type run struct {
	h        Hypothesis
	o        *Options
	exp      *Experiment
	plan     *Plan
	art      *artifacts
	tools    *tools
	manifest Manifest
	progress *progress
	first    *Evidence // of the first stage, nil if there is no second
	out      io.Writer

	mu       sync.Mutex
	cellTime time.Duration
	failed   atomic.Bool
}

func openRun(h Hypothesis, o *Options, exp *Experiment, plan *Plan, digest string) (*run, error) {
	r := &run{h: h, o: o, exp: exp, plan: plan, out: session.out}
	if o.Quiet {
		r.out = io.Discard
	}
	var err error
	r.tools = &tools{exp: exp, runID: plan.RunID, stop: &session.stop}
	if r.tools.prompts, err = prompt.Open(filepath.Join(o.Root, "inputs", "prompts")); err != nil {
		return nil, err
	}
	if exp.Hypothesis.Load.Chat == nil {
		if err := checkPrompts(r.tools.prompts, plan); err != nil {
			return nil, err
		}
	}
	if r.tools.segments, err = prompt.NewSegments(exp.Hypothesis.Run.Seed); err != nil {
		return nil, err
	}
	if r.tools.tokenizer, err = prompt.NewTokenizer(); err != nil {
		return nil, err
	}
	if r.art, err = newArtifacts(o.results(), plan.RunID, digest, o.Resume); err != nil {
		return nil, err
	}
	r.manifest = newManifest(o.Root, plan.RunID, digest, exp, o.Resume, time.Now())
	if err := errors.Join(exp.save(r.art.path("config.yaml")), plan.save(r.art.path("plan.json")), r.manifest.save(r.art.dir)); err != nil {
		return nil, errors.Join(fmt.Errorf("results cannot be written: %w", err), r.art.close())
	}
	// Simulated hosts rewrite their files five times a simulated second: keep that off the disk.
	r.tools.scratch, err = os.MkdirTemp(memoryBacked(), "sparkharness-")
	return r, err
}

// memoryBacked is a folder on a memory file system if there is one, "" for the default.
func memoryBacked() string {
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// checkPrompts makes sure, before anything runs, that every context length has its prompt.
func checkPrompts(lib *prompt.Library, p *Plan) error {
	seen := map[int]bool{}
	for _, c := range p.Cells {
		if !seen[c.ContextTokens] {
			seen[c.ContextTokens] = true
			if _, err := lib.Body(c.ContextTokens, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) close() {
	if err := errors.Join(os.RemoveAll(r.tools.scratch), r.art.close()); err != nil {
		fmt.Fprintln(session.out, "warning:", err)
	}
}

// walk measures the plan's cells, and those of the second stage.
func (r *run) walk(t *testing.T) {
	block, rest := firstBlock(r.plan.Cells)
	r.progress = newProgress(r.out, r.h.ID, len(r.missing(r.plan.Cells)))
	r.stage(t, block)
	if r.failed.Load() || session.stop.Load() {
		return
	}
	var err error
	if r.plan.Ended, err = r.untreated(block); err != nil {
		t.Fatal(err)
	}
	if r.plan.Ended != "" {
		if err := r.plan.save(r.art.path("plan.json")); err != nil {
			t.Fatal(err)
		}
		return
	}
	r.stage(t, rest)
	if r.h.Refine == nil || r.failed.Load() || session.stop.Load() {
		return
	}
	if r.first, err = loadEvidence(r.art.dir, nil); err != nil {
		t.Fatal(err)
	}
	more := r.h.Refine(r.first)
	first := len(r.plan.Cells)
	if len(more) > 0 {
		if err := r.plan.extend(r.exp, more); err != nil {
			t.Fatal(err)
		}
	}
	r.plan.Refined = true
	if err := r.plan.save(r.art.path("plan.json")); err != nil {
		t.Fatal(err)
	}
	fine := r.plan.Cells[first:]
	r.progress = newProgress(r.out, r.h.ID, len(r.missing(fine)))
	r.stage(t, fine)
}

// missing are those of the cells that have not been measured yet.
func (r *run) missing(cells []PlannedCell) []PlannedCell {
	var todo []PlannedCell
	for _, pc := range cells {
		if !r.art.has(pc) {
			todo = append(todo, pc)
		}
	}
	return todo
}

// stage measures cells side by side: each has a machine and a clock of its own.
func (r *run) stage(t *testing.T, cells []PlannedCell) {
	todo := r.missing(cells)
	if len(todo) == 0 {
		return
	}
	t.Run("cells", func(t *testing.T) {
		for _, pc := range todo {
			t.Run(pc.Key, func(t *testing.T) {
				t.Parallel()
				if session.stop.Load() || r.failed.Load() {
					t.SkipNow()
				}
				r.cell(t, pc)
			})
		}
	})
}

// cell measures one cell inside a bubble of virtual time.
func (r *run) cell(t *testing.T, pc PlannedCell) {
	dir, err := r.art.begin(pc)
	if err != nil {
		r.fail(t, pc, err)
		return
	}
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err = r.tools.measure(pc, dir)
		took = time.Since(start)
	})
	switch {
	case errors.Is(err, errInterrupted):
		return
	case err != nil:
		r.fail(t, pc, err)
		return
	}
	if err := r.art.keep(pc, dir); err != nil {
		r.fail(t, pc, err)
		return
	}
	r.mu.Lock()
	r.cellTime += took
	r.mu.Unlock()
	r.progress.add(took)
}

// fail ends the run: the remaining cells are skipped, what has been measured stays.
func (r *run) fail(t *testing.T, pc PlannedCell, err error) {
	r.failed.Store(true)
	t.Errorf("cell %s: %v", pc.Key, err)
}

// conclude derives the report from the files and renders it.
func (r *run) conclude() (*report.Report, error) {
	ev, err := loadEvidence(r.art.dir, r.first)
	if err != nil {
		return nil, err
	}
	rep, found, err := ev.report(r.h)
	if err != nil {
		return nil, err
	}
	if err := saveUWork(r.art.path("uwork.json"), found.UWork); err != nil {
		return nil, err
	}
	r.manifest.Ended = time.Now().UTC()
	r.manifest.WallSeconds = r.manifest.Ended.Sub(r.manifest.Started).Seconds()
	r.manifest.CellSeconds = r.cellTime.Seconds()
	if err := r.manifest.save(r.art.dir); err != nil {
		return nil, err
	}
	if r.o.Quiet {
		return rep, nil
	}
	if err := render(r.art.dir, rep); err != nil {
		return nil, err
	}
	if err := report.Table(r.out, rep); err != nil {
		return nil, err
	}
	fmt.Fprintf(r.out, "%s: %.2f h of machine time in %.0f s of wall time, %.2f h per s\n\n",
		r.h.ID, r.cellTime.Hours(), r.manifest.WallSeconds, r.cellTime.Hours()/max(r.manifest.WallSeconds, 1e-3))
	return rep, nil
}

// render writes report.json and what is drawn from it.
func render(dir string, rep *report.Report) error {
	if err := report.Write(dir, rep); err != nil {
		return err
	}
	if err := report.WriteTable(dir, rep); err != nil {
		return err
	}
	return report.WriteFigures(dir, rep)
}
