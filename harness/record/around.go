package record

import "fmt"

// Around is a machine's state before and after a cell.
type Around struct {
	Before Health `json:"before"`
	After  Health `json:"after"`
}

// Complaints says what the kernel complained of meanwhile, a line each; known is false if it cannot be told whether that is
// all. A log without its beginning says by its counts alone that there was something, and never that there was nothing: new
// lines push out old ones that are like them.
func (a *Around) Complaints() (lines []string, known bool) {
	before, after := a.Before.Kernel, a.After.Kernel
	switch {
	case before == nil || after == nil:
		return nil, false
	case after.Since != nil:
		before, after, known = &KernelLog{}, after.Since, true
	case after.Lines < before.Lines:
		return nil, false // cleared, or overwritten by longer lines
	default:
		known = !after.Wrapped
	}
	for _, c := range []struct {
		what string
		from int
		to   int
	}{{"NV_ERR_NO_MEMORY of the GPU's driver", before.NVErrMemory, after.NVErrMemory}, {"Xid, a fault of the GPU", before.Xid, after.Xid},
		{"faults of an NVMe controller", before.NVMe, after.NVMe}, {"I/O errors", before.IOErrors, after.IOErrors},
		{"processes killed for memory", before.OOMKills, after.OOMKills}} {
		if n := c.to - c.from; n > 0 {
			lines = append(lines, fmt.Sprintf("%d lines of the kernel's log: %s", n, c.what))
		}
	}
	return lines, known
}

// Worn says which drive reports faults of its own, a line each; known is false if no drive tells. Its error log does not count:
// commands that a drive does not know, which tools ask it for, are entries of it.
func (a *Around) Worn() (lines []string, known bool) {
	a.drives(func(before, after *DriveHealth) {
		if after.CriticalWarning != nil {
			known = true
			if w := *after.CriticalWarning; w != 0 {
				lines = append(lines, fmt.Sprintf("%s: critical warning %#02x of its SMART log", after.Device, int(w)))
			}
		}
		if before.MediaErrors != nil && after.MediaErrors != nil {
			known = true
			if n := *after.MediaErrors - *before.MediaErrors; n > 0 {
				lines = append(lines, fmt.Sprintf("%s: %.0f media errors more", after.Device, n))
			}
		}
	})
	return lines, known
}

// Throttled says which drive throttled itself, or was warmer than it should be, a line each; known is false if no drive tells.
func (a *Around) Throttled() (lines []string, known bool) {
	a.drives(func(before, after *DriveHealth) {
		for _, p := range []struct {
			from, to *float64
			what     string
		}{{before.Throttled1, after.Throttled1, "changes into lighter throttling"}, {before.Throttled2, after.Throttled2, "changes into heavier throttling"},
			{before.Throttled1Seconds, after.Throttled1Seconds, "s of lighter throttling"}, {before.Throttled2Seconds, after.Throttled2Seconds, "s of heavier throttling"},
			{before.WarningMinutes, after.WarningMinutes, "min above its warning temperature"}, {before.CriticalMinutes, after.CriticalMinutes, "min above its critical temperature"}} {
			if p.from == nil || p.to == nil {
				continue
			}
			known = true
			if n := *p.to - *p.from; n > 0 {
				lines = append(lines, fmt.Sprintf("%s: %.0f %s", after.Device, n, p.what))
			}
		}
	})
	return lines, known
}

// drives gives each drive before and after.
func (a *Around) drives(each func(before, after *DriveHealth)) {
	for i := range min(len(a.Before.Drives), len(a.After.Drives)) {
		each(&a.Before.Drives[i], &a.After.Drives[i])
	}
}
