package record

// Drive is what holds a directory: the whole block devices beneath its file system, and what the kernel says of them.
type Drive struct {
	FileSystem string `json:"file_system"` // as mountinfo names it, such as ext4
	// Layers lead from the file system to the leaves, such as nvme0n1p2 (partition), dm-0 (crypt); empty where the file system
	// is on a whole device.
	Layers []string `json:"layers,omitempty"`
	// Leaves are the whole devices, in the order of their names. The counters of several are summed.
	Leaves []DriveLeaf `json:"leaves"`
	// MountOptions are those of the mount and of the file system, as mountinfo lists them; "" in runs of earlier versions.
	MountOptions string `json:"mount_options,omitempty"`
	// FSBytes is the size of the file system and FreeBytes what this user could still write when the drive was looked at, before
	// anything was laid out; null where statfs does not tell, and in runs of earlier versions.
	FSBytes   *int64 `json:"fs_bytes,omitempty"`
	FreeBytes *int64 `json:"free_bytes,omitempty"`
	// Notes say what a reader of the device's figures must know, such as that it is virtual.
	Notes []string `json:"notes,omitempty"`
}

// DriveLeaf is a whole device. A text that the kernel does not tell is empty, a number or a truth null.
type DriveLeaf struct {
	Device
	Model string `json:"model,omitempty"`
	// SerialHash tells two drives of a model apart: the first 16 hexadecimal digits of the SHA-256 of the model's name, a NUL
	// and the serial number. The number itself is kept nowhere.
	SerialHash string `json:"serial_hash,omitempty"`
	Firmware   string `json:"firmware,omitempty"`
	// Transport is how it is reached: pcie, tcp, rdma or fc of NVMe, else virtio, xen, usb, sata, mmc or scsi.
	Transport string `json:"transport,omitempty"`
	Virtual   bool   `json:"virtual,omitempty"` // its figures are the hypervisor's
	// Backing is what a loop device shows as a device; absent of others.
	Backing   *Backing  `json:"backing,omitempty"`
	PCIe      *PCIeLink `json:"pcie,omitempty"`
	SizeBytes *int64    `json:"size_bytes"`

	// The rest is queue/ of sysfs (kernel Documentation/ABI/stable/sysfs-block).
	Scheduler          string `json:"scheduler,omitempty"`   // the chosen one
	WriteCache         string `json:"write_cache,omitempty"` // "write back" or "write through"
	Rotational         *bool  `json:"rotational"`
	LogicalBlockBytes  *int64 `json:"logical_block_bytes"`
	PhysicalBlockBytes *int64 `json:"physical_block_bytes"`
	NrRequests         *int64 `json:"nr_requests"`
	MaxSectorsKB       *int64 `json:"max_sectors_kb"` // KiB, the largest request
	DiscardMaxBytes    *int64 `json:"discard_max_bytes"`
	WBTLatencyUS       *int64 `json:"wbt_lat_usec"` // 0: writes are not held back for reads
	DMAAlignment       *int64 `json:"dma_alignment"`
}

// Backing is the file behind a loop device.
type Backing struct {
	Devices []string `json:"devices"` // whole devices on which the file lies, in the order of their names; empty if that is not known
	// Direct says that the file is read and written past the page cache (losetup --direct-io=on); null if the kernel does not say.
	Direct *bool `json:"direct"`
}

// PCIeLink is the link of a drive as it is now and as the drive could have it, in the words of sysfs, such as "16.0 GT/s PCIe".
type PCIeLink struct {
	Speed    string `json:"speed,omitempty"`
	Width    string `json:"width,omitempty"` // lanes
	MaxSpeed string `json:"max_speed,omitempty"`
	MaxWidth string `json:"max_width,omitempty"`
}

// Below says whether the link is known to run below what the drive can do.
func (l *PCIeLink) Below() bool {
	below := func(now, most string) bool { return now != "" && most != "" && now != most }
	return below(l.Speed, l.MaxSpeed) || below(l.Width, l.MaxWidth)
}
