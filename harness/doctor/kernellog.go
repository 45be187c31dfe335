package doctor

import (
	"fmt"
	"regexp"
	"strings"
)

// faults are lines of the kernel's log since the boot, or since its ring began.
type faults struct{ allocations, xids int }

var (
	allocationFault = regexp.MustCompile(`NV_ERR_NO_MEMORY|_memdescAllocInternal`)
	// xidFault are a stalled host channel and a GPU system processor that does not answer (NVIDIA, Xid errors).
	xidFault = regexp.MustCompile(`NVRM: Xid \(.*\): (31|119)\b`)
)

// kernelFaults counts what the driver logged; a block whose count grew is void. An error says that nobody can tell.
func (v *visit) kernelFaults() (f faults, err error) {
	text, first := v.m.Run(v.ctx, "dmesg")
	if first != nil || strings.TrimSpace(text) == "" {
		var second error
		text, second = v.m.Run(v.ctx, "journalctl", "-k", "-b", "-q", "--no-pager")
		if second != nil || strings.TrimSpace(text) == "" || strings.HasPrefix(text, "-- No entries") {
			return f, fmt.Errorf("neither dmesg nor journalctl -k shows the log to this user")
		}
	}
	for line := range strings.Lines(text) {
		if allocationFault.MatchString(line) {
			f.allocations++
		}
		if xidFault.MatchString(line) {
			f.xids++
		}
	}
	return f, nil
}

func lookKernelLog(v *visit) seen {
	f, err := v.kernelFaults()
	if err != nil {
		return unknown("%v", err).do("run as root, or join the group systemd-journal")
	}
	said := fmt.Sprintf("%d lines of failed GPU allocations, %d of Xid 31 or 119 since the boot", f.allocations, f.xids)
	switch {
	case f.xids > 0:
		return missing("%s", said).with(float64(f.allocations+f.xids), "count")
	case f.allocations > 0:
		return warning("%s", said).with(float64(f.allocations), "count")
	}
	return ok("%s", said).with(0, "count")
}
