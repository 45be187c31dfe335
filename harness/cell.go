package harness

import (
	"cmp"
	"context"
	"encoding/json"
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
	"sparkharness/harness/load"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// Files of a cell's folder.
const (
	fileMetrics = "metrics.jsonl"
	fileSysmon  = "sysmon.jsonl"
	fileDynKV   = "dynkv.jsonl"
	filePerf    = "perf.jsonl"
	fileCell    = "cell.json"
)

// CellInfo is cell.json: what a cell knows of itself besides its lines.
type CellInfo struct {
	Cell     string             `json:"cell"`
	Start    float64            `json:"start"` // s, clock zero of the cell
	Load     load.Summary       `json:"load"`
	Coverage telemetry.Coverage `json:"coverage"`
	Settings rig.Settings       `json:"settings"` // read back from the servers
	// Treatments are what was done to the machine before the load, with what it showed before and after.
	Treatments []rig.Treated `json:"treatments,omitempty"`
	// Fio is what ran beside the load where fio is a factor, with what the drive and fio's process showed before
	// the load; its list of jobs is empty in the arm without.
	Fio   *rig.FioRun `json:"fio,omitempty"`
	HasKV bool        `json:"has_kv"`
}

// tools are shared by the cells of a run.
type tools struct {
	exp       *Experiment
	runID     string
	prompts   *prompt.Library
	segments  *prompt.Segments
	tokenizer *prompt.Tokenizer
	scratch   string // where simulated hosts render their files
	stop      *atomic.Bool
	skip      rig.Treatment // left out, "" for none: a test of what notices that
}

// measure runs one cell on its own clock and leaves its lines in dir, which must not exist yet. An
// interrupted cell returns errInterrupted; its lines stay.
func (tl *tools) measure(pc PlannedCell, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("results: %w (choose another folder with -results)", err)
	}
	host, err := os.MkdirTemp(tl.scratch, "host-")
	if err != nil {
		return fmt.Errorf("scratch folder: %w", err)
	}
	defer os.RemoveAll(host)
	stack := tl.exp.stackOf(pc)
	o := tl.exp.simOptions(stack)
	o.Seed, o.Tokenize, o.Dir = pc.MachineSeed, tl.tokenizer.IDs, host
	r, err := rig.OpenSim(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	c := &cellRun{tools: tl, pc: pc, dir: dir, rig: r, stack: stack, start: time.Now()}
	return c.run()
}

// cellRun is one cell under way.
type cellRun struct {
	*tools
	pc    PlannedCell
	dir   string
	rig   rig.Rig
	stack *config.Stack
	start time.Time
	phase atomic.Pointer[string]
	info  CellInfo
	order []lineKey // of the lines of metrics.jsonl
}

func (c *cellRun) enter(phase string) { c.phase.Store(&phase) }

func (c *cellRun) run() error {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { c.watchStop(ctx, cancel) })

	c.info = CellInfo{Cell: c.pc.Key, Start: unixSeconds(c.start)}
	var err error
	if c.info.Settings, err = c.rig.ReadBack(ctx); err != nil {
		return err
	}
	writers, err := c.open()
	if err != nil {
		return err
	}
	telemetrySources := c.rig.Telemetry()
	c.info.HasKV = telemetrySources.KV != nil
	if c.pc.Phase == "" {
		c.enter(record.PhaseBaseline)
	} else {
		c.enter(record.PhasePrepare)
	}
	sampling, stopSampling := context.WithCancel(ctx)
	var samplerErr, perfErr error
	var sampler sync.WaitGroup
	sampler.Go(func() { samplerErr = c.sample(sampling, telemetrySources, writers) })
	if telemetrySources.Perf != nil {
		sampler.Go(func() { perfErr = c.drainPerf(ctx, sampling, telemetrySources.Perf, writers[filePerf]) })
	}

	loadErr := c.treat(ctx)
	if loadErr == nil {
		loadErr = c.idle(ctx)
	}
	if loadErr == nil {
		loadErr = c.startFio(ctx)
	}
	if loadErr == nil {
		c.info.Load, loadErr = c.drive(ctx, writers[fileMetrics])
	}
	stopSampling()
	loadErr = errors.Join(loadErr, c.rig.StopFio(ctx))
	sampler.Wait()
	if telemetrySources.Perf != nil && loadErr == nil {
		perfErr = errors.Join(perfErr, c.savePerf(ctx, telemetrySources.Perf, writers[filePerf]))
	}
	err = errors.Join(samplerErr, perfErr)
	for _, name := range slices.Sorted(keys(writers)) {
		err = errors.Join(err, writers[name].Close())
	}
	if c.stop.Load() && errors.Is(loadErr, context.Canceled) {
		loadErr = errInterrupted
	}
	if err = errors.Join(loadErr, err); err != nil {
		return err
	}
	return c.finish(telemetrySources)
}

