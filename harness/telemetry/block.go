package telemetry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs/blockdevice"

	"sparkharness/harness/record"
)

// sectorBytes is the unit of the sector counters, whatever the device's own sector size is (kernel
// Documentation/admin-guide/iostats.rst).
const sectorBytes = 512

// Block turns the counters of one whole disk in <proc>/diskstats into the figures of iostat -x
// (iostat(1) of sysstat), with the interval dt taken from the monotonic clock at each read:
//
//	r/s = d(reads)/dt          rMB/s = d(sectors read)*512/1e6/dt     r_await = d(ms reading)/d(reads)
//	aqu-sz = d(weighted ms)/dt  %util = 100*d(ms doing I/O)/dt
//
// and the same for writes. %util says that some I/O was in flight, not that the device was saturated.
// The kernel shows whole milliseconds, so an await over few fast I/Os is coarse: at 60 us a read, 2 %
// resolution needs about 1000 reads in the window. Sum the deltas of several samples for such windows.
//
// After a failed read the next sample spans both intervals, so that the sums of the deltas lose nothing.
type Block struct {
	fs     blockdevice.FS
	stats  kernelFile // open from NewBlock to Close
	device string
	prev   *blockdevice.IOStats
	prevAt time.Time
}

// NewBlock opens the counters of device, a whole disk such as nvme0n1: a partition's counters lack
// flushes. The error for an unknown device lists those that exist.
func NewBlock(procRoot, sysRoot, device string) (*Block, error) {
	// blockdevice takes an empty root for the running machine's own tree.
	if procRoot == "" || sysRoot == "" {
		return nil, fmt.Errorf("block device %q: proc root and sys root must be given, for example /proc and /sys", device)
	}
	f, err := blockdevice.NewFS(procRoot, sysRoot)
	if err != nil {
		return nil, fmt.Errorf("block device %q: %w", device, err)
	}
	disks, err := f.SysBlockDevices()
	if err != nil {
		return nil, fmt.Errorf("list block devices: %w", err)
	}
	if !slices.Contains(disks, device) {
		return nil, fmt.Errorf("block device %q is no whole disk of this machine; set telemetry.device to one of: %s",
			device, strings.Join(disks, ", "))
	}
	b := &Block{fs: f, stats: kernelFile{path: filepath.Join(procRoot, "diskstats")}, device: device}
	if _, err := b.read(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Close closes the counters' file; a nil Block has none.
func (b *Block) Close() error {
	if b == nil {
		return nil
	}
	return b.stats.close()
}

// Name is "block".
func (b *Block) Name() string { return "block" }

func (b *Block) read() (*blockdevice.IOStats, error) {
	text, err := b.stats.read()
	if err != nil {
		return nil, fmt.Errorf("diskstats: %w", err)
	}
	if d, ok := parseDisk(text, b.device); ok {
		return &d, nil
	}
	all, err := b.fs.ProcDiskstats()
	if err != nil {
		return nil, fmt.Errorf("diskstats: %w", err)
	}
	names := make([]string, len(all))
	for i := range all {
		if all[i].DeviceName == b.device {
			return &all[i].IOStats, nil
		}
		names[i] = all[i].DeviceName
	}
	return nil, fmt.Errorf("block device %q has no line in diskstats, which lists: %s", b.device, strings.Join(names, ", "))
}

// Sample fills NVMe. A counter that went backwards sets s.Reset and returns an error that wraps ErrReset.
func (b *Block) Sample(_ context.Context, s *record.SysSample) error {
	cur, err := b.read()
	if err != nil {
		return err
	}
	now := time.Now()
	prev, dt := b.prev, now.Sub(b.prevAt)
	if prev != nil && dt <= 0 {
		return fmt.Errorf("block device %s: no time passed since the previous sample", b.device)
	}
	b.prev, b.prevAt = cur, now
	if prev == nil {
		return nil
	}
	n, err := nvme(prev, cur, dt)
	if err != nil {
		s.Reset = true
		return fmt.Errorf("block device %s: %w", b.device, err)
	}
	s.NVMe = n
	return nil
}

// nvme computes the figures of one interval.
func nvme(prev, cur *blockdevice.IOStats, dt time.Duration) (*record.NVMe, error) {
	var err error
	count := func(name string, prev, cur uint64) float64 {
		if cur < prev {
			err = fmt.Errorf("%s: %w", name, ErrReset)
			return 0
		}
		return float64(cur - prev)
	}
	// The millisecond fields are 32 bits wide and wrap after 49.7 days of I/O time, the weighted one
	// sooner. A true wrap advances by less than half the range within an interval; a restart from 0
	// looks like an advance by more.
	ms := func(name string, prev, cur uint64) float64 {
		if cur < prev && prev <= math.MaxUint32 {
			if d := uint32(cur) - uint32(prev); d <= math.MaxInt32 {
				return float64(d)
			}
		}
		return count(name, prev, cur)
	}
	n := &record.NVMe{
		Reads:      count("reads", prev.ReadIOs, cur.ReadIOs),
		ReadBytes:  sectorBytes * count("sectors read", prev.ReadSectors, cur.ReadSectors),
		ReadMS:     ms("ms reading", prev.ReadTicks, cur.ReadTicks),
		Writes:     count("writes", prev.WriteIOs, cur.WriteIOs),
		WriteBytes: sectorBytes * count("sectors written", prev.WriteSectors, cur.WriteSectors),
		WriteMS:    ms("ms writing", prev.WriteTicks, cur.WriteTicks),
		IOms:       ms("ms doing I/O", prev.IOsTotalTicks, cur.IOsTotalTicks),
		WeightedMS: ms("weighted ms", prev.WeightedIOTicks, cur.WeightedIOTicks),
	}
	if err != nil {
		return nil, err
	}
	sec := dt.Seconds()
	n.RPS = round4(n.Reads / sec)
	n.RMBs = round4(n.ReadBytes / 1e6 / sec)
	n.WPS = round4(n.Writes / sec)
	n.WMBs = round4(n.WriteBytes / 1e6 / sec)
	n.RAwait = await(n.ReadMS, n.Reads)
	n.WAwait = await(n.WriteMS, n.Writes)
	n.AquSz = round4(n.WeightedMS / (1e3 * sec))
	n.UtilPct = round4(100 * n.IOms / (1e3 * sec))
	return n, nil
}

func await(ms, ios float64) *float64 {
	if ios == 0 {
		return nil
	}
	return new(round4(ms / ios))
}
