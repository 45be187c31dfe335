package harness

import (
	"context"
	"fmt"

	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// Phases of a sweep.
const (
	PhaseCold = "cold"
	PhaseWarm = "warm"
)

// treat brings the machine into the state that the cell's phase names. Both arms are first used once, each
// adapter with one request, so that they differ by the treatment alone: the cold arm then drops the page
// cache and restarts the server, the warm arm does nothing.
func (c *cellRun) treat(ctx context.Context) error {
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
	}
	c.enter(record.PhaseTreat)
	if c.pc.Phase == PhaseCold {
		// In this order: a server that reads at its start must find the cache empty.
		for _, t := range []rig.Treatment{rig.DropCaches, rig.Restart} {
			if t == c.skip {
				continue
			}
			done, err := c.rig.Treat(ctx, t)
			if err != nil {
				return fmt.Errorf("treatment %s: %w", t, err)
			}
			c.info.Treatments = append(c.info.Treatments, done)
		}
		if c.info.Settings, err = c.rig.ReadBack(ctx); err != nil {
			return err
		}
	}
	c.enter(record.PhaseBaseline)
	return nil
}

// startFio starts the cell's profile beside the server and waits until it shows. It runs from before the
// warm-up until the cell ends, because the queue that warm-up builds is that of the machine with fio. The arm
// without takes as long.
func (c *cellRun) startFio(ctx context.Context) error {
	if c.pc.Fio == "" {
		return nil
	}
	jobs, err := c.exp.fioJobs(c.pc)
	if err != nil {
		return err
	}
	c.enter(record.PhaseTreat)
	run, err := c.rig.StartFio(ctx, jobs)
	if err != nil {
		return fmt.Errorf("fio %s: %w", c.pc.Fio, err)
	}
	c.info.Fio = &run
	return nil
}
