package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// Options are what a run is made of.
type Options struct {
	Exp    *config.Experiment
	Plan   *record.Plan
	Rig    rig.Rig
	Parts  *config.Twin // what the machine is taken for when cells of a later stage are priced; nil: they are not
	Root   string       // folder that holds inputs/
	Dir    string       // results folder: the run's own lies below it
	Resume bool         // keep the complete cells of an earlier run of the same digest and program
	Out    io.Writer    // progress
	Stop   *atomic.Bool
	// Earlier are the folders of runs of this execution that came to their end: cells of theirs that are the same as this
	// plan's are taken over.
	Earlier []string
}

// Run is one execution of a plan.
type Run struct {
	o        Options
	art      *artifacts
	tools    *tools
	manifest Manifest
	progress *progress

	mu        sync.Mutex
	cellTime  time.Duration
	taken     int      // cells
	voidLeft  int      // blocks of the stage that may be measured again because the drive moved
	dropped   []string // blocks that are void still
	failed    atomic.Bool
	concluded atomic.Bool
}

// Open prepares the run's folder, and sets an earlier run aside. Close the run when done. Once the run is to stop it is
// rig.ErrSkipped, and everything stays as it was.
func Open(o Options) (*Run, error) {
	r := &Run{o: o}
	var err error
	if r.tools, err = newTools(o); err != nil {
		return nil, err
	}
	if err := r.tools.prepareRig(); err != nil {
		return nil, err
	}
	if r.art, err = newArtifacts(o); err != nil {
		return nil, err
	}
	r.manifest = newManifest(o.Root, o.Plan, o.Exp, o.Resume, time.Now())
	if err := FullDisk(r.art.dir, r.begin()); err != nil {
		return nil, errors.Join(fmt.Errorf("results cannot be written: %w", err), r.art.close())
	}
	return r, nil
}

// prepareRig prepares the rig, which may take minutes, until the run is to stop: then it is rig.ErrSkipped.
func (tl *tools) prepareRig() error {
	if tl.stop.Load() {
		return rig.ErrSkipped
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { tl.watchStop(ctx, cancel) })
	err := tl.rig.Prepare(ctx)
	if tl.stop.Load() && (err == nil || errors.Is(err, context.Canceled)) {
		return rig.ErrSkipped
	}
	return err
}

// begin writes what is known before the first cell.
func (r *Run) begin() error {
	dir, p := r.art.dir, r.o.Plan
	if err := r.art.log.Append(record.Attempt{Event: record.EventBegin, Commit: r.manifest.Commit, Program: &p.Program}); err != nil {
		return err
	}
	if err := r.o.Exp.Save(dir); err != nil {
		return err
	}
	return errors.Join(p.Save(dir, r.art.log), r.manifest.save(dir))
}

// newTools reads what the cells share, and refuses a plan that asks for what is not there. It writes nothing.
func newTools(o Options) (*tools, error) {
	tl := &tools{exp: o.Exp, plan: o.Plan, rig: o.Rig, stop: o.Stop, clock: wallClock{began: time.Now()}}
	var err error
	if tl.prompts, err = prompt.Open(filepath.Join(o.Root, "inputs", "prompts")); err != nil {
		return nil, err
	}
	if o.Exp.Hypothesis.Load.Chat == nil {
		if err := checkPrompts(tl.prompts, o.Plan); err != nil {
			return nil, err
		}
	}
	if tl.segments, err = prompt.NewSegments(o.Exp.Hypothesis.Run.Seed); err != nil {
		return nil, err
	}
	return tl, nil
}

// Dry refuses what Open would refuse of a new run, and writes nothing: for whoever only wants to see the plan.
func Dry(o Options) error {
	if _, err := newTools(o); err != nil {
		return err
	}
	return writable(o.Dir)
}

// Check refuses, before anything runs, a plan that cannot be carried out: a load that cannot be, or what the rig lacks.
func Check(e *config.Experiment, p *record.Plan, r rig.Rig) error {
	if err := checkLoads(e, p); err != nil {
		return err
	}
	return r.Check(e, p)
}

// Dir is the run's folder.
func (r *Run) Dir() string { return r.art.dir }

// Kept is how many of the planned cells are complete.
func (r *Run) Kept() (kept, of int) {
	return len(r.o.Plan.Cells) - len(r.missing(r.o.Plan.Cells)), len(r.o.Plan.Cells)
}

// Failed says that a cell failed: the others were not measured.
func (r *Run) Failed() bool { return r.failed.Load() }

// Concluded says that the run's report is written: it has come to its end.
func (r *Run) Concluded() { r.concluded.Store(true) }

// Close frees the run's folder, saves how long it took, and how it ended: interrupted and given up where nobody said that
// it is concluded.
func (r *Run) Close() error {
	r.manifest.Ended = time.Now().UTC()
	r.manifest.WallSeconds = r.manifest.Ended.Sub(r.manifest.Started).Seconds()
	r.manifest.CellSeconds = r.cellTime.Seconds()
	end := record.Attempt{Event: record.EventEnd, Why: r.why()}
	err := r.manifest.save(r.art.dir)
	if err == nil {
		var sum record.FileSum
		if sum, err = record.SumFile(record.Path(r.art.dir, record.FileManifest)); err == nil {
			end.SHA256 = sum.SHA256
		}
	}
	return FullDisk(r.art.dir, errors.Join(err, r.art.log.Append(end), r.art.close()))
}

// why says how the run has ended.
func (r *Run) why() string {
	switch {
	case r.failed.Load():
		return record.EndCellFailed
	case !r.concluded.Load() && r.o.Stop.Load():
		return record.EndInterrupted
	case !r.concluded.Load():
		return record.EndGivenUp
	case r.o.Plan.Ended != "":
		return r.o.Plan.Ended
	}
	return record.EndPlanned
}

// Summary says in a line what the run took.
func (r *Run) Summary() string {
	wall := time.Since(r.manifest.Started).Seconds()
	taken := ""
	if r.taken > 0 {
		taken = fmt.Sprintf("; %d cells were taken over from runs before it", r.taken)
	}
	return fmt.Sprintf("%s: %s of machine time in %.0f s of wall time%s%s",
		r.o.Plan.Hypothesis, hours(r.cellTime), wall, pace(", %.2f h per s", r.cellTime, wall), taken)
}

// checkPrompts makes sure, before anything runs, that every context length has its prompt.
func checkPrompts(lib *prompt.Library, p *record.Plan) error {
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
