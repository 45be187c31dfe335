package drive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sparkharness/harness/regular"
)

// Machine is where the kernel tells of block devices: Here, or a recorded tree.
type Machine struct {
	Proc, Sys string // mount points, such as /proc and /sys
	// Place is the file system of a directory.
	Place func(dir string) (Place, error)
	// Node is the number of a block device's node, such as /dev/nvme0n1p2.
	Node func(path string) (Number, error)

	files int // loop devices on the way here, each a file on the next
}

// Place is what statfs(2) and stat(2) say of a directory.
type Place struct {
	Magic  uint32 // f_type, see linux/magic.h
	Device Number // st_dev
	// Bytes is the size of the file system, and Free what this user can still write; both 0 where it tells no size.
	Bytes, Free int64
}

// Number is a device's major:minor.
type Number struct{ Major, Minor uint32 }

func (n Number) String() string { return fmt.Sprintf("%d:%d", n.Major, n.Minor) }

// Here is the running machine.
func Here() Machine { return Machine{Proc: "/proc", Sys: "/sys", Place: place, Node: node} }

var errLinux = errors.New("block devices are read on Linux only: run this on the machine that serves")

// maxKernelText bounds a file of the kernel's; the longest is mountinfo on a machine with many containers.
const maxKernelText = 16 << 20

// text is the content of a file of sysfs, without white space around it; "" if it cannot be read.
func text(elem ...string) string {
	b, err := regular.Read(filepath.Join(elem...), maxKernelText)
	if err != nil {
		return ""
	}
	return strings.Trim(string(b), " \t\r\n\x00")
}

// number is a whole number of sysfs; nil if it is not told.
func number(elem ...string) *int64 {
	v, err := strconv.ParseInt(text(elem...), 10, 64)
	if err != nil {
		return nil
	}
	return &v
}

// entries are the names in a folder of sysfs, sorted; none if it is not there.
func entries(elem ...string) (names []string) {
	found, _ := os.ReadDir(filepath.Join(elem...))
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}

func exists(elem ...string) bool {
	_, err := os.Stat(filepath.Join(elem...))
	return err == nil
}
