package sim

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ForeignLoop is one copy of a job of another process: a closed loop on the drive that runs until it is
// stopped. With a ThinkTime it does I/O for IOTime, stalls for ThinkTime, and so on; for the first SpinTime of
// a stall it keeps one CPU busy. Times are whole microseconds. The spinning is counted and slows nobody.
type ForeignLoop struct {
	Stream                      NVMeStream
	IOTime, ThinkTime, SpinTime time.Duration
}

// Validate refuses loops that mean nothing.
func (l ForeignLoop) Validate() error {
	if err := l.Stream.Validate(); err != nil {
		return err
	}
	for _, t := range []time.Duration{l.IOTime, l.ThinkTime, l.SpinTime} {
		if t < 0 || t%time.Microsecond != 0 {
			return fmt.Errorf("foreign loop %q: %v is not a time of whole microseconds", l.Stream.Name, t)
		}
	}
	if (l.IOTime > 0) != (l.ThinkTime > 0) {
		return fmt.Errorf("foreign loop %q: IOTime %v and ThinkTime %v go together", l.Stream.Name, l.IOTime, l.ThinkTime)
	}
	if l.SpinTime > l.ThinkTime {
		return fmt.Errorf("foreign loop %q: SpinTime %v is a part of ThinkTime %v", l.Stream.Name, l.SpinTime, l.ThinkTime)
	}
	return nil
}

// foreign is another process on the machine that loads the drive, such as fio. It belongs to the engine's
// goroutine, and a restart of the server leaves it alone.
type foreign struct {
	nsPerIO float64
	started int // processes so far
	loops   []foreignLoop
	endedNS float64 // CPU time of the processes that have ended
	turnNS  int64   // when a loop next changes what it does, on the machine's grid; nvmeNever if none will
	turn    func()  // has them do it
}

type foreignLoop struct {
	ForeignLoop
	id      int     // of the device's transfer, 0 while it thinks
	beganNS int64   // of its first cycle, on the grid
	moved   float64 // bytes of earlier transfers
}

// thinks tells whether a loop of the process has cycles. The host's counters are kept at each event then: how
// much of the blocked time is iowait depends on how busy the CPUs are meanwhile.
func (f *foreign) thinks() bool { return f.turnNS != nvmeNever }

// wake notes when the engine has to turn to the loops again.
func (f *foreign) wake(now int64) {
	f.turnNS = nvmeNever
	for _, l := range f.loops {
		f.turnNS = min(f.turnNS, l.nextTurn(now))
	}
}

// cycle is when the cycle of a time began, and how many there were before.
func (l *foreignLoop) cycle(now int64) (began, before int64) {
	length := int64(l.IOTime + l.ThinkTime)
	before = max(0, now-l.beganNS) / length
	return l.beganNS + before*length, before
}

// works tells whether the loop does I/O from now on.
func (l *foreignLoop) works(now int64) bool {
	if l.ThinkTime == 0 {
		return true
	}
	began, _ := l.cycle(now)
	return now < began+int64(l.IOTime)
}

// nextTurn is when, after now, the loop ends its I/O or its spinning or begins I/O.
func (l *foreignLoop) nextTurn(now int64) int64 {
	if l.ThinkTime == 0 {
		return nvmeNever
	}
	began, _ := l.cycle(now)
	for _, after := range []time.Duration{l.IOTime, l.IOTime + l.SpinTime} {
		if at := began + int64(after); at > now {
			return at
		}
	}
	return began + int64(l.IOTime+l.ThinkTime)
}

// spun is the time for which the loop has kept a CPU busy until now, ns. It follows from the time alone.
func (l *foreignLoop) spun(now int64) float64 {
	if l.SpinTime == 0 {
		return 0
	}
	began, before := l.cycle(now)
	return float64(before*int64(l.SpinTime) + min(int64(l.SpinTime), max(0, now-began-int64(l.IOTime))))
}

