package health

import (
	"context"
	"time"

	"sparkharness/harness/record"
)

// Read reads this machine's health with the drives of these names, such as nvme0n1.
func Read(ctx context.Context, drives ...string) record.Health { return read(ctx, "/sys", run, drives) }

func read(ctx context.Context, sys string, run Run, drives []string) record.Health {
	h := record.Health{At: float64(time.Now().UnixMilli()) / 1e3, Temperatures: Temperatures(sys), CPU: CPU(sys)}
	untold := func(err error) {
		if err != nil {
			h.Untold = append(h.Untold, err.Error())
		}
	}
	for _, name := range drives {
		d, err := Drive(ctx, name, run)
		h.Drives = append(h.Drives, d)
		untold(err)
	}
	var err error
	h.Kernel, err = KernelLog(ctx, run)
	untold(err)
	return h
}
