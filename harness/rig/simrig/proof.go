package simrig

import (
	"context"
	"time"

	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

const (
	// proofBytes is read, and written, to see the counters move.
	proofBytes = 1 << 20
	// leastProof is how long the counters are given for it: a drive that pauses moves it in much less.
	leastProof = time.Second
)

// ProveCounters reads and writes on the modelled drive, and ends a whole number of samples after the machine's start: so
// what comes after keeps its distance to the machine's own instants and to nvidia-smi's lines.
func (s *Machine) ProveCounters(ctx context.Context) (record.CountersProof, error) {
	out := record.CountersProof{AskedReadBytes: proofBytes, AskedWriteBytes: proofBytes}
	cadence := time.Duration(s.opts.Stack.Telemetry.Cadence)
	span := (leastProof + cadence - 1) / cadence * cadence
	left := func() time.Duration { return span - time.Since(s.began)%span }
	if err := s.offGrid(ctx); err != nil {
		return out, err
	}
	if err := s.machine.Render(ctx, s.files); err != nil {
		return out, err
	}
	// Telemetry that fails stops no cell: what it cannot read is unknown.
	var sample record.SysSample
	block, unread := telemetry.NewBlock(s.files.Proc, s.files.Sys, s.opts.Stack.Telemetry.Device)
	if unread == nil {
		defer block.Close()
		unread = block.Sample(ctx, &sample)
	}
	if err := s.machine.ReadAndWrite(ctx, s.drive(), proofBytes, proofBytes); err != nil {
		return out, err
	}
	if err := pause(ctx, left()-time.Millisecond-fioOffset); err != nil {
		return out, err
	}
	if err := s.machine.Render(ctx, s.files); err != nil {
		return out, err
	}
	if unread == nil {
		unread = block.Sample(ctx, &sample)
	}
	if unread == nil {
		out.ReadBytes, out.WriteBytes = &sample.NVMe.ReadBytes, &sample.NVMe.WriteBytes
	} else {
		out.Lacking = unread.Error()
	}
	return out, pause(ctx, left())
}
