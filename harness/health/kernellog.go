package health

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
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

// stamp is the kernel's own time of a line, s since the boot.
var stamp = regexp.MustCompile(`^\[ *(\d+\.\d+)\]`)

// KernelLog counts the complaints in the kernel's log, which dmesg prints to root and, where kernel.dmesg_restrict is 0, to
// everybody. With an earlier reading it also counts what came since, if that reading's last line is still there: the ring
// overwrites its oldest lines first, so that all that came after that line are there, too.
func KernelLog(ctx context.Context, run Run, before *record.KernelLog) (*record.KernelLog, error) {
	text, err := run(ctx, "dmesg", "--nopager", "--color=never")
	if err != nil {
		return nil, fmt.Errorf("the kernel's log is not told: dmesg: %w (run as root, or sysctl kernel.dmesg_restrict=0)", err)
	}
	lines := slices.Collect(strings.Lines(string(text)))
	if len(lines) == 0 {
		return nil, fmt.Errorf("the kernel's log is empty: it was cleared, or is hidden in a container")
	}
	k := count(lines)
	k.Wrapped = !strings.Contains(lines[0], "Linux version") && !strings.Contains(lines[0], "Booting Linux")
	seenTo := -1 // the last line of the reading before; stamps of other processors may stand in another order
	for i, line := range lines {
		at := stampOf(line)
		if at == nil {
			continue
		}
		k.NewestS = at
		if before != nil && before.NewestS != nil && *at == *before.NewestS {
			seenTo = i
		}
	}
	if seenTo >= 0 {
		k.Since = count(lines[seenTo+1:])
	}
	return k, nil
}

func count(lines []string) *record.KernelLog {
	k := &record.KernelLog{Lines: len(lines)}
	for _, line := range lines {
		for _, c := range complaints {
			if c.line.MatchString(line) {
				*c.count(k)++
			}
		}
	}
	return k
}

// stampOf is nil for a line without: one that goes on, or of a kernel that prints none.
func stampOf(line string) *float64 {
	m := stamp.FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	at, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return nil
	}
	return &at
}
