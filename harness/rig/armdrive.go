package rig

import (
	"context"

	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// Counted is a drive of an arm whose counters are read.
type Counted struct {
	Arm     string
	Devices []string
	block   *telemetry.Block
}

// Count reads the counters of an arm's devices for the first time. What cannot be read stays unknown: Moved says so.
func Count(ctx context.Context, arm string, devices []string, block *telemetry.Block) *Counted {
	c := &Counted{Arm: arm, Devices: devices, block: block}
	if block != nil && block.Sample(ctx, &record.SysSample{}) != nil {
		c.block = nil
	}
	return c
}

// Moved is by how much the counters have moved since they were first read.
func (c *Counted) Moved(ctx context.Context) record.ArmDrive {
	out := record.ArmDrive{Arm: c.Arm, Devices: c.Devices}
	var s record.SysSample
	if c.block != nil && c.block.Sample(ctx, &s) == nil && s.NVMe != nil {
		out.ReadBytes, out.WriteBytes = &s.NVMe.ReadBytes, &s.NVMe.WriteBytes
	}
	return out
}
