package telemetry

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sparkharness/harness/record"
)

// multipathName is the name of a device of NVMe's native multipath: nvme<subsystem>c<controller>n<namespace> is a path to
// the namespace whose own device, its head, is nvme<subsystem>n<namespace> (nvme_mpath_set_disk_name in
// drivers/nvme/host/multipath.c).
var multipathName = regexp.MustCompile(`^(nvme\d+)(?:c\d+)?(n\d+)$`)

// Device says what <sysRoot>/block tells of a block device's counters. With multipath both the head and its paths have
// counters. The paths' always count; the head's do so since Linux 6.4 ("nvme-multipath: support io stats on the mpath
// device"), and before they stayed 0 (seen in Atoptool/atop pull request 157). What cannot be read is left unknown.
func Device(sysRoot, name string) record.Device {
	block := filepath.Join(sysRoot, "block")
	if filepath.Base(name) != name {
		return record.Device{Name: name} // no device: it would lead elsewhere
	}
	d := record.Device{Name: name, Number: firstLine(filepath.Join(block, name, "dev"))}
	switch firstLine(filepath.Join(block, name, "queue", "iostats")) {
	case "0":
		d.Counted = new(false)
	case "1":
		d.Counted = new(true)
	}
	parts := multipathName.FindStringSubmatch(name)
	if parts == nil {
		return d
	}
	head := parts[1] + parts[2]
	// Newer kernels link the paths below the head; the path devices themselves are listed by all.
	for _, dir := range []string{block, filepath.Join(block, head, "multipath")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			p := multipathName.FindStringSubmatch(e.Name())
			if p != nil && p[1]+p[2] == head && e.Name() != head {
				d.Paths = append(d.Paths, e.Name())
			}
		}
	}
	slices.Sort(d.Paths)
	d.Paths = slices.Compact(d.Paths)
	if name != head {
		d.Head = head
	}
	return d
}

// firstLine of a file of sysfs, "" if it cannot be read.
func firstLine(path string) string {
	file := kernelFile{path: path}
	text, err := file.read()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	_ = file.close() // it was read only
	return strings.TrimSpace(line)
}
