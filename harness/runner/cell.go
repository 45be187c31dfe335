package runner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// tools are shared by the cells of a run.
type tools struct {
	exp      *config.Experiment
	plan     *record.Plan
	rig      rig.Rig
	prompts  *prompt.Library
	segments *prompt.Segments
	stop     *atomic.Bool
	clock    wallClock
}

// measure runs one cell on its own clock and leaves its lines in dir, which must not exist yet. An
// interrupted cell returns errInterrupted; its lines stay. The machine is left as it was, whatever happens: a panic
// is an error, too.
func (tl *tools) measure(pc record.PlannedCell, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("results: %w (choose another folder with -results)", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { tl.watchStop(ctx, cancel) })
	return Catch(func() error { return tl.on(ctx, pc, dir) })
}

// on runs a cell on a machine of its stack until ctx ends, which it does when the run is interrupted.
func (tl *tools) on(ctx context.Context, pc record.PlannedCell, dir string) (err error) {
	stack := tl.exp.StackOf(pc)
	m, err := tl.rig.Open(ctx, stack)
	if err != nil {
		return tl.interrupted(err)
	}
	defer func() { err = errors.Join(err, Catch(m.Close)) }()
	if err := m.Begin(ctx, pc); err != nil {
		return tl.interrupted(err)
	}
	c := &cellRun{tools: tl, pc: pc, dir: dir, machine: m, stack: stack, last: map[int]*sent{}}
	if err := c.proveCounters(ctx); err != nil {
		return tl.interrupted(err)
	}
	if c.start = time.Now(); c.plan.Facts.Clock != record.ClockVirtual { // each cell of virtual time has a clock of its own
		c.start = c.clock.now()
	}
	defer func() { err = errors.Join(err, c.undo()) }() // on a panic too
	return tl.interrupted(c.run(ctx))
}

// interrupted is errInterrupted for what comes of a cell's context having ended, other errors as they are.
func (tl *tools) interrupted(err error) error {
	if tl.stop.Load() && errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

// cellRun is one cell under way.
type cellRun struct {
	*tools
	pc      record.PlannedCell
	dir     string
	machine rig.Machine
	stack   *config.Stack
	start   time.Time
	phase   atomic.Pointer[string]
	proof   record.CountersProof
	info    record.CellInfo
	last    map[int]*sent                 // by user
	undos   []func(context.Context) error // of treatments that last, in the order of their start
}

func (c *cellRun) enter(phase string) { c.phase.Store(&phase) }

func (c *cellRun) run(ctx context.Context) error {
	c.info = record.CellInfo{RunID: c.plan.RunID, Digest: c.plan.Digest, Cell: c.pc.Key, Again: c.pc.Again, CellDigest: c.pc.Digest, Start: unixSeconds(c.start), Counters: &c.proof}
	var err error
	if c.info.Settings, err = c.machine.ReadBack(ctx); err != nil {
		return err
	}
	if c.preparesUnwatched() {
		if err := c.prepare(ctx); err != nil {
			return err
		}
	}
	sources := c.machine.Sources()
	writers, err := c.open(sources)
	if err != nil {
		return err
	}
	c.info.HasKV, c.info.Device, c.info.Drive = sources.KV != nil, sources.Device, sources.Drive
	if c.pc.Phase == "" || c.preparesUnwatched() {
		c.enter(record.PhaseBaseline)
	} else {
		c.enter(record.PhasePrepare)
	}
	// A sampler that breaks takes the load with it.
	ctx, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	watched := func(watch func() error) error {
		err := Catch(watch)
		if err != nil {
			abandon(err)
		}
		return err
	}
	sampling, stopSampling := context.WithCancel(ctx)
	var samplerErr, perfErr error
	var sampler sync.WaitGroup
	sampler.Go(func() {
		samplerErr = watched(func() error { return c.sample(sampling, sources, writers) })
	})
	if sources.Perf != nil {
		sampler.Go(func() {
			perfErr = watched(func() error { return c.drainPerf(ctx, sampling, sources, writers[record.FilePerf]) })
		})
	}
	loadErr := Catch(func() error { return c.measured(ctx, writers[record.FileMetrics]) })
	stopSampling()
	undoErr := c.undo()
	sampler.Wait()
	if sources.Perf != nil && loadErr == nil {
		perfErr = errors.Join(perfErr, c.savePerf(ctx, sources.Perf, writers[record.FilePerf]))
	}
	err = errors.Join(samplerErr, perfErr)
	for _, name := range slices.Sorted(keys(writers)) {
		err = errors.Join(err, writers[name].Close())
	}
	if err = errors.Join(c.interrupted(loadErr), err, undoErr); err != nil {
		return err
	}
	if c.observes() {
		if c.info.Observed = c.observe(ctx, sources); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return c.finish(ctx, sources)
}

// measured is load, with what the harness itself takes of the machine meanwhile. In simulated time it takes nothing of it.
func (c *cellRun) measured(ctx context.Context, metrics *record.Writer) error {
	if c.plan.Facts.Clock == record.ClockVirtual {
		return c.load(ctx, metrics)
	}
	used := telemetry.Self("/proc")
	if err := c.load(ctx, metrics); err != nil {
		return err
	}
	use, err := used()
	c.info.Client = &use
	return err
}

// load brings the machine into the cell's state and drives it.
func (c *cellRun) load(ctx context.Context, metrics *record.Writer) error {
	steps := []func(context.Context) error{c.prepare, c.startProbe, c.idle, c.startFio}
	if watchesIdle(c.plan, c.pc) {
		steps = []func(context.Context) error{c.prepare, c.startProbe, c.idleThenFio}
	}
	if c.preparesUnwatched() {
		steps = steps[1:]
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	var err error
	c.info.Load, err = c.drive(ctx, metrics)
	return err
}

// errInterrupted ends the cells that were under way when the run was interrupted.
var errInterrupted = errors.New("interrupted")

// watchStop cancels what is under way, a cell or what comes before the first, when the run is interrupted. It polls, because a channel from outside a
// virtual-time bubble would stop its clock.
func (tl *tools) watchStop(ctx context.Context, cancel context.CancelFunc) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if tl.stop.Load() {
				cancel()
				return
			}
		}
	}
}

