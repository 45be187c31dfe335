package treatment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sparkharness/harness/record"
	"sparkharness/harness/telemetry"
)

// leastReadMS is the read time in a span below which its mean says nothing: the kernel counts whole milliseconds, so 20 of
// them give it to 5 %.
const leastReadMS = 20

// watcher reads the drive's counters, and those of one process.
type watcher struct {
	block *telemetry.Block
	own   *telemetry.Fio
}

// watcher begins to watch the drive, and the process pid unless it is 0.
func (t *Treater) watcher(ctx context.Context, pid int) (*watcher, error) {
	block, err := t.o.Drive.Source(t.o.Proof)
	if err != nil {
		return nil, err
	}
	own, err := telemetry.NewFio(t.o.Proc)
	if err != nil {
		return nil, errors.Join(err, block.Close())
	}
	own.Watch(pid)
	w := &watcher{block, own}
	if _, err := w.since(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// since is what happened since it was asked last.
func (w *watcher) since(ctx context.Context) (s record.SysSample, err error) {
	return s, errors.Join(w.block.Sample(ctx, &s), w.own.Sample(ctx, &s))
}

func (w *watcher) close() error {
	w.own.Forget()
	return w.block.Close()
}

// watch returns what the drive, and the process pid unless it is 0, did for a span; it returns early when that has ended.
func (t *Treater) watch(ctx context.Context, pid int, ended <-chan struct{}) (s record.SysSample, err error) {
	w, err := t.watcher(ctx, pid)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	select {
	case <-ctx.Done():
		return s, ctx.Err()
	case <-ended:
		return s, errors.New("fio is not there any more")
	case <-time.After(t.o.Span):
		return w.since(ctx)
	}
}

const lookAgain = 50 * time.Millisecond

// showing waits until fio has moved bytes by its own figures and by the kernel's, and the drive as many by its counters: then it
// loads this drive. The kernel's alone do not tell: they count what was read to load the program.
func (t *Treater) showing(ctx context.Context, r *fioRun) (err error) {
	w, err := t.watcher(ctx, r.process.PID)
	if err != nil {
		return r.why(err)
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var own, drive, told float64
	for tries := time.After(t.o.Showing); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.process.Ended:
			return r.endedEarly()
		case <-tries:
			return fmt.Errorf("fio %s does not show %v after its start: it moved %.0f bytes by its own figures, %.0f by the "+
				"kernel's, and the drive %.0f: does the folder %s lie on the drive that is watched?", r.name, t.o.Showing, told, own, drive, t.dir)
		case <-time.After(lookAgain):
		}
		s, err := w.since(ctx)
		if err != nil {
			return r.why(err)
		}
		if s.Fio != nil {
			own += s.Fio.ReadBytes + s.Fio.WriteBytes
		}
		if s.NVMe != nil {
			drive += s.NVMe.ReadBytes + s.NVMe.WriteBytes
		}
		told = r.moved()
		// What was moved before the watch began is told and not counted, and what is in flight is counted as fio's and not yet
		// as the drive's.
		if told > 0 && own >= told/2 && drive >= own/2 {
			return nil
		}
	}
}

// moved are the bytes that fio has told of so far.
func (r *fioRun) moved() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		return 0
	}
	return r.last.moved()
}

// seen fills in what the span with fio showed.
func seen(run *record.FioRun, after record.SysSample) {
	run.RAwaitAfter = rAwait(after.NVMe)
	if after.NVMe != nil {
		run.DriveReadBytes, run.DriveWriteBytes = after.NVMe.ReadBytes, after.NVMe.WriteBytes
	}
	if after.Fio != nil {
		run.ReadBytes, run.WriteBytes = &after.Fio.ReadBytes, &after.Fio.WriteBytes
	}
}

// rAwait is the mean read latency of a span in ms, nil if the counters are too coarse for it.
func rAwait(n *record.NVMe) *float64 {
	if n == nil || n.ReadMS < leastReadMS {
		return nil
	}
	return n.RAwait
}