// errInterrupted ends the cells that were under way when the run was interrupted.
var errInterrupted = errors.New("interrupted")

// watchStop cancels the cell when the run is interrupted. It polls, because a channel from outside a
// virtual-time bubble would stop its clock.
func (c *cellRun) watchStop(ctx context.Context, cancel context.CancelFunc) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if c.stop.Load() {
				cancel()
				return
			}
		}
	}
}

// open creates the cell's files.
func (c *cellRun) open() (map[string]*record.Writer, error) {
	names := []string{fileMetrics, fileSysmon}
	if c.stack.Dynamo != nil {
		names = append(names, fileDynKV)
	} else {
		names = append(names, filePerf)
	}
	out := map[string]*record.Writer{}
	for _, n := range names {
		w, err := record.Create(filepath.Join(c.dir, n), flushBytes)
		if err != nil {
			return nil, fmt.Errorf("results: %w", err)
		}
		out[n] = w
	}
	return out, nil
}

// flushBytes is how much of a file may be lost when the process is killed: a fraction of a second of a
// simulated cell.
const flushBytes = 32 << 10

// sample watches the machine until ctx ends.
func (c *cellRun) sample(ctx context.Context, src rig.Telemetry, w map[string]*record.Writer) error {
	s := &telemetry.Sampler{
		Cadence: time.Duration(c.stack.Telemetry.Cadence), Offset: rig.TickOffset, Start: c.start,
		Sys: src.Sys, KV: src.KV, Sparse: sparse, SparseEvery: sparseEvery,
		Phase: func() string { return *c.phase.Load() },
		OnSys: func(s *record.SysSample) error { return w[fileSysmon].Write(s) },
		OnKV:  func(s *record.KVSample) error { return w[fileDynKV].Write(s) },
	}
	cov, err := s.Run(ctx)
	c.info.Coverage = cov
	return err
}

// Nothing is concluded from warm-up and drain, so they are sampled more rarely.
const sparseEvery = 25 // slots

func sparse(phase string) bool { return phase == record.PhaseWarmup || phase == record.PhaseDrain }

// perfEvery is how often the server's queue of per-request records is drained: often enough for a queue
// of some hundred.
const perfEvery = 5 * time.Second

// drainPerf reads the server's per-request records until sampling ends. A page that has been asked for is
// read to its end all the same, because the server forgets what it has sent.
func (c *cellRun) drainPerf(ctx, sampling context.Context, p *telemetry.Perf, w *record.Writer) error {
	select {
	case <-sampling.Done():
		return nil
	case <-time.After(2 * rig.TickOffset / 3): // off the grid, and off the sampler's ticks
	}
	ticker := time.NewTicker(perfEvery)
	defer ticker.Stop()
	for {
		select {
		case <-sampling.Done():
			return nil
		case <-ticker.C:
			if err := c.savePerf(ctx, p, w); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

func (c *cellRun) savePerf(ctx context.Context, p *telemetry.Perf, w *record.Writer) error {
	records, err := p.Drain(ctx)
	if err != nil {
		return err
	}
	// The records of one instant come in the order of the batch, which is that of arrival.
	for i := range records {
		if err := w.Write(&records[i]); err != nil {
			return err
		}
	}
	return nil
}

// idle watches the machine without load: the baseline that the cell is compared with.
func (c *cellRun) idle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(c.exp.Hypothesis.Run.Baseline)):
		return nil
	}
}

// finish sorts what arrived in order of completion, saves the raw pages and cell.json.
func (c *cellRun) finish(src rig.Telemetry) error {
	for name, page := range src.Scrapes {
		if b := page(); len(b) > 0 {
			if err := os.WriteFile(filepath.Join(c.dir, name), b, 0o644); err != nil {
				return err
			}
		}
	}
	// Answers of one instant complete in any order; sorted, the same seed gives the same file.
	if err := sortLines(filepath.Join(c.dir, fileMetrics), c.order, func(a, b lineKey) int {
		return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.user, b.user), cmp.Compare(a.seq, b.seq))
	}); err != nil {
		return err
	}
	if len(c.exp.Adapters) > 0 {
		if err := markFirstTouches(filepath.Join(c.dir, fileMetrics)); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(c.info, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", fileCell, err)
	}
	return os.WriteFile(filepath.Join(c.dir, fileCell), append(b, '\n'), 0o644)
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
