package drive

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func place(dir string) (Place, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return Place{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return Place{}, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return Place{}, fmt.Errorf("%s is no directory", dir)
	}
	return Place{Magic: uint32(fs.Type), Device: numbered(st.Dev), Bytes: int64(fs.Blocks) * fs.Bsize, Free: int64(fs.Bavail) * fs.Bsize}, nil
}

func node(path string) (Number, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Number{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return Number{}, fmt.Errorf("%s is no block device", path)
	}
	return numbered(st.Rdev), nil
}

func numbered(dev uint64) Number { return Number{unix.Major(dev), unix.Minor(dev)} }
