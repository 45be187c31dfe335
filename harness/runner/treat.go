package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/price"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// proveCounters has the machine show that the counters of its block device move, before the cell's clock starts: so that
// neither its baseline nor anything else of the cell has a part of it.
func (c *cellRun) proveCounters(ctx context.Context) (err error) {
	if !slices.Contains(c.plan.Facts.Capabilities, rig.ProvesCounters) {
		c.proof.Lacking = fmt.Sprintf("rig %s can neither read nor write on the watched device by itself (%s)",
			c.plan.Facts.Rig, rig.ProvesCounters)
		return nil
	}
	if c.proof, err = c.machine.ProveCounters(ctx); err != nil {
		return fmt.Errorf("see the counters of the block device move: %w", err)
	}
	return nil
}

// preparesUnwatched says that the machine is watched only when its phase has been prepared: a real server that is restarted tells
// nothing for minutes, its counters begin anew, and it reads its weights, which are no adapters.
func (c *cellRun) preparesUnwatched() bool {
	return c.pc.Phase != "" && c.plan.Facts.Clock != record.ClockVirtual
}

// prepare brings the machine into the state that the cell's phase names. Both arms are first used once, each
// adapter with one request, and in both the server is started anew, so that no adapter is on the device: they differ by the page
// cache alone, which the cold arm drops.
func (c *cellRun) prepare(ctx context.Context) error {
	if c.pc.Phase == "" {
		return nil
	}
	spec, err := c.spec()
	if err != nil {
		return err
	}
	if spec.Adapters != nil {
		if err := load.Touch(ctx, spec); err != nil {
			return err
		}
		// So that what preparing read is not counted to the treatments.
		if err := c.sampleEnds(ctx); err != nil {
			return err
		}
	}
	c.enter(record.PhaseTreat)
	kinds := []string{rig.Restart}
	if c.pc.Phase == record.ArmCold {
		kinds = []string{rig.DropCaches, rig.Restart} // a server that reads at its start must find the cache empty
	}
	for _, kind := range kinds {
		if err := c.apply(ctx, rig.Treatment{Kind: kind}); err != nil {
			return err
		}
	}
	if c.info.Settings, err = c.machine.ReadBack(ctx); err != nil {
		return err
	}
	c.enter(record.PhaseBaseline)
	return nil
}

// sampleEnds waits until a sample has ended: one that was due when a phase ended is told its name, and reads the counters a moment later.
func (c *cellRun) sampleEnds(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(c.stack.Telemetry.Cadence)):
		return nil
	}
}

// startProbe has the drive read a little all the time, from the baseline to the cell's end and in all arms, where the
// sweep compares arms of fio.
func (c *cellRun) startProbe(ctx context.Context) error {
	if !c.exp.Hypothesis.Sweep.Probed() {
		return nil
	}
	return c.apply(ctx, rig.Treatment{Kind: rig.Probe})
}

// startFio starts the cell's profile beside the server and waits until it shows. It runs from before the
// warm-up until the cell ends, because the queue that warm-up builds is that of the machine with fio. The arm
// without takes as long.
func (c *cellRun) startFio(ctx context.Context) error {
	if c.pc.Fio == "" {
		return nil
	}
	c.enter(record.PhaseTreat)
	return c.apply(ctx, c.fio())
}

func (c *cellRun) fio() rig.Treatment {
	return rig.Treatment{Kind: rig.Fio, Name: c.pc.Fio, Text: c.exp.Fio[c.pc.Fio]}
}

// watchesIdle says that a cell's drive is watched without fio while the machine is idle anyway: in real time.
func watchesIdle(p *record.Plan, pc record.PlannedCell) bool {
	return p.Facts.Clock != record.ClockVirtual && pc.Fio != ""
}

// watchedIdle is how much sooner a cell's load begins where watchesIdle: by what the drive is watched in the baseline, which is all the time
// that it is watched at all, or the half before fio starts, less the sample that ends between the two.
func watchedIdle(e *config.Experiment, pc record.PlannedCell) time.Duration {
	watch := price.FioWatch
	if !price.NoFio(e, pc) {
		watch /= 2
	}
	return min(watch, time.Duration(e.Hypothesis.Run.Baseline)) - time.Duration(e.StackOf(pc).Telemetry.Cadence)
}

// idleThenFio is idle and startFio, with the drive watched meanwhile. The phase of treatments begins with the first of them.
func (c *cellRun) idleThenFio(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan error, 1)
	go func() { over <- c.idle(ctx) }()
	idled := sync.OnceValue(func() error {
		err := <-over
		c.enter(record.PhaseTreat)
		return cmp.Or(err, c.sampleEnds(ctx))
	})
	t, begun := c.fio(), false
	t.Begins = func(context.Context) error {
		if begun = true; price.NoFio(c.exp, c.pc) {
			return nil
		}
		return idled()
	}
	err := Catch(func() error { return c.apply(ctx, t) })
	if err == nil && !begun {
		err = fmt.Errorf("treatment fio %s began in the baseline: rig %s does not say when it begins", c.pc.Fio, c.plan.Facts.Rig)
	}
	if err != nil {
		cancel() // nobody waits for the end of the baseline
	}
	return cmp.Or(err, idled())
}

// apply treats the machine and keeps what it showed, and what undoes it.
func (c *cellRun) apply(ctx context.Context, t rig.Treatment) error {
	done, err := c.machine.Apply(ctx, t)
	if done.Undo != nil {
		c.undos = append(c.undos, done.Undo)
	}
	if done.Seen != nil {
		c.info.Treatments = append(c.info.Treatments, *done.Seen)
	}
	if done.Fio != nil {
		c.info.Fio = done.Fio
	}
	if done.Probe != nil {
		c.info.Probe = done.Probe
	}
	if err != nil {
		return fmt.Errorf("treatment %s: %w", strings.TrimSpace(t.Kind+" "+t.Name), err)
	}
	return nil
}

// errNotUndone says that a machine is not as it was before a cell: that is told of an interrupted cell, too.
var errNotUndone = errors.New("a treatment could not be undone: see to the machine before the next run")

// undo ends what the cell's treatments have begun, the latest first. It does so once.
func (c *cellRun) undo() error {
	var errs []error
	for _, u := range slices.Backward(c.undos) {
		if err := Catch(func() error { return u(context.Background()) }); err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", errNotUndone, err))
		}
	}
	c.undos = nil
	return errors.Join(errs...)
}
