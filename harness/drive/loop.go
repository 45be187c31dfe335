package drive

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/record"
)

// backing is what lies behind a loop device, nil of another one (kernel Documentation/ABI/testing/sysfs-block-loop).
func (m Machine) backing(dir string) *record.Backing {
	file := text(dir, "loop", "backing_file")
	if file == "" {
		return nil
	}
	b := &record.Backing{Devices: []string{}}
	if v := number(dir, "loop", "dio"); v != nil {
		b.Direct = new(*v != 0)
	}
	if m.files++; m.files > mostLayers {
		return b // a circle
	}
	below, err := Of(filepath.Dir(file), m)
	if err != nil {
		return b // a file in memory, or one that has been removed
	}
	for _, l := range below.Leaves {
		if l.Backing == nil {
			b.Devices = append(b.Devices, l.Name)
			continue
		}
		b.Devices = append(b.Devices, l.Backing.Devices...) // a file on a loop device
	}
	slices.Sort(b.Devices)
	b.Devices = slices.Compact(b.Devices)
	return b
}

// loopNote says whose figures those of a loop device are.
func loopNote(l record.DriveLeaf) string {
	where := "on nothing that is known"
	if len(l.Backing.Devices) > 0 {
		where = "on " + strings.Join(l.Backing.Devices, ", ")
	}
	note := fmt.Sprintf("%s is a file %s: a file system and that drive are in its figures", l.Name, where)
	if d := l.Backing.Direct; d == nil || !*d {
		note += fmt.Sprintf(", and memory may answer in place of the drive, because direct I/O is not on (losetup --direct-io=on /dev/%s)", l.Name)
	}
	return note
}

// Ends are the whole devices that hold the drive in the end: what lies behind its loop devices, and its other leaves, in the order of
// their names.
func (d *Drive) Ends() (names []string) {
	for _, l := range d.Leaves {
		if l.Backing != nil && len(l.Backing.Devices) > 0 {
			names = append(names, l.Backing.Devices...)
			continue
		}
		names = append(names, l.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
