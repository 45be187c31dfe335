package drive

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/procfs/blockdevice"

	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// sectorBytes is the unit of the sector counters, whatever the device's own sector is (kernel
// Documentation/admin-guide/iostats.rst).
const sectorBytes = 512

// Source reads the counters of the devices that are Watched. Close must be called.
func (d *Drive) Source(p *Proof) (*telemetry.Block, error) {
	devices, err := d.Watched(p)
	if err != nil {
		return nil, err
	}
	return telemetry.NewBlock(d.machine.Proc, d.machine.Sys, devices...)
}

// Watched are the devices that a proof has seen to move. Without one they are the leaves, and the paths of a multipath head
// that has counted nothing since the boot.
func (d *Drive) Watched(p *Proof) (devices []string, err error) {
	if p != nil && len(p.Counters) > 0 {
		return p.Counters, nil
	}
	now, err := d.machine.snapshot()
	if err != nil {
		return nil, err
	}
	boot := snapshot{}
	for name := range now {
		boot[name] = blockdevice.IOStats{}
	}
	for i := range d.Leaves {
		devices = append(devices, shown(&d.Leaves[i], now.since(boot))...)
	}
	return devices, nil
}

// Diskstats is a line of /proc/diskstats.
type Diskstats = blockdevice.IOStats

// Diskstats are the counters of devices now, in their order.
func (d *Drive) Diskstats(devices []string) ([]Diskstats, error) {
	now, err := d.machine.snapshot()
	if err != nil {
		return nil, err
	}
	out := make([]Diskstats, len(devices))
	for i, name := range devices {
		one, known := now[name]
		if !known {
			return nil, fmt.Errorf("the counters of %s are not in diskstats: %w", name, errLost)
		}
		out[i] = one
	}
	return out, nil
}

func (d *Drive) names() (names []string) {
	for _, l := range d.Leaves {
		names = append(names, l.Name)
	}
	return names
}

// direction is what of a device's counters is looked at.
type direction int

const (
	writing direction = iota
	reading
)

func (dir direction) String() string { return [...]string{"written", "read"}[dir] }

// traffic is by how much the counters of each device have moved, by its name, in each direction.
type traffic map[string][2]float64

// snapshot is diskstats by the name of the device.
type snapshot map[string]blockdevice.IOStats

func (m Machine) snapshot() (snapshot, error) {
	fs, err := blockdevice.NewFS(m.Proc, m.Sys)
	if err != nil {
		return nil, fmt.Errorf("read the devices' counters: %w", err)
	}
	all, err := fs.ProcDiskstats()
	if err != nil {
		return nil, fmt.Errorf("read the devices' counters: %w", err)
	}
	s := snapshot{}
	for _, one := range all {
		s[one.DeviceName] = one.IOStats
	}
	return s, nil
}

// since are the bytes of every device that both snapshots have. A device whose counters fell is left out.
func (s snapshot) since(before snapshot) traffic {
	out := traffic{}
	for name, now := range s {
		was, known := before[name]
		if known && now.ReadSectors >= was.ReadSectors && now.WriteSectors >= was.WriteSectors {
			out[name] = [2]float64{
				writing: sectorBytes * float64(now.WriteSectors-was.WriteSectors),
				reading: sectorBytes * float64(now.ReadSectors-was.ReadSectors),
			}
		}
	}
	return out
}

// moved sums a direction over the leaves. Where the counters of a multipath head stand still and those of its paths do
// not, the paths are taken. The devices that were looked at come with it.
func (d *Drive) moved(by traffic, dir direction) (sum float64, counters []string, err error) {
	for i := range d.Leaves {
		names := shown(&d.Leaves[i], by)
		for _, name := range names {
			one, known := by[name]
			if !known {
				return 0, nil, fmt.Errorf("the counters of %s are not in diskstats, or fell: %w", name, errLost)
			}
			sum += one[dir]
		}
		counters = append(counters, names...)
	}
	return sum, counters, nil
}

var errLost = errors.New("was the drive taken out, or the machine's diskstats cut off?")

// shown are the devices whose counters have a leaf's I/O.
func shown(l *record.DriveLeaf, by traffic) []string {
	if by[l.Name] != [2]float64{} {
		return []string{l.Name}
	}
	var paths []string
	moved := false
	for _, path := range l.Paths {
		if one, known := by[path]; known {
			paths = append(paths, path)
			moved = moved || one != [2]float64{}
		}
	}
	if moved {
		return paths
	}
	return []string{l.Name}
}

// elsewhere are the whole devices that are not of this drive and moved by at least so many bytes, in the order of their
// names.
func (d *Drive) elsewhere(by traffic, dir direction, least float64) (names []string) {
	for _, name := range entries(d.machine.Sys, "block") {
		layer := func(l string) bool { return strings.HasPrefix(l, name+" ") }
		leaf := func(l record.DriveLeaf) bool { return l.Name == name || slices.Contains(l.Paths, name) }
		if by[name][dir] >= least && !slices.ContainsFunc(d.Layers, layer) && !slices.ContainsFunc(d.Leaves, leaf) {
			names = append(names, name)
		}
	}
	return names
}
