package treatment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"time"

	"sparkharness/harness/drive"
	"sparkharness/harness/fio"
	"sparkharness/harness/health"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// Options are what a Treater needs of the rig.
type Options struct {
	Drive   *drive.Drive // of the folder that the user has named; the files lie there
	Proof   *drive.Proof // that its counters move; nil: the drive's leaves are taken
	Journal *restore.Journal
	Rng     *rand.Rand // the probe's times and places
	Noise   io.Reader  // what the files hold: it must not compress, and is read with one goroutine
	Out     io.Writer  // the user
	// CacheFiles are files beside the Treater's own whose pages are to leave the page cache, such as a model's weights: those
	// that a user who is not root can ask for.
	CacheFiles []string
	// Elsewhere starts fio, on CPUs that the client does not keep to; nil: it is started as it is.
	Elsewhere func(start func() error) error

	// What follows has a default, and is for tests.
	Span       time.Duration // the drive is watched so long before fio starts, and with it: 5 s
	ProbeFile  int64         // bytes: 1 GiB
	Fio        string        // the program: fio, from PATH
	Proc, Sys  string        // /proc and /sys
	Showing    time.Duration // fio must show on the drive within: 30 s
	GraceToEnd time.Duration // fio may take so long to end when it is asked: 10 s
}

// Treater treats one machine for all cells of a run.
type Treater struct {
	o      Options
	dir    string              // of its files; "" before Prepare
	undo   restore.Undo        // removes dir
	has    map[string]bool     // fio's engines, by name: asked for once, because it reads programs
	files  map[string]*laid    // by name, laid out already
	thermo *health.Thermometer // of the drive

	fio     *telemetry.Fio // for the sampler
	probe   *telemetry.Probe
	fioRuns *fioRun
	probing *prober
}

// New makes a Treater; Close must be called.
func New(o Options) (*Treater, error) {
	if o.Span == 0 {
		o.Span = 5 * time.Second
	}
	if o.ProbeFile == 0 {
		o.ProbeFile = 1 << 30
	}
	if o.Fio == "" {
		o.Fio = "fio"
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Sys == "" {
		o.Sys = "/sys"
	}
	if o.Showing == 0 {
		o.Showing = 30 * time.Second
	}
	if o.GraceToEnd == 0 {
		o.GraceToEnd = 10 * time.Second
	}
	if o.Elsewhere == nil {
		o.Elsewhere = func(start func() error) error { return start() }
	}
	own, err := telemetry.NewFio(o.Proc)
	if err != nil {
		return nil, err
	}
	var devices []string
	for i := range o.Drive.Leaves {
		devices = append(append(devices, o.Drive.Leaves[i].Name), o.Drive.Leaves[i].Paths...)
	}
	return &Treater{o: o, fio: own, probe: &telemetry.Probe{}, files: map[string]*laid{}, has: map[string]bool{}, thermo: health.NewThermometer(o.Sys, devices...)}, nil
}

// Sources are fio's own counters and the probe's reads, for the sampler.
func (t *Treater) Sources() []telemetry.SysSource { return []telemetry.SysSource{t.fio, t.probe} }

// probeName is the probe's file.
const probeName = "sparkharness-probe.dat"

// Check refuses what Prepare would refuse, room apart, and writes nothing. It returns how many bytes the files take.
func (t *Treater) Check(ctx context.Context, profiles map[string]string, probe bool) (bytes int64, err error) {
	need, engines, err := t.needs(profiles)
	if err != nil {
		return 0, err
	}
	if probe {
		bytes = t.o.ProbeFile
	}
	for _, f := range need {
		bytes += f.Bytes
	}
	return bytes, t.check(ctx, engines)
}

// Prepare lays out the files that profiles (job files by name) and the probe use, after it has told the user how much room they take.
// What a cell could not do is refused here: no fio, an engine that it lacks, a job that leads elsewhere, too little room.
func (t *Treater) Prepare(ctx context.Context, profiles map[string]string, probe bool) error {
	need, engines, err := t.needs(profiles)
	if err != nil {
		return err
	}
	if err := t.check(ctx, engines); err != nil {
		return err
	}
	if probe {
		need = append(need, fio.File{Name: probeName, Bytes: t.o.ProbeFile})
	}
	return t.layOut(ctx, need)
}

// Apply treats the machine and returns when that has taken effect. What a Treater does not do, such as restarting a server,
// is an error.
func (t *Treater) Apply(ctx context.Context, tr rig.Treatment) (rig.Applied, error) {
	switch tr.Kind {
	case rig.Fio:
		return t.applyFio(ctx, tr)
	case rig.Probe:
		return t.applyProbe(ctx)
	case rig.DropCaches:
		return t.dropCaches(ctx)
	}
	return rig.Applied{}, fmt.Errorf("%s cannot be done here", tr.Kind)
}

// Close ends what still runs and removes the files.
func (t *Treater) Close() error {
	var errs []error
	if t.fioRuns != nil {
		errs = append(errs, t.stopFio(context.Background()))
	}
	if t.probing != nil {
		errs = append(errs, t.stopProbe(context.Background()))
	}
	if t.undo != nil {
		errs = append(errs, t.undo(context.Background()))
	}
	return errors.Join(errs...)
}

func (t *Treater) path(name string) string { return filepath.Join(t.dir, name) }
