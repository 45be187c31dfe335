package drive

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNoDrive marks a directory whose I/O no block device of this machine counts.
var ErrNoDrive = errors.New("on no local drive")

// without are file systems that no block device of this machine counts, by f_type of statfs(2) (linux/magic.h, and the
// sources of those that are not in the kernel).
var without = map[uint32]string{
	0x01021994: "tmpfs, which is memory",
	0x858458f6: "ramfs, which is memory",
	0x958458f6: "hugetlbfs, which is memory",
	0x794c7630: "overlay, as in a container, whose files are on another file system",
	0x6969:     "NFS, which is another machine's drive",
	0xff534d42: "CIFS, which is another machine's drive",
	0xfe534d42: "SMB, which is another machine's drive",
	0x00c36400: "Ceph, which is other machines' drives",
	0x0bd00bd0: "Lustre, which is other machines' drives",
	0x47504653: "GPFS, which is other machines' drives",
	0x65735546: "FUSE, whose files a program serves",
	0x01021997: "9p, whose files the host serves",
	0x2fc12fc1: "zfs, which counts past the kernel's block devices and answers reads from its own cache",
	0x73717368: "squashfs, which cannot be written",
	0x9fa0:     "proc, which has no files",
	0x62656572: "sysfs, which has no files",
}

// remedy is what to do about a directory that has no drive.
const remedy = "choose a directory on a local drive"

func refuseFileSystem(dir string, magic uint32) error {
	what, refused := without[magic]
	if !refused {
		return nil
	}
	hint := ""
	if magic == 0x794c7630 {
		hint = ", such as one that is mounted into the container"
	}
	return fmt.Errorf("%s is %w: its file system is %s; %s%s", dir, ErrNoDrive, what, remedy, hint)
}

// noDevices are names of block devices that are none, by what stands before their number.
var noDevices = map[string]string{
	"zram": "compressed memory",
	"ram":  "memory",
	"nbd":  "another machine's device",
	"rbd":  "other machines' devices",
	"drbd": "a copy on two machines",
	"sr":   "an optical drive",
	"fd":   "a floppy drive",
}

func refuseDevice(dir, name string) error {
	what, refused := noDevices[strings.TrimRight(name, "0123456789")]
	if !refused {
		return nil
	}
	return fmt.Errorf("%s is %w: %s is not a device but %s; %s", dir, ErrNoDrive, name, what, remedy)
}

// virtualModels begin the names that hypervisors give their NVMe and SCSI drives.
var virtualModels = []string{"QEMU", "VMware", "VBOX", "Amazon Elastic Block Store", "Amazon EC2",
	"nvme_card", "PersistentDisk", "Msft Virtual", "Virtual"}

func isVirtual(name, transport, model string) bool {
	if transport == "virtio" || transport == "xen" || strings.HasPrefix(name, "vd") || strings.HasPrefix(name, "xvd") {
		return true
	}
	for _, begin := range virtualModels {
		if strings.HasPrefix(model, begin) {
			return true
		}
	}
	return false
}
