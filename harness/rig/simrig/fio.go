package simrig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sparkharness/harness/fio"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/sim"
	"sparkharness/harness/telemetry"
)

// fioSpan is how long the drive is watched before fio is started and after.
const fioSpan = 5 * time.Second

// leastReadMS is the read time in a span below which its mean says nothing: the kernel counts whole
// milliseconds, so 20 of them give it to 5 %.
const leastReadMS = 20

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

// runFio runs the jobs of a text beside the server until it is undone.
func runFio(ctx context.Context, s *Machine, t rig.Treatment) (rig.Applied, error) {
	run, err := s.startFio(ctx, t)
	if err != nil {
		return rig.Applied{}, err
	}
	return rig.Applied{Fio: &run, Undo: s.stopFio}, nil
}

// startFio starts the jobs of a job file's text and returns when the drive has been watched for fioSpan before that
// and for fioSpan with it. Without jobs it starts nothing. When it returns an error no fio runs.
func (s *Machine) startFio(ctx context.Context, t rig.Treatment) (record.FioRun, error) {
	out := record.FioRun{Jobs: []string{}, SpanS: fioSpan.Seconds()}
	if s.fioRuns != nil {
		return out, errors.New("fio runs already: stop it first")
	}
	jobs, err := fio.Parse(t.Name+".fio", []byte(t.Text))
	if err != nil {
		return out, err
	}
	if err := fio.Lasting(jobs); err != nil {
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
	if t.Begins != nil {
		if err := t.Begins(ctx); err != nil {
			return out, err
		}
	}
	pid, err := s.launchFio(ctx, jobs)
	if err != nil {
		return out, err
	}
	after, err := s.watchDrive(ctx, pid)
	if err == nil && pid != 0 && after.Fio == nil {
		err = errors.New("fio's own counters could not be read")
	}
	if err != nil {
		return out, errors.Join(err, s.stopFio(ctx))
	}
	out.RAwaitAfter = rAwait(after.NVMe)
	out.DriveReadBytes, out.DriveWriteBytes = after.NVMe.ReadBytes, after.NVMe.WriteBytes
	if after.Fio != nil {
		out.ReadBytes, out.WriteBytes = &after.Fio.ReadBytes, &after.Fio.WriteBytes
	}
	return out, nil
}

// launchFio starts the jobs and has them sampled; its process id is 0 if there are none.
func (s *Machine) launchFio(ctx context.Context, jobs []fio.Job) (pid int, err error) {
	if len(jobs) == 0 {
		return 0, nil
	}
	if pid, err = s.machine.StartForeign(ctx, fioLoops(jobs)...); err != nil {
		return 0, fmt.Errorf("start fio: %w", err)
	}
	s.fioRuns = &fioStart{at: time.Now(), jobs: jobs}
	if err := s.machine.Render(ctx, s.files); err != nil {
		return 0, errors.Join(err, s.stopFio(ctx))
	}
	s.fio.Watch(pid)
	return pid, nil
}

// stopFio ends the fio that startFio has started, when ctx has ended too; without one it does nothing. A job
// whose own runtime was over by then is an error: the real fio would have ended inside the cell.
func (s *Machine) stopFio(ctx context.Context) error {
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

// watchDrive returns what the drive, and the process pid unless it is 0, did for fioSpan.
func (s *Machine) watchDrive(ctx context.Context, pid int) (record.SysSample, error) {
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
	if err := pause(ctx, fioSpan); err != nil {
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
func (s *Machine) offGrid(ctx context.Context) error {
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
