package treatment

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sparkharness/harness/fio"
	"sparkharness/harness/health"
	"sparkharness/harness/record"
	"sparkharness/harness/restore"
	"sparkharness/harness/rig"
)

// fioRun is the fio that runs.
type fioRun struct {
	name    string
	jobs    []fio.Job
	process *restore.Started
	at      time.Time // of its start
	out     *stream
	err     *tail
	run     *record.FioRun // completed when it ends

	mu    sync.Mutex
	last  *document
	rates rates
}

// check makes sure that fio is here and has the engines.
func (t *Treater) check(ctx context.Context, engines []string) error {
	if len(engines) == 0 {
		return nil
	}
	if _, err := exec.LookPath(t.o.Fio); err != nil {
		return fmt.Errorf("fio is not installed: %w: apt install fio", err)
	}
	for _, engine := range engines {
		if t.has[engine] {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		out, err := exec.CommandContext(ctx, t.o.Fio, "--enghelp="+engine).CombinedOutput()
		cancel()
		if err != nil && !strings.Contains(string(out), "has no options") { // an engine without any is an error to fio, too
			return fmt.Errorf("fio has no engine %s (%w; %s): apt install fio brings it, or set ioengine=psync in the profile",
				engine, err, oneLine(string(out)))
		}
		t.has[engine] = true
	}
	return nil
}

// applyFio runs the jobs of a text beside the server until it is undone. It returns when the drive has been watched for a
// span before that and for a span in which fio moves bytes; without jobs nothing is started, and as long is watched.
func (t *Treater) applyFio(ctx context.Context, tr rig.Treatment) (rig.Applied, error) {
	name, text := tr.Name, tr.Text
	if t.fioRuns != nil {
		return rig.Applied{}, errors.New("fio runs already: stop it first")
	}
	jobs, _, err := fio.Confined(name+".fio", []byte(text))
	if err != nil {
		return rig.Applied{}, err
	}
	if err := t.Prepare(ctx, map[string]string{name: text}, false); err != nil {
		return rig.Applied{}, err
	}
	run := &record.FioRun{Jobs: []string{}, SpanS: t.o.Span.Seconds()}
	for _, j := range jobs {
		run.Jobs = append(run.Jobs, j.String())
		run.InFlight += j.InFlight()
	}
	before, err := t.watch(ctx, 0, nil)
	if err != nil {
		return rig.Applied{}, err
	}
	run.RAwaitBefore = rAwait(before.NVMe)
	if tr.Begins != nil {
		if err := tr.Begins(ctx); err != nil {
			return rig.Applied{}, err
		}
	}
	if len(jobs) == 0 {
		after, err := t.watch(ctx, 0, nil)
		if err != nil {
			return rig.Applied{}, err
		}
		seen(run, after)
		return rig.Applied{Fio: run, Undo: func(context.Context) error { return nil }}, nil
	}
	if err := t.startFio(ctx, name, text, jobs, run); err != nil {
		return rig.Applied{}, err
	}
	after, err := t.watchFio(ctx)
	if err != nil {
		return rig.Applied{}, errors.Join(err, t.abandonFio())
	}
	seen(run, after)
	return rig.Applied{Fio: run, Undo: t.stopFio}, nil
}

func (t *Treater) startFio(ctx context.Context, name, text string, jobs []fio.Job, run *record.FioRun) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &fioRun{name: name, jobs: jobs, err: &tail{}, run: run}
	r.out = &stream{each: func(d *document) {
		margin := t.thermo.MarginC()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.last = d
		r.rates.add(d, margin)
	}}
	// It makes no file: all that it uses has been laid out.
	cmd := exec.Command(t.o.Fio, "--output-format=json", "--status-interval=1", "--allow_file_create=0", "--directory="+t.dir, "-")
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = t.dir, strings.NewReader(text), r.out, r.err
	entry := restore.Entry{Kind: restore.Fio, What: "fio " + name, GraceS: t.o.GraceToEnd.Seconds()}
	r.at = time.Now()
	var started error
	err := t.o.Elsewhere(func() error {
		r.process, started = t.o.Journal.Start(cmd, entry, nil)
		return nil // what has been started is ended below
	})
	if started != nil {
		return errors.Join(started, err)
	}
	t.fioRuns = r
	t.fio.Watch(r.process.PID)
	if err != nil {
		return errors.Join(err, t.abandonFio())
	}
	return nil
}

