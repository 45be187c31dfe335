package treatment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sparkharness/harness/fio"
	"sparkharness/harness/record"
)

// Measured is what fio says of one job that ran for its runtime with nothing beside it. A direction without I/O is nil.
type Measured struct {
	Version     string // of fio
	Read, Write *Rate
}

// Rate is fio's own account of a direction of a job, without the time that it takes to start and end.
type Rate struct {
	Seconds, IOs, Bytes float64
	MeanUS              float64 // of an I/O, from submission to completion
	P50US, P99US        *float64
	// KernelUS is the CPU time of the kernel for each I/O of a task, from its submission to its return where one is in flight at a time.
	KernelUS float64
}

// IOPS are I/Os a second.
func (r *Rate) IOPS() float64 { return r.IOs / r.Seconds }

// BytesPerSec are bytes a second.
func (r *Rate) BytesPerSec() float64 { return r.Bytes / r.Seconds }

// Measure runs the one job of a text, whose copies report together (group_reporting), to its end, below the same folder and noted in
// the same journal as a fio beside a server. When ctx ends fio is ended, too.
func (t *Treater) Measure(ctx context.Context, name, text string) (*Measured, error) {
	if t.fioRuns != nil {
		return nil, errors.New("fio runs already: stop it first")
	}
	jobs, _, err := fio.Confined(name+".fio", []byte(text))
	switch {
	case err != nil:
		return nil, err
	case len(jobs) != 1:
		return nil, fmt.Errorf("%s.fio has %d jobs: a measurement is one", name, len(jobs))
	}
	if err := t.Prepare(ctx, map[string]string{name: text}, false); err != nil {
		return nil, err
	}
	if err := t.startFio(ctx, name, text, jobs, &record.FioRun{}); err != nil {
		return nil, err
	}
	r := t.fioRuns
	t.fioRuns = nil
	t.fio.Forget()
	ended, stop := context.WithTimeout(ctx, jobs[0].Runtime+t.o.Showing)
	defer stop()
	select {
	case <-r.process.Ended:
	case <-ended.Done():
	}
	early := ended.Err()
	if err := r.process.Undo(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case early != nil:
		return nil, fmt.Errorf("fio %s did not end %v after its runtime of %v, and was ended: is the drive stuck?", name, t.o.Showing, jobs[0].Runtime)
	}
	return r.measured()
}

// measured is what a fio that has ended by itself leaves.
func (r *fioRun) measured() (*Measured, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last != nil {
		if err := r.last.faults(); err != nil {
			return nil, err
		}
	}
	if err := r.process.Err(); err != nil {
		return nil, fmt.Errorf("fio %s: %w (%s)", r.name, err, oneLine(r.out.said(), r.err.String()))
	}
	if err := r.out.end(); err != nil {
		return nil, err
	}
	if r.last == nil || len(r.last.Jobs) != 1 {
		return nil, fmt.Errorf("fio %s printed no figures of one group (%s)", r.name, oneLine(r.out.said(), r.err.String()))
	}
	job := &r.last.Jobs[0]
	out := &Measured{Version: r.last.Version, Read: job.Read.rate(job.CPU), Write: job.Write.rate(job.CPU)}
	if least := r.jobs[0].Runtime.Seconds() / 2; out.Read.short(least) && out.Write.short(least) {
		return nil, fmt.Errorf("fio %s was to run for %v, and its figures are of less than half of that (%s)", r.name, r.jobs[0].Runtime.Round(time.Second),
			oneLine(r.out.said(), r.err.String()))
	}
	return out, nil
}

// short says whether there is nothing, or not enough, to go by.
func (r *Rate) short(seconds float64) bool { return r == nil || r.Seconds < seconds }

// rate is that of a direction, of a task that spent so much of its time in the kernel, %; nil without I/O.
func (t *transfers) rate(cpu float64) *Rate {
	if t.IOs == 0 || t.RuntimeMS <= 0 {
		return nil
	}
	return &Rate{Seconds: t.RuntimeMS / 1e3, IOs: t.IOs, Bytes: t.Bytes, MeanUS: t.Clat.Mean / 1e3,
		P50US: percentile(*t, "50.000000"), P99US: percentile(*t, "99.000000"), KernelUS: cpu / 100 * t.RuntimeMS * 1e3 / t.IOs}
}
