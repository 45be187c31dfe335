package telemetry

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/prometheus/procfs"
)

// processIO reads what one process has moved from and to storage, in <root>/<pid>/io:
//
//	rchar: 64744
//	wchar: 67109049
//	syscr: 155
//	syscw: 4098
//	read_bytes: 1868894208
//	write_bytes: 869158912
//	cancelled_write_bytes: 0
//
// read_bytes and write_bytes count what the process has caused to be fetched from or sent to the storage layer, all its
// threads included; the first four lines count read() and write() alone and miss asynchronous I/O (kernel
// Documentation/filesystems/proc.rst). The file is for the process's own user and for root. Owned by one goroutine, and
// open from its first read to close.
type processIO struct {
	fs   procfs.FS
	root string
	pid  int
	file kernelFile
}

func newProcessIO(fs procfs.FS, root string, pid int) *processIO {
	return &processIO{fs: fs, root: root, pid: pid, file: kernelFile{path: filepath.Join(root, strconv.Itoa(pid), "io")}}
}

// read is the process's account since its start. An error of a process that is gone is fs.ErrNotExist, one of another
// user's fs.ErrPermission.
func (p *processIO) read() (transfers, error) {
	if text, err := p.file.read(); err == nil {
		if t, ok := parseIO(text); ok {
			return t, nil
		}
	}
	proc, err := p.fs.Proc(p.pid)
	if err != nil {
		return transfers{}, err
	}
	io, err := proc.IO()
	if err != nil {
		return transfers{}, err
	}
	if io.CancelledWriteBytes < 0 {
		return transfers{}, fmt.Errorf("cancelled_write_bytes is %d", io.CancelledWriteBytes)
	}
	return transfers{read: io.ReadBytes, written: io.WriteBytes, cancelled: uint64(io.CancelledWriteBytes)}, nil
}

// close may be called of none, and again.
func (p *processIO) close() {
	if p != nil {
		_ = p.file.close() // it was read only
	}
}
