package simrig

import (
	"context"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// armDevices are the modelled drives that are compared, in the order of record.DriveA and DriveB.
var armDevices = []string{"nvme0n1", "nvme1n1"}

// onDrive has tier 2 lie on the drive of an arm, and that drive watched. Without an arm all stays as it is.
func (s *Machine) onDrive(arm string) {
	if arm == "" {
		return
	}
	s.opts.Drive = arm
	stack := *s.opts.Stack // the configuration's own stays
	stack.Telemetry.Device = armDevices[s.drive()]
	s.opts.Stack = &stack
}

// drive is the number of the drive that the cell is about.
func (s *Machine) drive() int {
	if s.opts.Drive == record.DriveB {
		return 1
	}
	return 0
}

// countDrives begins to count what both drives move; nil where none are compared.
func (s *Machine) countDrives() func(context.Context) []record.ArmDrive {
	if s.opts.Drive == "" {
		return nil
	}
	var counted []*rig.Counted
	for i, arm := range []string{record.DriveA, record.DriveB} {
		block, err := telemetry.NewBlock(s.files.Proc, s.files.Sys, armDevices[i])
		if err == nil {
			s.watched = append(s.watched, block)
		}
		counted = append(counted, rig.Count(context.Background(), arm, armDevices[i:i+1], block))
	}
	return func(ctx context.Context) []record.ArmDrive {
		out := make([]record.ArmDrive, 0, len(counted))
		if s.machine.Render(ctx, s.files) != nil {
			return nil // the gate asks for them
		}
		for _, c := range counted {
			out = append(out, c.Moved(ctx))
		}
		return out
	}
}
