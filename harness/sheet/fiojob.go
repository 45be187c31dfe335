package sheet

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// ErrNoTier2 marks a run, or an arm of one, that moved nothing to or from tier 2 under the measured load.
var ErrNoTier2 = errors.New("no tier-2 traffic")

// FioOptions say what a job file of fio is to be.
type FioOptions struct {
	Arm     string // its name (Arm.Name); "": the one that moved most
	Dir     string // the absolute path of a folder, in which all of fio's files lie
	Size    int64  // bytes of the file; 0: those of tier 2, at most DefaultSize
	Runtime time.Duration
	Engine  string // "": psync, which is what the loader does
}

// DefaultSize bounds the file that a job loads, bytes: more than a drive's own cache, and little of its room.
const DefaultSize = 4 << 30

// fioFile is the one file of a job.
const fioFile = "sparkharness-tier2.dat"

// page is what sizes are a multiple of, bytes: direct I/O asks for it on most drives.
const page = 4096

// tier2 is what the arm read from and wrote to tier 2 under the measured load, bytes: by the application's own account where
// the run has one, which counts what reached the kernel, else by the KV manager's.
func (a *Arm) tier2() (read, written *float64) {
	if !a.tiered() {
		return nil, nil
	}
	m := &a.Measure
	if record.OrZero(m.KVRead)+record.OrZero(m.KVWritten) == 0 && (m.KVRead != nil || m.KVWritten != nil) {
		return m.KVRead, m.KVWritten // what else the application moves is none of tier 2
	}
	read, written = m.AppRead, m.AppWrite
	if read == nil {
		read = m.KVRead
	}
	if written == nil {
		written = m.KVWritten
	}
	return read, written
}

