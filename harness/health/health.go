package health

import (
	"context"
	"errors"
	"time"

	"sparkharness/harness/record"
)

// Read reads this machine's health with the drives of these names, such as nvme0n1; before is an earlier reading, nil for none.
func Read(ctx context.Context, before *record.Health, drives ...string) record.Health {
	return read(ctx, "/sys", run, before, drives)
}

func read(ctx context.Context, sys string, run Run, before *record.Health, drives []string) record.Health {
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
	var earlier *record.KernelLog
	if before != nil {
		earlier = before.Kernel
	}
	var err error
	h.Kernel, err = KernelLog(ctx, run, earlier)
	untold(err)
	if earlier != nil && h.Kernel != nil && h.Kernel.Wrapped && h.Kernel.Since == nil {
		untold(errors.New("the kernel's log has overwritten what stood there before: boot with a larger log_buf_len, or end what fills it"))
	}
	return h
}
