package mixedrig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/disk"
	"sparkharness/harness/fio"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
	"sparkharness/harness/rig/diskrig"
	"sparkharness/harness/rig/simrig"
	"sparkharness/harness/sim"
	"sparkharness/harness/treatment"
)

// Options say where a rig stores, and whom it tells.
type Options struct {
	Dir string // a folder of the user's on the drive, of the first where two are compared
	// Second is a folder on the other drive, "" for none; SameDrive says that it lies on the same, an A/A control.
	Second    string
	SameDrive bool
	Out       io.Writer
	Journal   string // folder of journals; "": the user's (restore.Home)
	// MostOthers is what others may move on the drive all the time, bytes/s; 0: 20e6. It is for tests, beside which others run.
	MostOthers float64
	ProbeFile  int64 // of the probe and of the reads of the idle drive, bytes; 0: 512 MiB, and 128 where no probe reads. It is for tests, too.
}

// Rig measures simulated machines that store on a real drive.
type Rig struct {
	exp      *config.Experiment
	o        Options
	places   []*place // one, or those of record.DriveA and DriveB
	facts    record.Facts
	tokenize func() (*prompt.Tokenizer, error) // its vocabulary takes a while to read
	noise    io.Reader

	// From Prepare on.
	turn    *restore.Turn
	journal *restore.Journal
	scratch *disk.Scratch // where simulated hosts lay out their files, which nobody reads
}

// probeFile is the file of the probe, and idleFile that of the reads of the idle drive alone, bytes: more than a drive's own cache, and
// little of the room.
const (
	probeFile = 512 << 20
	idleFile  = 128 << 20
)

// maxReadDrift is by how much of it the mean read of the idle drive may move while a block is measured: 10 %, the difference that
// claims of equivalence speak of. Arms of a block are compared with each other, and on a drive that became another one in between
// that would compare drives. It stands here and not among the gates, which are the same for all rigs: no other has such a drive.
const maxReadDrift = 0.10

// New looks at the drive and at what the machine will be. It writes nothing.
func New(e *config.Experiment, o Options) (rig.Rig, error) {
	if o.MostOthers == 0 {
		o.MostOthers = mostOthers
	}
	if o.ProbeFile == 0 {
		o.ProbeFile = idleFile
		if e.Hypothesis.Sweep.Probed() {
			o.ProbeFile = probeFile
		}
	}
	r := &Rig{exp: e, o: o, tokenize: sync.OnceValues(prompt.NewTokenizer)}
	if e.Twin == nil {
		return nil, errors.New("the configuration says of no machine what it is made of: the rig needs a world")
	}
	var err error
	if r.places, err = placesOf(e.Hypothesis, o); err != nil {
		return nil, err
	}
	r.noise = rand.NewChaCha8([32]byte{1})
	r.facts = record.Facts{Rig: e.Rig, Clock: record.ClockReal, Simulated: true, SameDrive: o.SameDrive, Origin: r.origin(), CPUs: runtime.NumCPU(),
		Capabilities: []string{rig.Fio, rig.Probe, rig.Restart, rig.KVTelemetry, rig.SetTier1, rig.SetPolicy, rig.TellsWaits, rig.StartupLog, rig.ProvesCounters},
		Uncalibrated: []string{}, MaxReadDrift: new(maxReadDrift)}
	if os.Geteuid() == 0 {
		r.facts.Capabilities = append(r.facts.Capabilities, rig.DropCaches)
	}
	r.facts.MaxRequestBytes = r.maxRequest()
	var parts []any
	for _, at := range r.places {
		parts = append(parts, at.drive.Leaves, at.drive.FileSystem)
	}
	parts = append(parts, host())
	if len(r.places) > 1 {
		r.facts.Capabilities = append(r.facts.Capabilities, rig.TwoDrives)
		parts = append(parts, o.SameDrive)
	}
	for _, name := range e.StackNames() {
		st := e.Stacks[name]
		if st.Dynamo != nil && !st.KVBM() {
			// As on the simulated rig: no source reads its counters yet.
			r.facts.Capabilities = slices.DeleteFunc(r.facts.Capabilities, func(c string) bool { return c == rig.KVTelemetry || c == rig.StartupLog })
		}
		opts := r.options(st)
		if err := diskrig.Check(opts); err != nil {
			return nil, fmt.Errorf("-rig disk: %w", err)
		}
		p, err := opts.Physics()
		if err != nil {
			return nil, err
		}
		p.Params.NVMe = sim.NVMeParams{} // the modelled drive is not there
		parts = append(parts, p)
		notes, err := opts.Uncalibrated()
		if err != nil {
			return nil, err
		}
		r.facts.Uncalibrated = append(r.facts.Uncalibrated, notes...)
	}
	slices.Sort(r.facts.Uncalibrated)
	r.facts.Uncalibrated = slices.Compact(r.facts.Uncalibrated)
	r.facts.Machine, err = config.Digest(parts...)
	return r, err
}

