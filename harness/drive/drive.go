package drive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// Drive is what holds a directory.
type Drive struct {
	record.Drive
	Dir     string // absolute, without links
	machine Machine
	// copies says that a layer may write the same bytes on several leaves: a mirror, parity, or what is not told.
	copies bool
}

// Of leads from a directory to the whole devices beneath it, through partitions, dm-crypt, LVM and md. A loop
// device is a device, and what its file lies on is told. A directory of a file system without a device, a device that is none, such
// as compressed memory, and a device whose I/O the kernel does not count are refused; of the first two the error is an ErrNoDrive.
func Of(dir string, m Machine) (*Drive, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("drive of %s: %w", dir, err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("drive of %s: %w: make the directory first", dir, err)
	} else if err != nil {
		return nil, fmt.Errorf("drive of %s: %w", dir, err)
	}
	at, err := m.Place(real)
	if err != nil {
		return nil, fmt.Errorf("drive of %s: %w", dir, err)
	}
	if err := refuseFileSystem(real, at.Magic); err != nil {
		return nil, err
	}
	d := &Drive{Dir: real, machine: m}
	if at.Bytes > 0 {
		d.FSBytes, d.FreeBytes = &at.Bytes, &at.Free
	}
	roots, err := d.roots(at.Device)
	if err != nil {
		return nil, fmt.Errorf("drive of %s: %w", dir, err)
	}
	d.copies = len(roots) > 1
	for _, root := range roots {
		if err := d.descend(root, 0); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(d.Leaves, func(a, b record.DriveLeaf) int { return strings.Compare(a.Name, b.Name) })
	d.note()
	return d, nil
}

// roots are the folders in sysfs of the devices on which the file system is made: one, but for some of btrfs.
func (d *Drive) roots(n Number) ([]string, error) {
	m := d.machine
	mt, err := m.mountOf(d.Dir)
	if mt != nil {
		d.FileSystem, d.MountOptions = mt.fs, mt.options
	}
	if n.Major != 0 {
		root, err := m.folder(n)
		return []string{root}, err
	}
	// An anonymous device: the file system spans several, and the mount names one of them.
	if err != nil {
		return nil, err
	}
	if mt == nil {
		return nil, fmt.Errorf("its device %v is anonymous and no mount tells another: %w; %s", n, ErrNoDrive, remedy)
	}
	at, err := m.Node(mt.source)
	if err != nil {
		return nil, fmt.Errorf("its device %v is anonymous and the source of its mount, %q, is none: %w (%w); %s", n, mt.source, ErrNoDrive, err, remedy)
	}
	root, err := m.folder(at)
	if err != nil {
		return nil, err
	}
	for _, fs := range entries(m.Sys, "fs", "btrfs") {
		devices := entries(m.Sys, "fs", "btrfs", fs, "devices")
		if !slices.Contains(devices, filepath.Base(root)) {
			continue
		}
		var all []string
		for _, name := range devices {
			one, err := filepath.EvalSymlinks(filepath.Join(m.Sys, "fs", "btrfs", fs, "devices", name))
			if err != nil {
				return nil, fmt.Errorf("device %s of btrfs: %w", name, err)
			}
			all = append(all, one)
		}
		return all, nil
	}
	return []string{root}, nil
}

// folder is a device's folder in sysfs, without links.
func (m Machine) folder(n Number) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(m.Sys, "dev", "block", n.String()))
	if err != nil {
		return "", fmt.Errorf("device %v is not told in sysfs: %w", n, err)
	}
	return dir, nil
}

// mostLayers bounds how deep devices lie on one another: more are a circle.
const mostLayers = 16

// descend adds what lies beneath a device, or the device if nothing does.
func (d *Drive) descend(dir string, depth int) error {
	name := filepath.Base(dir)
	if depth > mostLayers {
		return fmt.Errorf("drive of %s: more than %d devices lie on one another at %s", d.Dir, mostLayers, name)
	}
	if exists(dir, "partition") {
		d.layer(name + " (partition)")
		return d.descend(filepath.Dir(dir), depth+1)
	}
	if err := refuseDevice(d.Dir, name); err != nil {
		return err
	}
	slaves := entries(dir, "slaves")
	kind, stacked := layerKind(dir)
	switch {
	case len(slaves) > 0:
		d.layer(name + " (" + kind + ")")
		d.copies = d.copies || len(slaves) > 1 && !slices.Contains([]string{"raid0", "linear"}, kind)
	case stacked:
		return fmt.Errorf("%s is %w: nothing lies beneath %s (%s); %s", d.Dir, ErrNoDrive, name, kind, remedy)
	default:
		return d.leaf(dir)
	}
	for _, slave := range slaves {
		below, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", slave))
		if err != nil {
			return fmt.Errorf("drive of %s: beneath %s: %w", d.Dir, name, err)
		}
		if err := d.descend(below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// layerKind says what a device does with those beneath it, and whether it is of a kind that has some.
func layerKind(dir string) (kind string, stacked bool) {
	if level := text(dir, "md", "level"); level != "" {
		return level, true
	}
	if exists(dir, "dm") {
		kind, _, _ = strings.Cut(text(dir, "dm", "uuid"), "-")
		if kind == "" {
			kind = "device mapper"
		}
		return strings.ToLower(kind), true
	}
	return "stacked", false
}

func (d *Drive) layer(name string) {
	if !slices.Contains(d.Layers, name) {
		d.Layers = append(d.Layers, name)
	}
}

// leaf adds a whole device once, however many ways lead to it.
func (d *Drive) leaf(dir string) error {
	name := filepath.Base(dir)
	if slices.ContainsFunc(d.Leaves, func(l record.DriveLeaf) bool { return l.Name == name }) {
		return nil
	}
	device := telemetry.Device(d.machine.Sys, name)
	if device.Counted != nil && !*device.Counted {
		return fmt.Errorf("drive of %s: the kernel counts no I/O of %s (queue/iostats is 0): as root, echo 1 > /sys/block/%s/queue/iostats",
			d.Dir, name, name)
	}
	l := d.machine.identify(device)
	l.Backing = d.machine.backing(dir)
	d.Leaves = append(d.Leaves, l)
	return nil
}

// note says what a reader of the figures must know.
func (d *Drive) note() {
	add := func(format string, args ...any) { d.Notes = append(d.Notes, fmt.Sprintf(format, args...)) }
	var names []string
	for _, l := range d.Leaves {
		names = append(names, l.Name)
		if l.Virtual {
			add("%s is virtual: its figures are the hypervisor's", l.Name)
		}
		if l.Backing != nil {
			add("%s", loopNote(l))
		}
		if strings.HasPrefix(l.Name, "nvme") && l.Transport != "" && l.Transport != "pcie" {
			add("%s is NVMe over %s: the network is in its figures", l.Name, l.Transport)
		}
		if l.PCIe != nil && l.PCIe.Below() {
			add("the PCIe link of %s runs at %s with %s lanes, and could at %s with %s", l.Name, l.PCIe.Speed, l.PCIe.Width, l.PCIe.MaxSpeed, l.PCIe.MaxWidth)
		}
		if len(l.Paths) > 0 {
			add("%s is reached by %s: where its own counters stand still, theirs are summed", l.Name, strings.Join(l.Paths, ", "))
		}
	}
	if len(names) > 1 {
		add("%s hold it together: their counters are summed", strings.Join(names, ", "))
	}
}
