package sim

import "context"

// moved are bytes of the engine's I/Os.
type moved struct{ read, written float64 }

func (m *moved) add(io IO, bytes float64) {
	if io.Write() {
		m.written += bytes
	} else {
		m.read += bytes
	}
}

// Account is a Storage that tells what the engine's I/Os have moved until now, in bytes, those of other programs left out.
// On one that does not, Render shows no I/O of the server's process.
type Account interface {
	Moved(now int64) (read, written uint64)
}

// Moved is on all drives together.
func (d *drives) Moved(now int64) (read, written uint64) {
	sum := d.moved
	for _, u := range d.underWay {
		at := max(now, u.on.asked)
		u.on.advance(at)
		sum.add(u.io, u.movedAt(at))
	}
	return uint64(sum.read), uint64(sum.written)
}

// serverProcess is the server as the kernel counts for it: engine and KV manager are one process. What they move counts as
// it moves, that of a tier that is written through the page cache too. It belongs to the engine's goroutine.
type serverProcess struct {
	restarts      int
	read, written uint64 // by the processes before it
}

// firstServerPID is the process id of the first server; after each restart it is the next.
const firstServerPID = 2_001

func (s *serverProcess) pid() int { return firstServerPID + s.restarts }

// io is the process's account of what the storage says.
func (s *serverProcess) io(a Account, now int64) processIO {
	read, written := a.Moved(now)
	read, written = read-s.read, written-s.written
	return processIO{rchar: read, wchar: written, readBytes: read, writeBytes: written}
}

// restart begins another process.
func (s *serverProcess) restart(storage Storage, now int64) {
	s.restarts++
	if a, ok := storage.(Account); ok {
		s.read, s.written = a.Moved(now)
	}
}

// ServerPID is the process id of the server, below whose folder in proc/ Render shows its I/O; 0 on a storage that tells
// nothing of it.
func (m *Machine) ServerPID(ctx context.Context) (pid int, err error) {
	err = m.query(ctx, func() {
		if _, ok := m.engine.storage.(Account); ok {
			pid = m.server.pid()
		}
	})
	return pid, err
}