// turnForeign lets loops begin and end their I/O. Between two turns a loop does one thing, so that the host's
// counters, which are brought to the present first, do not depend on when somebody looks.
func (m *Machine) turnForeign() {
	f := m.foreign
	now := max(m.account(), m.disk.asked)
	for i := range f.loops {
		switch l := &f.loops[i]; {
		case l.id == 0 && l.works(now):
			l.id = m.disk.Start(now, l.Stream, -1)
		case l.id != 0 && !l.works(now):
			l.moved = l.movedUntil(m.disk, now)
			m.disk.Stop(now, l.id)
			l.id = 0
		}
	}
	f.wake(now)
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
		ios := l.movedUntil(d, now) / float64(l.Stream.IOBytes)
		reads := uint64(ios * l.Stream.ReadShare)
		writes := uint64(ios * (1 - l.Stream.ReadShare))
		readBytes, writeBytes := reads*uint64(l.Stream.IOBytes), writes*uint64(l.Stream.IOBytes)
		io.readBytes += readBytes
		io.writeBytes += writeBytes
		if l.Stream.Sync {
			io.syscr, io.syscw = io.syscr+reads, io.syscw+writes
			io.rchar, io.wchar = io.rchar+readBytes, io.wchar+writeBytes
		}
	}
	return io
}

// movedUntil is the bytes that the loop has read and written until now, to which the device must have been
// advanced.
func (l *foreignLoop) movedUntil(d *NVMeDevice, now int64) float64 {
	for _, t := range d.transfers {
		if t.id == l.id {
			return l.moved + t.movedAfter(d.running(now))
		}
	}
	return l.moved
}

// softwareAt is the CPU time that foreign processes have taken until now, in ns: what they spun, and for their
// I/O what follows from the bytes moved, as with the loaders (driveIO.softwareAt).
func (f *foreign) softwareAt(d *NVMeDevice, now int64) float64 {
	ns := f.endedNS
	for _, l := range f.loops {
		ns += l.movedUntil(d, now)/float64(l.Stream.IOBytes)*f.nsPerIO + l.spun(now)
	}
	return ns
}

// StartForeign starts another process that loads the drive with the loops until StopForeign, and returns its
// process id. All loops begin with I/O. Of a Sync stream each slot is a task that blocks. Render shows the
// process below proc/<pid>/io. There is one such process at a time; the server's restart does not end it.
func (m *Machine) StartForeign(ctx context.Context, loops ...ForeignLoop) (pid int, err error) {
	if len(loops) == 0 {
		return 0, errors.New("a foreign load needs at least one loop")
	}
	for _, l := range loops {
		if err := l.Validate(); err != nil {
			return 0, err
		}
	}
	var refused error
	if err := m.query(ctx, func() { pid, refused = m.startForeign(loops) }); err != nil {
		return 0, err
	}
	return pid, refused
}

// startForeign is for the engine's goroutine.
func (m *Machine) startForeign(loops []ForeignLoop) (int, error) {
	f := m.foreign
	if m.disk == nil {
		return 0, errors.New("the machine's storage is not modelled: start the program itself on the device")
	}
	if pid := f.pid(); pid != 0 {
		return 0, fmt.Errorf("process %d loads the drive already: stop it first", pid)
	}
	// A transfer may have been started at a later time than the counters can be brought to.
	now := max(m.account(), m.disk.asked)
	for _, l := range loops {
		f.loops = append(f.loops, foreignLoop{ForeignLoop: l, id: m.disk.Start(now, l.Stream, -1), beganNS: nvmeRoundUp(float64(now))})
	}
	f.started++
	f.wake(now)
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
	f.wake(now)
	return nil
}

// AssumedForeign lists what of a foreign load rests on arithmetic or assumption.
func (p Params) AssumedForeign() []string {
	return []string{
		AssumedMixed,
		fmt.Sprintf("fio's CPU time (assumed %.3g us an I/O; it feeds counters, not latency)", float64(p.Host.ForeignNSPerIO)/1000),
		"fio and the server share the drive and the DRAM bandwidth of its transfers, and nothing else",
	}
}
