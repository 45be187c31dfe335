package runner

import (
	"context"
	"time"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// sample watches the machine until ctx ends.
func (c *cellRun) sample(ctx context.Context, src rig.Sources, w map[string]*record.Writer) error {
	s := &telemetry.Sampler{
		Cadence: time.Duration(c.stack.Telemetry.Cadence), Offset: src.TickOffset, Start: c.start,
		Refresh: src.Refresh, Sys: src.Sys, KV: src.KV, Sparse: sparse, SparseEvery: sparseEvery,
		Phase: func() string { return *c.phase.Load() },
		OnSys: func(s *record.SysSample) error { return w[record.FileSysmon].Write(s) },
		OnKV:  func(s *record.KVSample) error { return w[record.FileDynKV].Write(s) },
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
func (c *cellRun) drainPerf(ctx, sampling context.Context, src rig.Sources, w *record.Writer) error {
	select {
	case <-sampling.Done():
		return nil
	case <-time.After(2 * src.TickOffset / 3): // off the grid, and off the sampler's ticks
	}
	ticker := time.NewTicker(perfEvery)
	defer ticker.Stop()
	for {
		select {
		case <-sampling.Done():
			return nil
		case <-ticker.C:
			if err := c.savePerf(ctx, src.Perf, w); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// perfWait bounds the reading of a server's records: one that hangs must not keep the cell from ending.
const perfWait = time.Minute

func (c *cellRun) savePerf(ctx context.Context, p *telemetry.Perf, w *record.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, perfWait)
	defer cancel()
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