// watchFio returns what drive and fio did for a span that begins when fio has shown on both.
func (t *Treater) watchFio(ctx context.Context) (record.SysSample, error) {
	r := t.fioRuns
	if err := t.showing(ctx, r); err != nil {
		return record.SysSample{}, err
	}
	after, err := t.watch(ctx, r.process.PID, r.process.Ended)
	if err == nil && after.Fio == nil {
		err = errors.New("fio's own counters could not be read")
	}
	return after, r.why(err)
}

// why is what fio's end says, if it has ended by itself, instead of the error that comes of that.
func (r *fioRun) why(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		select {
		case <-r.process.Ended: // it is gone, and whoever waits for it is about to know
		case <-time.After(10 * time.Second):
		}
	}
	if early := r.endedEarly(); early != nil {
		return early
	}
	return err
}

// endedEarly is an error if fio has ended though nobody has told it to.
func (r *fioRun) endedEarly() error {
	select {
	case <-r.process.Ended:
	default:
		return nil
	}
	how := "it exited without an error"
	if err := r.process.Err(); err != nil {
		how = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var fault error
	if r.last != nil {
		fault = r.last.faults()
	}
	return errors.Join(fmt.Errorf("fio %s ended by itself after at most %.1f s (%s; %s): what it was to load was loaded no longer",
		r.name, time.Since(r.at).Seconds(), how, oneLine(r.out.said(), r.err.String())), fault)
}

// abandonFio ends a fio whose start has failed.
func (t *Treater) abandonFio() error {
	r := t.fioRuns
	t.fioRuns = nil
	t.fio.Forget()
	return r.process.Undo(context.Background())
}

// stopFio ends fio, when ctx has ended too, and completes the record of it. A fio that had ended before, that reports an
// error or does not end is an error: the treatment has failed.
func (t *Treater) stopFio(ctx context.Context) error {
	r := t.fioRuns
	if r == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	t.fioRuns = nil
	t.fio.Forget() // before it is gone, so that the sampler misses nobody
	ran := time.Since(r.at)
	early := r.endedEarly()
	if err := r.process.Undo(ctx); err != nil {
		return errors.Join(early, err)
	}
	if early != nil {
		return early
	}
	if how := r.process.Err(); how != nil && strings.Contains(how.Error(), "signal: killed") {
		return fmt.Errorf("fio %s did not end %v after it was asked to, and was killed: its figures are not whole (%s)",
			r.name, t.o.GraceToEnd, oneLine(r.out.said(), r.err.String()))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.out.end(); err != nil {
		return err
	}
	if r.last == nil {
		return fmt.Errorf("fio %s printed no figures (%s)", r.name, oneLine(r.out.said(), r.err.String()))
	}
	r.run.End = r.last.end()
	r.run.End.RanS = ran.Seconds()
	if r.run.End.Write != nil && !thinks(r.jobs) {
		r.run.End.Writes = health.Steadiness(r.rates.all, nil)
	}
	if err := r.last.faults(); err != nil {
		return err
	}
	for _, j := range r.jobs {
		if ran > j.Runtime {
			return fmt.Errorf("fio job %q was needed for %v and would have ended by itself after %v: raise its runtime",
				j.Name, ran.Round(time.Second), j.Runtime)
		}
	}
	return nil
}

// thinks says whether some job rests now and then, so that its rate falls by design.
func thinks(jobs []fio.Job) bool {
	return slices.ContainsFunc(jobs, func(j fio.Job) bool { return j.ThinkTime > 0 })
}
