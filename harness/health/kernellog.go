package health

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"sparkharness/harness/record"
)

// complaints are lines of the kernel's log that count, and where. A line may count at several places.
var complaints = []struct {
	count func(*record.KernelLog) *int
	line  *regexp.Regexp
}{
	// NVIDIA/open-gpu-kernel-modules #1358: on a GB10 the whole host stalls with it.
	{func(k *record.KernelLog) *int { return &k.NVErrMemory }, regexp.MustCompile(`NV_ERR_NO_MEMORY`)},
	// docs.nvidia.com, Xid Errors: NVRM: Xid (PCI:0000:01:00): 31, ...
	{func(k *record.KernelLog) *int { return &k.Xid }, regexp.MustCompile(`NVRM: Xid`)},
	// drivers/nvme/host/{core,pci}.c of the kernel.
	{func(k *record.KernelLog) *int { return &k.NVMe },
		regexp.MustCompile(`\bnvme\d+\S* ?.*(timeout|reset|controller is down|Removing|Abort status|failed|I/O Error|Device not ready|Disabling)`)},
	// block/blk-core.c and the file systems.
	{func(k *record.KernelLog) *int { return &k.IOErrors },
		regexp.MustCompile(`I/O error|critical medium error|critical target error|EXT4-fs error|XFS \(.*\): .*(error|[Cc]orruption)|BTRFS.*error`)},
	{func(k *record.KernelLog) *int { return &k.OOMKills }, regexp.MustCompile(`Out of memory: Killed process|oom-kill:`)},
}

// KernelLog counts the complaints in the kernel's log, which dmesg prints to root and, where kernel.dmesg_restrict is 0, to
// everybody.
func KernelLog(ctx context.Context, run Run) (*record.KernelLog, error) {
	text, err := run(ctx, "dmesg", "--notime", "--nopager", "--color=never")
	if err != nil {
		return nil, fmt.Errorf("the kernel's log is not told: dmesg: %w (run as root, or sysctl kernel.dmesg_restrict=0)", err)
	}
	k := &record.KernelLog{}
	for line := range strings.Lines(string(text)) {
		if k.Lines++; k.Lines == 1 {
			k.Wrapped = !strings.Contains(line, "Linux version") && !strings.Contains(line, "Booting Linux")
		}
		for _, c := range complaints {
			if c.line.MatchString(line) {
				*c.count(k)++
			}
		}
	}
	if k.Lines == 0 {
		return nil, fmt.Errorf("the kernel's log is empty: it was cleared, or is hidden in a container")
	}
	return k, nil
}
