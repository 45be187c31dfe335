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

// Block turns the counters of one whole disk, or of several that hold one file system together, in <proc>/diskstats into the figures of iostat -x
// (iostat(1) of sysstat), with the interval dt taken from the monotonic clock at each read:
//
//	r/s = d(reads)/dt          rMB/s = d(sectors read)*512/1e6/dt     r_await = d(ms reading)/d(reads)
//	aqu-sz = d(weighted ms)/dt  %util = 100*d(ms doing I/O)/dt
//
// and the same for writes. %util says that some I/O was in flight, not that the device was saturated.
// The kernel shows whole milliseconds, so an await over few fast I/Os is coarse: at 60 us a read, 2 %
// resolution needs about 1000 reads in the window. Sum the deltas of several samples for such windows.
//
// Of several disks the counters are summed, as iostat -g does, but for the time doing I/O: that is their mean, so that
// %util stays a share of the time.
//
// After a failed read the next sample spans both intervals, so that the sums of the deltas lose nothing.
type Block struct {
	fs        blockdevice.FS
	stats     kernelFile // open from NewBlock to Close
	devices   []string
	cur, prev []blockdevice.IOStats // of each device
	prevAt    time.Time             // zero: there is no prev
}

// NewBlock opens the counters of devices, each a whole disk such as nvme0n1: a partition's counters lack flushes. The
// paths of an NVMe namespace with native multipath, such as nvme0c0n1, are taken too. The error for an unknown device
// lists those that exist.
func NewBlock(procRoot, sysRoot string, devices ...string) (*Block, error) {
	name := strings.Join(devices, " and ")
	// blockdevice takes an empty root for the running machine's own tree.
	if procRoot == "" || sysRoot == "" {
		return nil, fmt.Errorf("block device %q: proc root and sys root must be given, for example /proc and /sys", name)
	}
	if len(devices) == 0 {
		return nil, errors.New("no block device is named whose counters are to be read")
	}
	f, err := blockdevice.NewFS(procRoot, sysRoot)
	if err != nil {
		return nil, fmt.Errorf("block device %q: %w", name, err)
	}
	disks, err := f.SysBlockDevices()
	if err != nil {
		return nil, fmt.Errorf("list block devices: %w", err)
	}
	for i, device := range devices {
		if !slices.Contains(disks, device) {
			return nil, fmt.Errorf("block device %q is no whole disk of this machine; set telemetry.device to one of: %s",
				device, strings.Join(disks, ", "))
		}
		if slices.Contains(devices[:i], device) {
			return nil, fmt.Errorf("block device %q is named twice: its I/O would count twice", device)
		}
	}
	b := &Block{fs: f, stats: kernelFile{path: filepath.Join(procRoot, "diskstats")}, devices: slices.Clone(devices)}
	b.cur, b.prev = make([]blockdevice.IOStats, len(devices)), make([]blockdevice.IOStats, len(devices))
	if err := b.read(); err != nil {
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

// read fills cur.
func (b *Block) read() error {
	text, err := b.stats.read()
	if err != nil {
		return fmt.Errorf("diskstats: %w", err)
	}
	for i, device := range b.devices {
		d, ok := parseDisk(text, device)
		if !ok {
			return b.readOdd()
		}
		b.cur[i] = d
	}
	return nil
}

// readOdd is read for a text that is not as today's kernels write it.
func (b *Block) readOdd() error {
	all, err := b.fs.ProcDiskstats()
	if err != nil {
		return fmt.Errorf("diskstats: %w", err)
	}
	for i, device := range b.devices {
		at := slices.IndexFunc(all, func(d blockdevice.Diskstats) bool { return d.DeviceName == device })
		if at < 0 {
			names := make([]string, len(all))
			for j := range all {
				names[j] = all[j].DeviceName
			}
			return fmt.Errorf("block device %q has no line in diskstats, which lists: %s", device, strings.Join(names, ", "))
		}
		b.cur[i] = all[at].IOStats
	}
	return nil
}

// Sample fills NVMe. A counter that went backwards sets s.Reset and returns an error that wraps ErrReset.
func (b *Block) Sample(_ context.Context, s *record.SysSample) error {
	if err := b.read(); err != nil {
		return err
	}
	now := time.Now()
	first, dt := b.prevAt.IsZero(), now.Sub(b.prevAt)
	if !first && dt <= 0 {
		return fmt.Errorf("block device %s: no time passed since the previous sample", strings.Join(b.devices, " and "))
	}
	prev, cur := b.prev, b.cur
	b.prev, b.cur, b.prevAt = cur, prev, now
	if first {
		return nil
	}
	sum := record.NVMe{}
	for i := range cur {
		if err := addDeltas(&sum, &prev[i], &cur[i]); err != nil {
			s.Reset = true
			return fmt.Errorf("block device %s: %w", b.devices[i], err)
		}
	}
	sum.IOms /= float64(len(cur))
	iostat(&sum, dt)
	s.NVMe = &sum
	return nil
}

// addDeltas adds what the counters of one disk have moved by.
func addDeltas(n *record.NVMe, prev, cur *blockdevice.IOStats) error {
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
	n.Reads += count("reads", prev.ReadIOs, cur.ReadIOs)
	n.ReadBytes += sectorBytes * count("sectors read", prev.ReadSectors, cur.ReadSectors)
	n.ReadMS += ms("ms reading", prev.ReadTicks, cur.ReadTicks)
	n.Writes += count("writes", prev.WriteIOs, cur.WriteIOs)
	n.WriteBytes += sectorBytes * count("sectors written", prev.WriteSectors, cur.WriteSectors)
	n.WriteMS += ms("ms writing", prev.WriteTicks, cur.WriteTicks)
	n.IOms += ms("ms doing I/O", prev.IOsTotalTicks, cur.IOsTotalTicks)
	n.WeightedMS += ms("weighted ms", prev.WeightedIOTicks, cur.WeightedIOTicks)
	return err
}

// iostat computes the figures of an interval from its deltas.
func iostat(n *record.NVMe, dt time.Duration) {
	sec := dt.Seconds()
	n.RPS = round4(n.Reads / sec)
	n.RMBs = round4(n.ReadBytes / 1e6 / sec)
	n.WPS = round4(n.Writes / sec)
	n.WMBs = round4(n.WriteBytes / 1e6 / sec)
	n.RAwait = await(n.ReadMS, n.Reads)
	n.WAwait = await(n.WriteMS, n.Writes)
	n.AquSz = round4(n.WeightedMS / (1e3 * sec))
	n.UtilPct = round4(100 * n.IOms / (1e3 * sec))
}

func await(ms, ios float64) *float64 {
	if ios == 0 {
		return nil
	}
	return new(round4(ms / ios))
}
