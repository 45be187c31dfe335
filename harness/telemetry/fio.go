package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/prometheus/procfs"

	"sparkharness/harness/record"
)

// Fio reads what one process, fio, reads from and writes to storage (processIO). That counts all threads of a process, so
// fio must run its jobs as threads.
//
// It lives as long as the sampler, and fio comes and goes: Watch and Forget may be called while it is
// sampled. It gives no group, and no error, while there is no fio.
type Fio struct {
	fs   procfs.FS
	root string

	mu   sync.Mutex
	io   *processIO // nil: no fio
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

// Watch turns to the process pid, whose first reading the next call of Sample takes; 0 is none.
func (f *Fio) Watch(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.io.close()
	f.io, f.prev = nil, nil
	if pid != 0 {
		f.io = newProcessIO(f.fs, f.root, pid)
	}
}

// Forget ends the watch; call it before the process is ended. It waits for a sample that is under way.
func (f *Fio) Forget() { f.Watch(0) }

// Sample fills Fio. A counter that went backwards sets s.Reset and returns an error that wraps ErrReset.
// A watched process that is gone is an error: fio has ended by itself.
func (f *Fio) Sample(_ context.Context, s *record.SysSample) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.io == nil {
		return nil
	}
	cur, err := f.io.read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("fio has ended by itself, its output says why: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("fio's counters are for its own user: run the harness as that user or as root: %w", err)
	case err != nil:
		return fmt.Errorf("fio's counters in %s/%d/io: %w", f.root, f.io.pid, err)
	}
	prev := f.prev
	f.prev = &cur
	switch {
	case prev == nil:
		return nil
	case cur.read < prev.read || cur.written < prev.written:
		s.Reset = true
		return fmt.Errorf("bytes in %s/%d/io: %w", f.root, f.io.pid, ErrReset)
	}
	s.Fio = &record.Fio{
		ReadBytes:  float64(cur.read - prev.read),
		WriteBytes: float64(cur.written - prev.written),
	}
	return nil
}
