package fio

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"sparkharness/harness/regular"
)

// Job is one job section with what it inherits from the [global] sections before it.
type Job struct {
	Name       string
	RW         string  // read, randread, write, randwrite, rw or randrw
	ReadShare  float64 // of the I/Os: 1, 0, or what rwmixread or rwmixwrite says of a mix, else 0.5
	BlockBytes int64   // of one I/O
	IODepth    int     // I/Os that one of the NumJobs has in flight; 1 for a sync engine, whatever the file says
	NumJobs    int     // copies that run side by side
	IOEngine   string  // one of Engines
	Direct     bool    // always: buffered I/O is refused
	Thread     bool    // the copies are threads of one process, not processes
	Filename   string
	Directory  string
	Size       int64         // bytes of the file that is used; 0: not given
	Runtime    time.Duration // 0: not given
	TimeBased  bool          // runs for Runtime, over the file again and again

	// A job that thinks does I/O for IOTime, stalls for ThinkTime, and so on; all copies begin with I/O. For the
	// first SpinTime of a stall it spins on a CPU, then it sleeps. All 0: it never thinks. That is how fio(1) has
	// it; fio 3.33 makes the very first I/O phase longer, by ThinkTime.
	IOTime, ThinkTime, SpinTime time.Duration
}

// Engines are the I/O engines that a job may have, and whether each is synchronous: its tasks submit one
// I/O and block until it is done, so that it has no queue. fio(1), I/O engine. psync is fio's default on
// Linux.
var Engines = map[string]bool{
	"sync": true, "psync": true, "vsync": true, "pvsync": true, "pvsync2": true,
	"libaio": false, "io_uring": false,
}

// Sync reports whether the job's tasks block on their I/O.
func (j Job) Sync() bool { return Engines[j.IOEngine] }

// InFlight is the largest number of I/Os that the job has in flight.
func (j Job) InFlight() int { return j.NumJobs * j.IODepth }

// String is the load as fio(1) would write it.
func (j Job) String() string {
	var mix string
	if j.RW == "rw" || j.RW == "randrw" {
		mix = fmt.Sprintf(" rwmixread=%.0f", 100*j.ReadShare)
	}
	var thinks string
	if j.ThinkTime > 0 {
		thinks = fmt.Sprintf(" thinktime_iotime=%s thinktime=%s", written(j.IOTime), written(j.ThinkTime))
	}
	if j.SpinTime > 0 {
		thinks += " thinktime_spin=" + written(j.SpinTime)
	}
	return fmt.Sprintf("%s: rw=%s%s bs=%d iodepth=%d numjobs=%d ioengine=%s%s", j.Name, j.RW, mix, j.BlockBytes, j.IODepth, j.NumJobs, j.IOEngine, thinks)
}

// MaxFile is the most bytes of a job file: one of a few jobs has a few hundred.
const MaxFile = 1 << 20

// Load reads a job file. A file of comments has no jobs, which is no error here; fio itself refuses it.
func Load(path string) ([]Job, error) {
	data, err := regular.Read(path, MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no such job file of fio (correct the path): %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read a job file of fio: %w", err)
	}
	return Parse(path, data)
}

// Fault is one thing that is wrong in a job file.
type Fault struct {
	File    string
	Line    int    // from 1
	Option  string // as the file writes it; empty where none is concerned
	Problem string // and what to do
}

func (f Fault) String() string {
	if f.Option == "" {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Problem)
	}
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Option, f.Problem)
}

// Faults is everything that is wrong in a job file, in the order of the lines.
type Faults []Fault

// Error has one line a fault: file:line: option: problem.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}
