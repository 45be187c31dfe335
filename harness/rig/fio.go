package rig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sparkharness/harness/fio"
	"sparkharness/harness/record"
	"sparkharness/harness/sim"
	"sparkharness/harness/telemetry"
)

// FioSpan is how long the drive is watched before fio is started and after.
const FioSpan = 5 * time.Second

// leastReadMS is the read time in a span below which its mean says nothing: the kernel counts whole
// milliseconds, so 20 of them give it to 5 %.
const leastReadMS = 20

// FioRun is fio running beside the server, with what the machine showed of it. In the arm without fio
// nothing is started, the same time passes, and the figures of fio itself are nil.
//
// What shows the treatment is fio's own bytes and RAwaitAfter; RAwaitBefore is nil on an idle drive, whose
// few reads in a span are too short for the kernel's counters. Arms are to be compared over whole phases,
// from the samples' sums of read_ms and reads, and with care: the mean is over everybody's reads, and small
// reads of a moderate fio can lower it where large ones of a KV loader stood alone.
type FioRun struct {
	Jobs     []string `json:"jobs"`      // as fio.Job prints them
	InFlight int      `json:"in_flight"` // I/Os of all jobs together
	SpanS    float64  `json:"span_s"`    // s, length of each of the two spans

	// The drive's mean read latency, everybody's reads; nil if it had too few.
	RAwaitBefore *float64 `json:"r_await_before_ms"`
	RAwaitAfter  *float64 `json:"r_await_after_ms"`
	// Bytes of the second span: by fio's own counters, and by the drive's.
	ReadBytes       *float64 `json:"read_bytes"`
	WriteBytes      *float64 `json:"write_bytes"`
	DriveReadBytes  float64  `json:"drive_read_bytes"`
	DriveWriteBytes float64  `json:"drive_write_bytes"`
}

// checkFio refuses jobs that would not load the drive for as long as a cell lasts, or not show that they do.
func checkFio(jobs []fio.Job) error {
	var errs []error
	for _, j := range jobs {
		if !j.TimeBased || j.Runtime == 0 {
			errs = append(errs, fmt.Errorf("fio job %q would end after one pass over its file: set time_based, and a runtime longer than a cell", j.Name))
		}
		if !j.Thread {
			errs = append(errs, fmt.Errorf("fio job %q would be a process of its own, whose bytes do not show in fio's /proc/<pid>/io: set thread", j.Name))
		}
	}
	return errors.Join(errs...)
}

// fioLoops is what the jobs do to the drive: each copy of a job is a closed loop, and one of a sync engine is
// a task that blocks. Those that think begin with I/O, so that the span after the start shows them all.
func fioLoops(jobs []fio.Job) []sim.ForeignLoop {
	var out []sim.ForeignLoop
	for _, j := range jobs {
		for range j.NumJobs {
			out = append(out, sim.ForeignLoop{
				Stream: sim.NVMeStream{Name: "fio " + j.Name, ReadShare: j.ReadShare, IOBytes: j.BlockBytes, Depth: j.IODepth, Sync: j.Sync()},
				IOTime: j.IOTime, ThinkTime: j.ThinkTime, SpinTime: j.SpinTime,
			})
		}
	}
	return out
}

// fioOffset keeps what fio's start and end do to the machine off its grid of whole microseconds, off the
// sampler's ticks and off nvidia-smi's lines.
const fioOffset = 700 * time.Nanosecond

// fioStart is the fio that runs.
type fioStart struct {
	at   time.Time
	jobs []fio.Job
}