// origin says what is real.
func (r *Rig) origin() string {
	what, notes := "the drive", []string(nil)
	var drives []string
	for _, at := range r.places {
		drives = append(drives, at.told())
		for _, note := range at.drive.Notes {
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	if len(r.places) > 1 {
		what = "two drives"
		if r.o.SameDrive {
			what = "one drive in two folders, an A/A control"
		}
		if shared := sharedEnds(r.places); shared != "" && !r.o.SameDrive {
			notes = append(notes, "both lie on "+shared+" in the end")
		}
	}
	return fmt.Sprintf("real: %s (%s), the I/Os of tier 2, fio and the probe on it, and this machine's /proc; simulated: GPU, unified memory, engine and "+
		"KV manager, in real time%s", what, strings.Join(drives, "; "), strings.Join(append([]string{""}, notes...), "; "))
}

// maxRequest is the largest request of the drive, of two that of both; nil if it is not known, of several devices, or not of both.
func (r *Rig) maxRequest() (most *float64) {
	for i, at := range r.places {
		l := at.drive.Leaves
		if len(l) != 1 || l[0].MaxSectorsKB == nil {
			return nil
		}
		one := float64(*l[0].MaxSectorsKB) * 1024
		if i > 0 && *most != one {
			return nil
		}
		most = &one
	}
	return most
}

// host identifies this machine as far as results depend on it.
func host() []string {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // what is unknown is no part of it
	return []string{strings.TrimSpace(string(kernel)), runtime.GOARCH, fmt.Sprint(runtime.NumCPU())}
}

// options are the simulated part of a machine with the given stack.
func (r *Rig) options(st *config.Stack) simrig.Options {
	return simrig.Options{Stack: st, World: r.exp.World, Twin: r.exp.Twin, RealDrive: true}
}

// Facts are those of both parts.
func (r *Rig) Facts() record.Facts { return r.facts }

// Check refuses cells that cannot be, and what the drive, its room or fio cannot do. It writes nothing.
func (r *Rig) Check(e *config.Experiment, p *record.Plan) error {
	if err := rig.Lacks(r.facts, e); err != nil {
		return err
	}
	for _, name := range e.Hypothesis.Sweep.Fio {
		if err := fio.CheckProfile(name, e.Fio[name]); err != nil {
			return err
		}
	}
	for _, at := range r.places {
		if err := diskrig.Claimable(at.drive.Dir); err != nil {
			return fmt.Errorf("-dir: %w", err)
		}
	}
	tier, most := int64(0), ""
	for _, pc := range p.Cells {
		o := r.options(e.StackOf(pc))
		if err := o.CheckCell(pc); err != nil {
			return err
		}
		spec, params, err := simrig.Spec(o)
		if err != nil {
			return fmt.Errorf("cell %s: %w", pc.Key, err)
		}
		if !diskrig.Needed(spec, params) {
			continue
		}
		if b := diskrig.For(spec, params).Bytes(); b > tier {
			tier, most = b, pc.Key
		}
	}
	t, err := r.newTreater(r.places[0], nil)
	if err != nil {
		return err
	}
	load, err := t.Check(context.Background(), e.Fio, true)
	if err != nil {
		return err
	}
	return r.room(tier, load, most)
}

// newTreater is what treats a place of this machine, and reads its drive while it is idle; without a journal it can only be asked.
func (r *Rig) newTreater(at *place, j *restore.Journal) (*treatment.Treater, error) {
	return treatment.New(treatment.Options{Drive: at.drive, Proof: at.proof, Journal: j, Rng: rand.New(rand.NewPCG(r.exp.Hypothesis.Run.Seed, 1)), Noise: r.noise,
		Out: r.o.Out, ProbeFile: r.o.ProbeFile})
}

// Open prepares a machine, which starts with its cell.
func (r *Rig) Open(_ context.Context, st *config.Stack) (rig.Machine, error) {
	if r.journal == nil {
		return nil, errors.New("the rig is not prepared")
	}
	return &machine{rig: r, stack: st}, nil
}

// Run measures cells one after another.
func (r *Rig) Run(cells []record.PlannedCell, w rig.Work) {
	for _, pc := range cells {
		start := time.Now()
		err := w.Measure(pc)
		if err := w.Done(pc, time.Since(start), err); err != nil && !errors.Is(err, rig.ErrSkipped) {
			fmt.Fprintf(r.o.Out, "cell %s: %v\n", pc.Key, err)
		}
	}
}

// Close removes everything that the rig has made, and gives the turn back.
func (r *Rig) Close() error {
	var errs []error
	for _, at := range r.places {
		errs = append(errs, at.closeStorage())
		if at.treater != nil {
			errs = append(errs, at.treater.Close())
			at.treater = nil
		}
	}
	if r.scratch != nil {
		errs = append(errs, r.scratch.Close())
		r.scratch = nil
	}
	if r.journal != nil {
		errs = append(errs, r.journal.Close())
		r.journal = nil
	}
	errs = append(errs, r.turn.End())
	return errors.Join(errs...)
}
