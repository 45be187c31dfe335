package simrig

import (
	"context"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// dropCaches is read back in /proc/meminfo.
func dropCaches(ctx context.Context, s *Machine, t rig.Treatment) (rig.Applied, error) {
	return s.seen(ctx, t.Kind, "page cache, B", s.cached, s.machine.DropCaches)
}

// cached is the page cache as /proc/meminfo has it.
func (s *Machine) cached(ctx context.Context) (*float64, error) {
	if err := s.machine.Render(ctx, s.files); err != nil {
		return nil, err
	}
	proc, err := telemetry.NewProc(s.files.Proc)
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	var sample record.SysSample
	if err := proc.Sample(ctx, &sample); err != nil || sample.Mem == nil {
		return nil, err
	}
	return sample.Mem.Cached, nil
}