// open creates the cell's files: one of requests as the server saw them where nothing tells of KV tiers, or where there is a page of them.
func (c *cellRun) open(src rig.Sources) (map[string]*record.Writer, error) {
	names := []string{record.FileMetrics, record.FileSysmon}
	kv := c.stack.Dynamo != nil || src.KV != nil
	if kv {
		names = append(names, record.FileDynKV)
	}
	if !kv || src.Perf != nil {
		names = append(names, record.FilePerf)
	}
	out := map[string]*record.Writer{}
	for _, n := range names {
		w, err := record.Create(filepath.Join(c.dir, n), c.flushAt())
		if err != nil {
			return nil, fmt.Errorf("results: %w", err)
		}
		out[n] = w
	}
	return out, nil
}

// flushAt lets lines of real time reach the system one by one: what a machine has been asked for is not lost with this process.
func (c *cellRun) flushAt() int {
	if c.plan.Facts.Clock == record.ClockVirtual {
		return flushBytes
	}
	return 0
}

// flushBytes is how much of a file may be lost when the process is killed: a fraction of a second of a
// simulated cell.
const flushBytes = 32 << 10

// idle watches the machine without load: the baseline that the cell is compared with.
func (c *cellRun) idle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(c.exp.Hypothesis.Run.Baseline)):
		return nil
	}
}

// finish saves the raw pages, asks the oracle and seals the cell.
func (c *cellRun) finish(ctx context.Context, src rig.Sources) error {
	for name, page := range src.Scrapes {
		if b := page(); len(b) > 0 {
			if err := os.WriteFile(filepath.Join(c.dir, name), b, 0o644); err != nil {
				return err
			}
		}
	}
	if src.Server != nil {
		c.info.Server = src.Server()
	}
	if src.Drives != nil {
		c.info.Drives = src.Drives(ctx)
	}
	if src.Storage != nil { // after what the drives moved for the load: it may read the idle drive
		c.info.Storage = src.Storage(ctx)
	}
	if src.Health != nil {
		c.info.Health = src.Health(ctx)
	}
	c.info.Seconds = new(math.Round(time.Since(c.start).Seconds()*1e6) / 1e6)
	if err := c.askOracle(ctx, src); err != nil {
		return err
	}
	return c.info.Seal(c.dir)
}

// unixSeconds is a time as records have it, microseconds kept.
func unixSeconds(t time.Time) float64 { return math.Round(float64(t.UnixNano())/1e3) / 1e6 }

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
