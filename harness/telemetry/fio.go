package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/prometheus/procfs"

	"sparkharness/harness/record"
)

// Fio reads what one process, fio, reads from and writes to storage, in <root>/<pid>/io:
//
//	rchar: 64744
//	wchar: 67109049
//	syscr: 155
//	syscw: 4098
//	read_bytes: 1868894208
//	write_bytes: 869158912
//	cancelled_write_bytes: 0
//
// read_bytes and write_bytes count what the process has caused to be fetched from or sent to the storage
// layer, all its threads included, so fio must run its jobs as threads; the first four lines count read()
// and write() alone and miss asynchronous I/O (kernel Documentation/filesystems/proc.rst).
//
// It lives as long as the sampler, and fio comes and goes: Watch and Forget may be called while it is
// sampled. It gives no group, and no error, while there is no fio.
type Fio struct {
	fs   procfs.FS
	root string

	mu   sync.Mutex
	pid  int        // 0: none
	io   kernelFile // its counters, open from its first sample to the end of the watch
	prev *transfers
}

// NewFio opens the proc tree at procRoot, such as /proc. No process is watched yet.
func NewFio(procRoot string) (*Fio, error) {
	f, err := procfs.NewFS(procRoot)
	if err != nil {
		return nil, fmt.Errorf("open proc tree: %w", err)
	}
	return &Fio{fs: f, root: procRoot}, nil
}

// Name is "fio".
func (f *Fio) Name() string { return "fio" }

// Watch turns to the process pid, whose first reading the next call of Sample takes.
func (f *Fio) Watch(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.io.close() // it was read only
	f.io.path = filepath.Join(f.root, strconv.Itoa(pid), "io")
	f.pid, f.prev = pid, nil
}

// Forget ends the watch; call it before the process is ended. It waits for a sample that is under way.
func (f *Fio) Forget() { f.Watch(0) }

// Sample fills Fio. A counter that went backwards sets s.Reset and returns an error that wraps ErrReset.
// A watched process that is gone is an error: fio has ended by itself.
func (f *Fio) Sample(_ context.Context, s *record.SysSample) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pid == 0 {
		return nil
	}
	cur, err := f.read()
	if err != nil {
		return err
	}
	prev := f.prev
	f.prev = cur
	switch {
	case prev == nil:
		return nil
	case cur.read < prev.read || cur.written < prev.written:
		s.Reset = true
		return fmt.Errorf("bytes in %s/%d/io: %w", f.root, f.pid, ErrReset)
	}
	s.Fio = &record.Fio{
		ReadBytes:  float64(cur.read - prev.read),
		WriteBytes: float64(cur.written - prev.written),
	}
	return nil
}

func (f *Fio) read() (*transfers, error) {
	if text, err := f.io.read(); err == nil {
		if t, ok := parseIO(text); ok {
			return &t, nil
		}
	}
	p, err := f.fs.Proc(f.pid)
	if err == nil {
		var io procfs.ProcIO
		if io, err = p.IO(); err == nil {
			return &transfers{read: io.ReadBytes, written: io.WriteBytes}, nil
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("fio has ended by itself, its output says why: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("fio's counters are for its own user: run the harness as that user or as root: %w", err)
	}
	return nil, fmt.Errorf("fio's counters in %s/%d/io: %w", f.root, f.pid, err)
}