// StartFio starts fio with the jobs and returns when the drive has been watched for FioSpan before that and
// for FioSpan with it. Without jobs it starts nothing. When it returns an error no fio runs.
func (s *Sim) StartFio(ctx context.Context, jobs []fio.Job) (FioRun, error) {
	out := FioRun{Jobs: []string{}, SpanS: FioSpan.Seconds()}
	if s.fioRuns != nil {
		return out, errors.New("fio runs already: stop it first")
	}
	if err := checkFio(jobs); err != nil {
		return out, err
	}
	for _, j := range jobs {
		out.Jobs = append(out.Jobs, j.String())
		out.InFlight += j.InFlight()
	}
	if err := s.offGrid(ctx); err != nil {
		return out, err
	}
	before, err := s.watchDrive(ctx, 0)
	if err != nil {
		return out, err
	}
	out.RAwaitBefore = rAwait(before.NVMe)
	pid, err := s.launchFio(ctx, jobs)
	if err != nil {
		return out, err
	}
	after, err := s.watchDrive(ctx, pid)
	if err == nil && pid != 0 && after.Fio == nil {
		err = errors.New("fio's own counters could not be read")
	}
	if err != nil {
		return out, errors.Join(err, s.StopFio(ctx))
	}
	out.RAwaitAfter = rAwait(after.NVMe)
	out.DriveReadBytes, out.DriveWriteBytes = after.NVMe.ReadBytes, after.NVMe.WriteBytes
	if after.Fio != nil {
		out.ReadBytes, out.WriteBytes = &after.Fio.ReadBytes, &after.Fio.WriteBytes
	}
	return out, nil
}

// launchFio starts the jobs and has them sampled; its process id is 0 if there are none.
func (s *Sim) launchFio(ctx context.Context, jobs []fio.Job) (pid int, err error) {
	if len(jobs) == 0 {
		return 0, nil
	}
	if pid, err = s.machine.StartForeign(ctx, fioLoops(jobs)...); err != nil {
		return 0, fmt.Errorf("start fio: %w", err)
	}
	s.fioRuns = &fioStart{at: time.Now(), jobs: jobs}
	if err := s.machine.Render(ctx, s.files); err != nil {
		return 0, errors.Join(err, s.StopFio(ctx))
	}
	s.fio.Watch(pid)
	return pid, nil
}

// StopFio ends the fio that StartFio has started, when ctx has ended too; without one it does nothing. A job
// whose own runtime was over by then is an error: the real fio would have ended inside the cell.
func (s *Sim) StopFio(ctx context.Context) error {
	if s.fioRuns == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.offGrid(ctx); err != nil {
		return err
	}
	runs := *s.fioRuns
	s.fio.Forget()
	if err := s.machine.StopForeign(ctx); err != nil {
		return fmt.Errorf("stop fio: %w", err)
	}
	s.fioRuns = nil
	if err := s.machine.Render(ctx, s.files); err != nil {
		return err
	}
	for _, j := range runs.jobs {
		if ran := time.Since(runs.at); ran > j.Runtime {
			return fmt.Errorf("fio job %q was needed for %v and would have ended by itself after %v: raise its runtime", j.Name, ran.Round(time.Second), j.Runtime)
		}
	}
	return nil
}

// watchDrive returns what the drive, and the process pid unless it is 0, did for FioSpan.
func (s *Sim) watchDrive(ctx context.Context, pid int) (record.SysSample, error) {
	var first, last record.SysSample
	// The files must hold something before a source looks at what there is.
	if err := s.machine.Render(ctx, s.files); err != nil {
		return last, err
	}
	block, err := telemetry.NewBlock(s.files.Proc, s.files.Sys, s.opts.Stack.Telemetry.Device)
	if err != nil {
		return last, err
	}
	own, err := telemetry.NewFio(s.files.Proc)
	if err != nil {
		return last, err
	}
	own.Watch(pid)
	read := func(into *record.SysSample) error {
		if err := s.machine.Render(ctx, s.files); err != nil {
			return err
		}
		return errors.Join(block.Sample(ctx, into), own.Sample(ctx, into))
	}
	if err := read(&first); err != nil {
		return last, err
	}
	if err := pause(ctx, FioSpan); err != nil {
		return last, err
	}
	return last, read(&last)
}

// rAwait is the mean read latency of a span in ms, nil if the counters are too coarse for it.
func rAwait(n *record.NVMe) *float64 {
	if n.ReadMS < leastReadMS {
		return nil
	}
	return n.RAwait
}

// offGrid waits for the next instant at which fio may be started or stopped.
func (s *Sim) offGrid(ctx context.Context) error {
	const grid = time.Microsecond
	return pause(ctx, (fioOffset-time.Since(s.began)%grid+grid)%grid)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
