// Package simrig is the simulated Spark in virtual time: a machine a cell, cells side by side, each in a bubble of its
// own. It needs a test to run in, because only a test has virtual time.
package simrig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/fio"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// Rig measures on simulated machines.
type Rig struct {
	t        *testing.T
	exp      *config.Experiment
	tokenize func() (*prompt.Tokenizer, error) // its vocabulary takes a while to read
	scratch  *disk.Scratch                     // where simulated hosts render their files, nil before Prepare
	facts    record.Facts
	without  string // kind of treatment that is left out: a test of what notices that
	plan     *record.Plan
}

// New prepares the rig for an experiment. Its sub-tests are t's.
func New(t *testing.T, e *config.Experiment) (rig.Rig, error) { return newRig(t, e) }

func newRig(t *testing.T, e *config.Experiment) (*Rig, error) {
	r := &Rig{t: t, exp: e}
	r.tokenize = sync.OnceValues(prompt.NewTokenizer)
	if e.Twin == nil {
		return nil, errors.New("the configuration says of no machine what it is made of: the simulated rig needs a world")
	}
	split := float64(e.Twin.Drive.MaxCommand.Value)
	r.facts = record.Facts{Rig: e.Rig, Clock: record.ClockVirtual, Origin: "simulated, not measured on hardware", Simulated: true, MaxRequestBytes: &split,
		CPUs: e.Twin.Machine.CPUs.Value,
		Capabilities: []string{rig.Fio, rig.Probe, rig.DropCaches, rig.Restart, rig.KVTelemetry, rig.SetTier1, rig.SetPolicy, rig.LoRA, rig.TellsWaits, rig.StartupLog,
			rig.ProvesCounters},
		Uncalibrated: []string{}}
	if e.Twin.Second != nil {
		r.facts.Capabilities = append(r.facts.Capabilities, rig.TwoDrives)
	}
	var physics []any
	var errs []error
	for _, name := range e.StackNames() {
		if st := e.Stacks[name]; st.Dynamo != nil && !st.KVBM() {
			// Its counters are on the worker's page, which no source reads yet: better no figure than zeros.
			r.facts.Capabilities = slices.DeleteFunc(r.facts.Capabilities, func(c string) bool { return c == rig.KVTelemetry || c == rig.StartupLog })
		}
		o := r.options(e.Stacks[name])
		p, err := o.Physics()
		if err != nil {
			if !slices.ContainsFunc(errs, func(told error) bool { return told.Error() == err.Error() }) { // of a model that both stacks have
				errs = append(errs, err)
			}
			continue
		}
		physics = append(physics, p)
		notes, err := o.Uncalibrated()
		if err != nil {
			return nil, err
		}
		r.facts.Uncalibrated = append(r.facts.Uncalibrated, notes...)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.Sort(r.facts.Uncalibrated)
	r.facts.Uncalibrated = slices.Compact(r.facts.Uncalibrated)
	var err error
	r.facts.Machine, err = config.Digest(physics...)
	return r, err
}

// options are the simulated machine with the given stack.
func (r *Rig) options(st *config.Stack) Options {
	o := Options{Stack: st, World: r.exp.World, Twin: r.exp.Twin, Adapters: r.exp.Adapters,
		Fio: len(r.exp.Hypothesis.Sweep.Fio) > 0, Probe: r.exp.Hypothesis.Sweep.Probed()}
	if a := r.exp.Hypothesis.Load.Adapters; a != nil {
		o.AdapterRank = a.Rank
	}
	return o
}

// Facts are those of the simulated machine.
func (r *Rig) Facts() record.Facts { return r.facts }

// Check refuses a cell whose machine cannot be, and a profile of fio that would not load its drive.
func (r *Rig) Check(e *config.Experiment, p *record.Plan) error {
	if err := rig.Lacks(r.facts, e); err != nil {
		return err
	}
	for _, name := range e.Hypothesis.Sweep.Fio {
		if err := fio.CheckProfile(name, e.Fio[name]); err != nil {
			return err
		}
	}
	r.plan = p
	for _, pc := range p.Cells {
		if pc.Policy != "" && !slices.Contains(config.Policies, pc.Policy) {
			return fmt.Errorf("cell %s: the simulated machine has no eviction policy %s: take %s", pc.Key, pc.Policy, strings.Join(config.Policies, ", "))
		}
		if err := r.options(e.StackOf(pc)).CheckCell(pc); err != nil {
			return err
		}
	}
	return nil
}

// CheckCell refuses a cell whose machine cannot be.
func (o Options) CheckCell(pc record.PlannedCell) error {
	spec, _, err := Spec(o)
	if err != nil {
		return fmt.Errorf("cell %s: %w", pc.Key, err)
	}
	if most := spec.MaxSequenceTokens(); pc.ContextTokens >= most {
		return fmt.Errorf("cell %s: prompts of %d tokens leave no room for an answer: the server takes %d of both (context_tokens of model %s, "+
			"or a sequence's part of the KV pool); take shorter prompts or another model", pc.Key, pc.ContextTokens, most, spec.Model.Name)
	}
	if err := onLoopback(o.Stack.Endpoint); err != nil {
		return fmt.Errorf("cell %s: %w", pc.Key, err)
	}
	return nil
}

// Prepare makes the folder in which simulated hosts rewrite their files, five times a simulated second: on a memory file
// system if there is one, to keep that off the disk.
func (r *Rig) Prepare(context.Context) (err error) {
	if r.scratch == nil {
		r.scratch, err = disk.NewScratch(MemoryBacked())
	}
	return err
}

// Open prepares a machine, which starts with its cell.
func (r *Rig) Open(_ context.Context, st *config.Stack) (rig.Machine, error) {
	if r.scratch == nil {
		return nil, errors.New("the simulated machine runs inside Run only")
	}
	dir, err := os.MkdirTemp(r.scratch.Dir(), "host-")
	if err != nil {
		return nil, fmt.Errorf("scratch folder: %w", err)
	}
	tokenizer, err := r.tokenize()
	if err != nil {
		return nil, err
	}
	o := r.options(st)
	o.Dir, o.Tokenize = dir, tokenizer.IDs
	return &Machine{opts: o, scratch: true, without: r.without, before: r.before}, nil
}

// before are the jobs that ran on the machine until a cell began: those of the cell before it in the plan. Each simulated
// machine is a fresh one, so that it has to be told what a real one would remember.
func (r *Rig) before(pc record.PlannedCell) ([]fio.Job, error) {
	if r.plan == nil || r.exp.World == nil || r.exp.World.Mechanisms.CarryOver == nil {
		return nil, nil
	}
	i := slices.IndexFunc(r.plan.Cells, func(c record.PlannedCell) bool { return c.Key == pc.Key })
	if i < 1 || r.plan.Cells[i-1].Fio == "" {
		return nil, nil
	}
	name := r.plan.Cells[i-1].Fio
	return fio.Parse(name+".fio", []byte(r.exp.Fio[name]))
}

// Begin starts the machine of the cell.
func (s *Machine) Begin(_ context.Context, pc record.PlannedCell) (err error) {
	s.opts.Seed = pc.MachineSeed
	s.onDrive(pc.Drive)
	if s.before != nil {
		if s.opts.Before, err = s.before(pc); err != nil {
			return err
		}
	}
	return s.start()
}

// Run measures the cells side by side: each has a machine and a clock of its own.
func (r *Rig) Run(cells []record.PlannedCell, w rig.Work) {
	if len(cells) == 0 {
		return
	}
	if err := r.Prepare(context.Background()); err != nil {
		r.t.Error(err)
		for _, pc := range cells {
			_ = w.Done(pc, 0, err) // it is shown above
		}
		return
	}
	r.t.Run("cells", func(t *testing.T) {
		for _, pc := range cells {
			t.Run(pc.Key, func(t *testing.T) {
				t.Parallel()
				r.cell(t, pc, w)
			})
		}
	})
}

// cell measures one cell inside a bubble of virtual time.
func (r *Rig) cell(t *testing.T, pc record.PlannedCell, w rig.Work) {
	var took time.Duration
	var err error
	synctest.Test(t, func(*testing.T) {
		start := time.Now()
		err = w.Measure(pc)
		took = time.Since(start)
	})
	switch err := w.Done(pc, took, err); {
	case errors.Is(err, rig.ErrSkipped):
		t.SkipNow()
	case err != nil:
		t.Errorf("cell %s: %v", pc.Key, err)
	}
}

// Close removes the scratch folder.
func (r *Rig) Close() error {
	if r.scratch == nil {
		return nil
	}
	return r.scratch.Close()
}

// MemoryBacked is a folder on a memory file system if there is one, "" for the default.
func MemoryBacked() string {
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		return "/dev/shm"
	}
	return ""
}
