package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
)

// groupIO reads what the processes of a cgroup (v2) have moved from and to one block device, in its io.stat (kernel
// Documentation/admin-guide/cgroup-v2.rst), a line a device:
//
//	259:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021
//
// Buffered writes are the group's only where the memory controller is on as well. A device that the group has not used has
// no line, and so has one with another number than was meant: both are ErrUntold, not 0.
type groupIO struct {
	file   kernelFile
	number string
}

func newGroupIO(dir, number string) *groupIO {
	return &groupIO{file: kernelFile{path: filepath.Join(dir, "io.stat")}, number: number}
}

func (g *groupIO) read() (transfers, error) {
	text, err := g.file.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return transfers{}, fmt.Errorf("%w: no %s: is it the server's cgroup, and has cgroup.subtree_control of its parent io?",
			ErrUntold, g.file.path)
	case err != nil:
		return transfers{}, err
	}
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || string(fields[0]) != g.number {
			continue
		}
		t, err := groupTransfers(fields[1:])
		if err != nil {
			return t, fmt.Errorf("%s, device %s: %w", g.file.path, g.number, err)
		}
		return t, nil
	}
	return transfers{}, fmt.Errorf("%w: %s has no line for the device %q: the group has not used it, or it has another number",
		ErrUntold, g.file.path, g.number)
}

func groupTransfers(fields [][]byte) (t transfers, err error) {
	var read, written bool
	for _, f := range fields {
		key, value, _ := bytes.Cut(f, []byte("="))
		switch string(key) {
		case "rbytes":
			t.read, err = strconv.ParseUint(string(value), 10, 64)
			read = err == nil
		case "wbytes":
			t.written, err = strconv.ParseUint(string(value), 10, 64)
			written = err == nil
		}
		if err != nil {
			return transfers{}, err
		}
	}
	if !read || !written {
		return transfers{}, fmt.Errorf("%q without rbytes or wbytes", bytes.Join(fields, []byte(" ")))
	}
	return t, nil
}

func (g *groupIO) close() { _ = g.file.close() } // it was read only
