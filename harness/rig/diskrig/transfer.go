package diskrig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sparkharness/harness/sim"
)

// transfer is an I/O of the engine under way: units that are moved as many at a time as its stream says, a goroutine each.
type transfer struct {
	s      *Storage
	io     sim.IO
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing is under way any more

	step  int64 // bytes of one I/O of the drive
	units int
	move  func(w *worker, unit int) error
	undo  func() error // of a transfer that is not completed; may be nil
	next  atomic.Int64 // unit
}

// worker is a goroutine of a transfer, on a thread of its own: it has one I/O of the drive under way, spends its software
// time, and goes on.
type worker struct {
	*transfer
	buf   []byte
	pacer pacer
}

// run moves all units and returns the first error. A transfer that is given up has none.
func (t *transfer) run(ctx context.Context) error {
	if err := t.lay(); err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var wg sync.WaitGroup
	for range min(t.io.Stream.Depth, t.units) {
		wg.Go(func() {
			if err := t.work(ctx); err != nil {
				fail(err)
			}
		})
	}
	wg.Wait()
	err := context.Cause(ctx)
	if err != nil && t.undo != nil {
		err = errors.Join(err, t.undo())
	}
	return err
}

func (t *transfer) work(ctx context.Context) error {
	buf, err := t.s.buffers.take(t.step, t.io.Write(), t.s.content)
	if err != nil {
		return err
	}
	defer t.s.buffers.put(buf, t.io.Write())
	defer thread()()
	w := &worker{transfer: t, buf: buf, pacer: pacer{each: time.Duration(t.io.Stream.SoftwareNS), at: cpu()}}
	for ctx.Err() == nil {
		unit := int(t.next.Add(1)) - 1
		if unit >= t.units {
			return nil
		}
		if err := t.move(w, unit); err != nil {
			return err
		}
	}
	return nil
}

// one is an I/O of the drive, of at most a buffer: n bytes at an offset, which are or become those of an identity.
func (w *worker) one(f *os.File, at, n int64, id identity) error {
	buf := w.buf[:n]
	write, sync := w.io.Write(), w.io.Stream.Sync
	do := f.ReadAt
	if write {
		w.s.content.stamp(buf, id)
		do = f.WriteAt
	}
	began := w.s.blocked.begin(sync)
	_, err := do(buf, at)
	took := w.s.blocked.end(sync, began)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the file ends before byte %d: it has been cut", ErrCorruption, at+n)
	}
	if err == nil && !write {
		err = w.s.content.verify(buf, id)
	}
	if err != nil {
		return located(err, write, f, at)
	}
	w.s.figures.moved(write, n, took, w.io.Stream.SoftwareNS)
	if w.s.o.Took != nil {
		w.s.o.Took(write, took)
	}
	w.s.figures.paced(write, w.pacer.pause())
	return nil
}

// located says where an I/O failed, and what to do about it where that is known.
func located(err error, write bool, f *os.File, at int64) error {
	verb, hint := "read", ""
	if write {
		verb = "write"
	}
	if isFull(err) {
		hint = ": make room on the drive, or make tier 2 smaller"
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%s %s at %d: %w%s", verb, f.Name(), at, err, hint)
}