// busiest is the arm of that name, or without a name the one with most traffic of tier 2.
func (r *Run) busiest(name string) (*Arm, error) {
	var best *Arm
	most := 0.0
	var names []string
	for _, a := range r.Arms {
		read, written := a.tier2()
		moved := record.OrZero(read) + record.OrZero(written)
		names = append(names, a.Name())
		switch {
		case name != "" && a.Name() != name:
		case name != "" && moved == 0:
			return nil, fmt.Errorf("%s of run %s: %w under the measured load: take another arm", name, r.Evidence.Plan.RunID, ErrNoTier2)
		case moved > most:
			best, most = a, moved
		}
	}
	switch {
	case best != nil:
		return best, nil
	case name != "":
		return nil, fmt.Errorf("run %s has no arm %.80q: there are %s", r.Evidence.Plan.RunID, name, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("run %s: %w under the measured load in any arm: take one of a stack with a tier 2, such as H2B or H4B", r.Evidence.Plan.RunID, ErrNoTier2)
}

// FioJob writes a job file with which fio makes the I/O of an arm's loader again: sizes, I/Os in flight, mix and mean rate.
// Without traffic of tier 2 the error is an ErrNoTier2.
func (r *Run) FioJob(w io.Writer, o FioOptions) error {
	if err := confined(o.Dir); err != nil {
		return err
	}
	a, err := r.busiest(o.Arm)
	if err != nil {
		return err
	}
	if o.Engine == "" {
		o.Engine = "psync"
	}
	read, written := a.tier2()
	seconds := a.Measure.AppSeconds
	if a.Measure.AppRead == nil {
		seconds = a.Measure.DeviceSeconds
	}
	if seconds == 0 {
		return fmt.Errorf("%s of run %s has no sample of its measured load: there is no rate", a.Name(), r.Evidence.Plan.RunID)
	}
	var b strings.Builder
	size := o.Size
	if size == 0 {
		size = min(int64(a.Stack.Dynamo.Tiers.Tier2.CapacityBytes), DefaultSize)
	}
	r.fioHead(&b, a, o.Dir, size)
	fmt.Fprintf(&b, "[global]\ndirectory=%s\nfilename=%s\nsize=%d\ndirect=1\nioengine=%s\nthread=1\nnorandommap=1\nrefill_buffers=1\n"+
		"time_based=1\nruntime=%d\ngroup_reporting=1\npercentile_list=50:95:99:99.9:99.99\n", o.Dir, fioFile, size, o.Engine, int(o.Runtime.Seconds()))
	for _, s := range []struct {
		name, rw string
		bytes    *float64
		pattern
	}{{"tier2-reads", "randread", read, a.reading()}, {"tier2-writes", "randwrite", written, a.writing()}} {
		if record.OrZero(s.bytes) == 0 {
			continue
		}
		if s.request == 0 {
			return fmt.Errorf("%s of run %s: the size of the loader's I/Os is not told", a.Name(), r.Evidence.Plan.RunID)
		}
		bs := max(page, int64(math.Round(s.request/page))*page)
		if size < bs*int64(s.run) {
			return fmt.Errorf("--size %v is less than a KV block of %v: give more", config.Size(size), config.Size(bs*int64(s.run)))
		}
		jobs, depth := int64(s.depth), int64(1)
		if o.Engine != "psync" {
			jobs, depth = 1, int64(s.depth)
		}
		fmt.Fprintf(&b, "\n[%s]\nrw=%s:%d\nbs=%d\niodepth=%d\nnumjobs=%d\nrate=%d\n", s.name, s.rw, s.run, bs, depth, jobs,
			max(1, int64(*s.bytes/seconds/float64(jobs))))
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// fioHead says from which run the job is, and what of it is approximated.
func (r *Run) fioHead(b *strings.Builder, a *Arm, dir string, size int64) {
	plan := r.Evidence.Plan
	line := func(format string, args ...any) {
		b.WriteString(strings.TrimRight("# "+escaped(fmt.Sprintf(format, args...)), " ") + "\n")
	}
	line("The tier-2 I/O of run %s, arm %s, under its measured load.", plan.RunID, a.Name())
	line("Measured on: %s", plan.Facts.Origin)
	read, written := a.tier2()
	line("Measured: %s GiB read, %s GiB written in %s s.", opt(read, 1.0/gib), opt(written, 1.0/gib), number(max(a.Measure.AppSeconds, a.Measure.DeviceSeconds)))
	for _, s := range []struct {
		name string
		pattern
	}{{"reads", a.reading()}, {"writes", a.writing()}} {
		size := "as configured: the run does not tell those that were made"
		if s.measured {
			size = "as they were made, over whole cells"
		}
		line("Size of %s: %s KiB, %s; in flight: %g, as configured.", s.name, number(s.request/kib), size, s.depth)
	}
	line("")
	line("Approximated: the rate is the mean of the measured load, where fetches come in bursts, one for each request that is served")
	line("from tier 2; blocks lie at random places, one after another inside; reads and writes do not wait for each other; the")
	line("loader's software time is part of the rate alone; the file has %v where tier 2 has %v, and is laid out by fio first.", config.Size(size),
		a.Stack.Dynamo.Tiers.Tier2.CapacityBytes)
	line("All that fio writes lies in %s, which has to be there: remove %s from it in the end.", dir, fioFile)
	b.WriteString("\n")
}

// confined refuses a folder that fio would take for something else, or that holds devices.
func confined(dir string) error {
	if dir == "" {
		return errors.New("name the folder that fio's files are to lie in, on the drive in question: --dir /mnt/nvme/try")
	}
	if err := config.CheckLaunchPath(dir); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	if filepath.Clean(dir) != dir || dir == "/" {
		return fmt.Errorf("--dir %s: write the folder out, without .. and not the root", dir)
	}
	for _, tree := range []string{"/dev", "/proc", "/sys"} {
		if dir == tree || strings.HasPrefix(dir, tree+"/") {
			return fmt.Errorf("--dir %s holds the kernel's files: name a folder on the drive", dir)
		}
	}
	return nil
}
