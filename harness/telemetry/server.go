package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"sparkharness/harness/record"
)

// Server reads what the server's own processes move from and to storage, so that nobody else's I/O is taken for theirs:
// either of a list of processes (processIO), summed, or of the cgroup that they run in (groupIO).
//
// When a process ends and its parent waits for it, the kernel adds its account to the parent's (wait_task_zombie in
// kernel/exit.c). So name a parent with its children: of children alone the sum would fall, which is ErrReset.
//
// It lives as long as the sampler, and servers are restarted: Watch, WatchGroup and Forget may be called while it is
// sampled. It gives no group while it watches nothing, without an error, and where the kernel does not tell it, with
// ErrUntold: not told is null and never 0.
type Server struct {
	fs   procfs.FS
	root string

	mu     sync.Mutex
	of     []account // nil: nothing is watched
	prev   *transfers
	prevAt time.Time
}

// account is whose bytes are counted.
type account interface {
	read() (transfers, error)
	close()
}

// NewServer opens the proc tree at procRoot, such as /proc. Nothing is watched yet.
func NewServer(procRoot string) (*Server, error) {
	f, err := procfs.NewFS(procRoot)
	if err != nil {
		return nil, fmt.Errorf("open proc tree: %w", err)
	}
	return &Server{fs: f, root: procRoot}, nil
}

// Name is "server".
func (s *Server) Name() string { return "server" }

// Watch turns to these processes, all of the server's, whose first reading the next call of Sample takes.
func (s *Server) Watch(pids ...int) {
	var of []account
	for _, pid := range pids {
		of = append(of, newProcessIO(s.fs, s.root, pid))
	}
	s.watch(of)
}

// WatchGroup turns to the cgroup (v2) at dir, such as /sys/fs/cgroup/system.slice/docker-<id>.scope, and in it to the block
// device with this number (record.Device.Number).
func (s *Server) WatchGroup(dir, number string) { s.watch([]account{newGroupIO(dir, number)}) }

// Forget ends the watch; call it before the processes are ended. It waits for a sample that is under way.
func (s *Server) Forget() { s.watch(nil) }

func (s *Server) watch(of []account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.of {
		a.close()
	}
	s.of, s.prev = of, nil
}

// Close ends the watch; a nil Server has none.
func (s *Server) Close() error {
	if s != nil {
		s.Forget()
	}
	return nil
}

// Sample fills Server. A sum that went backwards sets s.Reset and returns an error that wraps ErrReset.
func (s *Server) Sample(_ context.Context, into *record.SysSample) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		return nil
	}
	cur, err := s.sum()
	if err != nil {
		return err
	}
	now := time.Now()
	prev, dt := s.prev, now.Sub(s.prevAt).Seconds()
	if prev != nil && dt <= 0 {
		return errors.New("the server's own I/O: no time passed since the previous sample")
	}
	s.prev, s.prevAt = &cur, now
	switch {
	case prev == nil:
		return nil
	case cur.read < prev.read || cur.written < prev.written || cur.cancelled < prev.cancelled:
		into.Reset = true
		return fmt.Errorf("bytes of the server's own I/O: %w", ErrReset)
	}
	read, written := float64(cur.read-prev.read), float64(cur.written-prev.written)
	into.Server = &record.ServerIO{RMBs: round4(read / 1e6 / dt), WMBs: round4(written / 1e6 / dt), ReadBytes: read, WriteBytes: written}
	if _, group := s.of[0].(*groupIO); !group {
		into.Server.CancelledWriteBytes = new(float64(cur.cancelled - prev.cancelled))
	}
	return nil
}

// sum is the account of all: of none, if one cannot be read.
func (s *Server) sum() (transfers, error) {
	var sum transfers
	for _, a := range s.of {
		t, err := a.read()
		switch {
		case errors.Is(err, fs.ErrPermission):
			return sum, fmt.Errorf("the server's own I/O is for its own user: run the harness as that user or as root: %w: %w", ErrUntold, err)
		case errors.Is(err, fs.ErrNotExist):
			return sum, fmt.Errorf("the server's own I/O: a process that was named as the server's is gone: %w", err)
		case err != nil:
			return sum, fmt.Errorf("the server's own I/O: %w", err)
		}
		sum.read, sum.written, sum.cancelled = sum.read+t.read, sum.written+t.written, sum.cancelled+t.cancelled
	}
	return sum, nil
}
