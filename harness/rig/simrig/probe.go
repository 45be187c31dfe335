package simrig

import (
	"context"
	"fmt"
	"time"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// runProbe has a task read the modelled drive until it is undone.
func runProbe(ctx context.Context, s *Machine, _ rig.Treatment) (rig.Applied, error) {
	if err := s.offGrid(ctx); err != nil {
		return rig.Applied{}, err
	}
	if err := s.machine.StartProbe(ctx, rig.ProbeBytes, time.Second/rig.ProbePerSecond); err != nil {
		return rig.Applied{}, fmt.Errorf("start the probe: %w", err)
	}
	s.probe.Watch(s.machine.ProbeReads)
	return rig.Applied{Probe: &record.ProbeRun{Bytes: rig.ProbeBytes, PerS: rig.ProbePerSecond}, Undo: s.stopProbe}, nil
}

// stopProbe ends the probe that runProbe has started, when ctx has ended too.
func (s *Machine) stopProbe(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := s.offGrid(ctx); err != nil {
		return err
	}
	s.probe.Forget()
	if err := s.machine.StopProbe(ctx); err != nil {
		return fmt.Errorf("stop the probe: %w", err)
	}
	return nil
}
