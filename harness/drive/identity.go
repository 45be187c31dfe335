package drive

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	"sparkharness/harness/record"
)

// identify reads what the kernel says of a whole device.
func (m Machine) identify(of record.Device) record.DriveLeaf {
	dir := filepath.Join(m.Sys, "block", of.Name)
	queue := filepath.Join(dir, "queue")
	l := record.DriveLeaf{
		Device:             of,
		WriteCache:         text(queue, "write_cache"),
		LogicalBlockBytes:  number(queue, "logical_block_size"),
		PhysicalBlockBytes: number(queue, "physical_block_size"),
		NrRequests:         number(queue, "nr_requests"),
		MaxSectorsKB:       number(queue, "max_sectors_kb"),
		DiscardMaxBytes:    number(queue, "discard_max_bytes"),
		WBTLatencyUS:       number(queue, "wbt_lat_usec"),
		DMAAlignment:       number(queue, "dma_alignment"),
		Scheduler:          chosen(text(queue, "scheduler")),
	}
	if v := number(queue, "rotational"); v != nil {
		l.Rotational = new(*v != 0)
	}
	if v := number(dir, "size"); v != nil {
		l.SizeBytes = new(*v * 512)
	}
	// Of a multipath head the first is the subsystem, and each path leads to its controller.
	parts := []string{filepath.Join(dir, "device")}
	for _, path := range of.Paths {
		parts = append(parts, filepath.Join(m.Sys, "block", path, "device"))
	}
	first := func(names ...string) string {
		for _, part := range parts {
			for _, name := range names {
				if v := text(part, name); v != "" {
					return v
				}
			}
		}
		return ""
	}
	l.Model = first("model", "name")
	l.Firmware = first("firmware_rev", "rev", "fwrev")
	serial := first("serial", "wwid")
	for _, own := range []string{"serial", "wwid"} {
		if serial == "" {
			serial = text(dir, own)
		}
	}
	l.SerialHash = hashed(l.Model, serial)
	for _, part := range parts {
		if real, err := filepath.EvalSymlinks(part); err == nil {
			if l.PCIe == nil && strings.HasPrefix(of.Name, "nvme") { // elsewhere the link is that of the host's adapter
				l.PCIe = m.pcie(real)
			}
			if l.Transport == "" {
				l.Transport = m.transport(of.Name, real)
			}
		}
	}
	l.Virtual = isVirtual(of.Name, l.Transport, l.Model)
	return l
}

// chosen is the one in brackets of "[none] mq-deadline".
func chosen(list string) string {
	if _, rest, ok := strings.Cut(list, "["); ok {
		one, _, _ := strings.Cut(rest, "]")
		return one
	}
	return list
}

// hashed is "" for a drive without a serial number.
func hashed(model, serial string) string {
	if serial == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(model + "\x00" + serial))
	return hex.EncodeToString(sum[:8])
}

// transport is how a device is reached: what an NVMe controller says of itself, else the bus on the way to it.
func (m Machine) transport(name, dir string) string {
	if strings.HasPrefix(name, "nvme") {
		return text(dir, "transport")
	}
	way, err := filepath.Rel(m.sys(), dir)
	if err != nil {
		return ""
	}
	way = "/" + filepath.ToSlash(way)
	for _, bus := range []struct{ part, transport string }{
		{"/usb", "usb"}, {"/virtio", "virtio"}, {"/vbd-", "xen"}, {"/ata", "sata"}, {"/mmc_host", "mmc"}, {"/host", "scsi"},
	} {
		if strings.Contains(way, bus.part) {
			return bus.transport
		}
	}
	return ""
}

// sys is the mount point without links, as what EvalSymlinks returns begins.
func (m Machine) sys() string {
	if real, err := filepath.EvalSymlinks(m.Sys); err == nil {
		return real
	}
	return m.Sys
}

// pcie is the link of the device that an NVMe controller is on; nil if it is on none.
func (m Machine) pcie(dir string) *record.PCIeLink {
	for top := m.sys(); len(dir) > len(top); dir = filepath.Dir(dir) {
		if exists(dir, "current_link_speed") {
			return &record.PCIeLink{
				Speed: text(dir, "current_link_speed"), Width: text(dir, "current_link_width"),
				MaxSpeed: text(dir, "max_link_speed"), MaxWidth: text(dir, "max_link_width"),
			}
		}
	}
	return nil
}
