package sim

import (
	"context"
	"errors"
	"fmt"
)

// foreign is another process on the machine that loads the drive, such as fio: closed loops that run until
// they are stopped. It belongs to the engine's goroutine, and a restart of the server leaves it alone.
type foreign struct {
	nsPerIO float64
	started int // processes so far
	loops   []foreignLoop
	endedNS float64 // CPU time of the processes that have ended
}

type foreignLoop struct {
	stream NVMeStream
	id     int // of the device's transfer
}

// firstForeignPID is the process id of the first foreign process; the next ones follow.
const firstForeignPID = 41_001

// pid is that of the running process, 0 if there is none.
func (f *foreign) pid() int {
	if len(f.loops) == 0 {
		return 0
	}
	return firstForeignPID + f.started - 1
}

// processIO are the counters of /proc/<pid>/io (kernel Documentation/filesystems/proc.rst). The first four
// count calls of read() and write() alone: what libaio and io_uring submit appears in the last two only
// (seen with fio 3.33 on Linux 6.18). Whole I/Os count.
type processIO struct {
	rchar, wchar, syscr, syscw, readBytes, writeBytes uint64
}

func (f *foreign) io(d *NVMeDevice, now int64) processIO {
	var io processIO
	for _, l := range f.loops {
		ios := l.moved(d, now) / float64(l.stream.IOBytes)
		reads := uint64(ios * l.stream.ReadShare)
		writes := uint64(ios * (1 - l.stream.ReadShare))
		readBytes, writeBytes := reads*uint64(l.stream.IOBytes), writes*uint64(l.stream.IOBytes)
		io.readBytes += readBytes
		io.writeBytes += writeBytes
		if l.stream.Sync {
			io.syscr, io.syscw = io.syscr+reads, io.syscw+writes
			io.rchar, io.wchar = io.rchar+readBytes, io.wchar+writeBytes
		}
	}
	return io
}

// moved is the bytes that the loop has read and written until now, to which the device must have been
// advanced.
func (l foreignLoop) moved(d *NVMeDevice, now int64) float64 {
	for _, t := range d.transfers {
		if t.id == l.id {
			return t.movedAfter(d.running(now))
		}
	}
	return 0
}

// softwareAt is the CPU time that foreign processes have taken until now, in ns. It follows the bytes
// moved, as the loaders' does (mover.softwareAt).
func (f *foreign) softwareAt(d *NVMeDevice, now int64) float64 {
	ns := f.endedNS
	for _, l := range f.loops {
		ns += l.moved(d, now) / float64(l.stream.IOBytes) * f.nsPerIO
	}
	return ns
}

// StartForeign starts another process that loads the drive with the streams until StopForeign, and returns
// its process id. Of a Sync stream each slot is a task that blocks. Render shows the process below
// proc/<pid>/io. There is one such process at a time; the server's restart does not end it.
func (m *Machine) StartForeign(ctx context.Context, streams ...NVMeStream) (pid int, err error) {
	if len(streams) == 0 {
		return 0, errors.New("a foreign load needs at least one stream")
	}
	for _, s := range streams {
		if err := s.Validate(); err != nil {
			return 0, err
		}
	}
	var refused error
	if err := m.query(ctx, func() { pid, refused = m.startForeign(streams) }); err != nil {
		return 0, err
	}
	return pid, refused
}

// startForeign is for the engine's goroutine.
func (m *Machine) startForeign(streams []NVMeStream) (int, error) {
	f := m.foreign
	if pid := f.pid(); pid != 0 {
		return 0, fmt.Errorf("process %d loads the drive already: stop it first", pid)
	}
	// A transfer may have been started at a later time than the counters can be brought to.
	now := max(m.account(), m.disk.asked)
	for _, s := range streams {
		f.loops = append(f.loops, foreignLoop{stream: s, id: m.disk.Start(now, s, -1)})
	}
	f.started++
	return f.pid(), nil
}

// StopForeign ends the process that StartForeign has started.
func (m *Machine) StopForeign(ctx context.Context) error {
	var refused error
	if err := m.query(ctx, func() { refused = m.stopForeign() }); err != nil {
		return err
	}
	return refused
}

func (m *Machine) stopForeign() error {
	f := m.foreign
	if f.pid() == 0 {
		return errors.New("no foreign process loads the drive")
	}
	now := max(m.account(), m.disk.asked)
	f.endedNS = f.softwareAt(m.disk, now)
	for _, l := range f.loops {
		m.disk.Stop(now, l.id)
	}
	f.loops = nil
	return nil
}

// UncalibratedForeign lists what of a foreign load rests on arithmetic or assumption.
func (p Params) UncalibratedForeign() []string {
	return []string{
		"NVMe with reads and writes mixed (queue model, no published row)",
		fmt.Sprintf("fio's CPU time (assumed %.3g us an I/O; it feeds counters, not latency)", float64(p.Host.ForeignNSPerIO)/1000),
		"fio and the server share nothing but the drive (no figure published for their share of memory bandwidth)",
	}
}
