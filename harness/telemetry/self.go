package telemetry

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"sparkharness/harness/record"
)

// Self measures what this process takes of the machine, from the call of Self until its own.
func Self(procRoot string) func() (record.ClientUse, error) {
	began := time.Now()
	before, beforeErr := ownCPU()
	return func() (record.ClientUse, error) {
		now, err := ownCPU()
		if beforeErr != nil {
			err = beforeErr
		}
		if err != nil {
			return record.ClientUse{}, fmt.Errorf("CPU time of the harness itself: %w", err)
		}
		use := record.ClientUse{Seconds: time.Since(began).Seconds(), CPUSeconds: (now - before).Seconds()}
		use.RSSBytes, use.CPUs = ownStatus(procRoot)
		return use, nil
	}
}

// ownCPU is the user and system time of all threads until now.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// ownStatus is what /proc/self/status tells: null and "" where it does not.
func ownStatus(procRoot string) (rss *float64, cpus string) {
	f, err := procfs.NewFS(procRoot)
	if err != nil {
		return nil, ""
	}
	self, err := f.Self()
	if err != nil {
		return nil, ""
	}
	status, err := self.NewStatus()
	if err != nil {
		return nil, ""
	}
	if status.VmRSS > 0 {
		rss = new(float64(status.VmRSS))
	}
	return rss, ranges(status.CpusAllowedList)
}

// ranges writes numbers that rise as the kernel does, such as 0-3,8.
func ranges(list []uint64) string {
	var b strings.Builder
	for i := 0; i < len(list); {
		last := i
		for last+1 < len(list) && list[last+1] == list[last]+1 {
			last++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, list[i])
		if last > i {
			fmt.Fprintf(&b, "-%d", list[last])
		}
		i = last + 1
	}
	return b.String()
}
