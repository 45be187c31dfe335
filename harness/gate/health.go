package gate

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
)

// Health wants machines of which neither kernel nor drives complain: no fault of the GPU or of a drive, no I/O error, no process
// killed for memory while a cell ran, no drive that throttled itself. Else what was slow may have been the fault. A log that may
// not be read says nothing: then it is a grade that is not good, because root alone may read it on most machines. ok is false
// where nobody looks.
func Health(ev *evidence.Evidence) (g Gate, ok bool) {
	const name = "health"
	var kernel, drives, throttling, cells int
	untold := ""
	for _, c := range ev.Cells {
		a := c.Info.Health
		if a == nil {
			continue
		}
		cells++
		for _, of := range []struct {
			ask   func() ([]string, bool)
			count *int
			code  string
		}{{a.Complaints, &kernel, "kernel_complained"}, {a.Worn, &drives, "drive_faults"}, {a.Throttled, &throttling, "drive_throttled"}} {
			lines, known := of.ask()
			if len(lines) > 0 {
				return Fail(name, Invalid, of.code, c.Key+": "+strings.Join(lines, "; ")+": see dmesg and smartctl -x, and measure again when it is gone"), true
			}
			if known {
				*of.count++
			} else if why := untoldOf(a); untold == "" && len(why) > 0 {
				untold = "; " + strings.Join(why, "; ")
			}
		}
	}
	if cells == 0 {
		return Gate{}, false
	}
	told := fmt.Sprintf("of %d cells the kernel's log is told of %d, the drives' faults of %d, their throttling of %d", cells, kernel, drives, throttling)
	if min(kernel, drives, throttling) < cells {
		return Grade(name, false, told+": what is not told is not known to be good"+untold), true
	}
	return Pass(name, told+": no complaint"), true
}

// untoldOf is why something is not told before or after, each once.
func untoldOf(a *record.Around) (why []string) {
	for _, line := range slices.Concat(a.Before.Untold, a.After.Untold) {
		if !slices.Contains(why, line) {
			why = append(why, line)
		}
	}
	return why
}
