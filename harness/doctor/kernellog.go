package doctor

import (
	"fmt"
	"regexp"
	"strings"
)

// faults are lines of the kernel's log since the boot, or since where it begins.
type faults struct {
	allocations, xids int
	whole             bool // it begins with the boot
}

var (
	allocationFault = regexp.MustCompile(`NV_ERR_NO_MEMORY|_memdescAllocInternal`)
	// xidFault are a stalled host channel and a GPU system processor that does not answer (NVIDIA, Xid errors).
	xidFault = regexp.MustCompile(`NVRM: Xid \(.*\): (31|119)\b`)
)

// logBegin is in the first lines that a kernel writes. A log without it has lost its beginning: the kernel's ring overwrites it,
// and the journal may have been vacuumed.
var logBegin = regexp.MustCompile(`Booting Linux on |Linux version \d`)

// kernelFaults counts what the driver logged; a block whose count grew is void. The journal keeps more than the kernel's ring,
// which is asked where the journal has no beginning either. An error says that nobody can tell.
func (v *visit) kernelFaults() (f faults, err error) {
	told := false
	for _, ask := range [][]string{{"journalctl", "-k", "-b", "-q", "--no-pager"}, {"dmesg"}} {
		text, err := v.m.Run(v.ctx, ask[0], ask[1:]...)
		if err != nil || strings.TrimSpace(text) == "" || strings.HasPrefix(text, "-- No entries") {
			continue
		}
		told = true
		one := countFaults(text)
		if one.whole {
			return one, nil
		}
		f.allocations, f.xids = max(f.allocations, one.allocations), max(f.xids, one.xids)
	}
	if !told {
		return f, fmt.Errorf("neither journalctl -k nor dmesg shows the log to this user")
	}
	return f, nil
}

func countFaults(text string) (f faults) {
	for line := range strings.Lines(text) {
		if logBegin.MatchString(line) {
			f.whole = true
		}
		if allocationFault.MatchString(line) {
			f.allocations++
		}
		if xidFault.MatchString(line) {
			f.xids++
		}
	}
	return f
}

func lookKernelLog(v *visit) seen {
	f, err := v.kernelFaults()
	if err != nil {
		return unknown("%v", err).do("run as root, or join the group systemd-journal")
	}
	since := "since the boot"
	if !f.whole {
		since = "in a log whose beginning is lost"
	}
	said := fmt.Sprintf("%d lines of failed GPU allocations, %d of Xid 31 or 119 %s", f.allocations, f.xids, since)
	switch {
	case f.xids > 0:
		return missing("%s", said).with(float64(f.allocations+f.xids), "count")
	case f.allocations > 0:
		return warning("%s", said).with(float64(f.allocations), "count")
	case !f.whole:
		return unknown("%s", said).do("journalctl -k -b as root, or in the group systemd-journal, shows more than dmesg; reboot where neither has it")
	}
	return ok("%s", said).with(0, "count")
}
