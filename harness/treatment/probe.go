package treatment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"sparkharness/harness/fio"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// prober reads a little of its file now and then, one read at a time and past the page cache. The gaps between the times
// that reads are meant for are uniform from half of the mean to one and a half, as on the simulated machine, so that no cycle of
// other programs can lock on to them. They do not wait for reads that take long: an open loop. A time that passes
// while a read is under way is late if that ends before the next one, and missed if not.
type prober struct {
	f    *os.File
	buf  []byte
	rng  *rand.Rand
	run  *record.ProbeRun // completed when it ends
	stop chan struct{}
	done chan struct{} // closed when the last read has ended

	mu   sync.Mutex
	took []time.Duration // not told yet
	kept record.ProbeKept
	err  error // that ended it
}

// lateAfter is by how much a read may begin too late before that counts: timers wake that late on a busy machine.
const lateAfter = time.Millisecond

// applyProbe reads the drive until it is undone.
func (t *Treater) applyProbe(ctx context.Context) (rig.Applied, error) {
	if t.probing != nil {
		return rig.Applied{}, errors.New("a probe runs already: stop it first")
	}
	if err := t.layOut(ctx, []fio.File{{Name: probeName, Bytes: t.o.ProbeFile}}); err != nil {
		return rig.Applied{}, err
	}
	f, err := os.OpenFile(t.path(probeName), os.O_RDONLY|unix.O_DIRECT|unix.O_NOFOLLOW, 0)
	if err != nil {
		return rig.Applied{}, fmt.Errorf("start the probe: %w", err)
	}
	buf, err := unix.Mmap(-1, 0, rig.ProbeBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE) // aligned to pages
	if err != nil {
		return rig.Applied{}, errors.Join(fmt.Errorf("start the probe: %w", err), f.Close())
	}
	p := &prober{f: f, buf: buf, rng: t.o.Rng, stop: make(chan struct{}), done: make(chan struct{}),
		run: &record.ProbeRun{Bytes: rig.ProbeBytes, PerS: rig.ProbePerSecond}}
	places := t.o.ProbeFile / rig.ProbeBytes
	t.probing = p
	go p.loop(time.Second/rig.ProbePerSecond, func() error {
		_, err := p.f.ReadAt(p.buf, p.rng.Int64N(places)*rig.ProbeBytes)
		return err
	})
	t.probe.Watch(p.reads)
	return rig.Applied{Probe: p.run, Undo: t.stopProbe}, nil
}

// loop reads until stop.
func (p *prober) loop(every time.Duration, read func() error) {
	defer close(p.done)
	gap := func() time.Duration { return p.gap(every) }
	for meant := time.Now().Add(gap()); ; {
		select {
		case <-p.stop:
			return
		case <-time.After(time.Until(meant)):
		}
		begun := time.Now()
		err := read()
		ended := time.Now()
		if !p.note(begun.Sub(meant), ended.Sub(begun), err) {
			return
		}
		meant = p.next(meant, ended, gap)
	}
}

// gap is the time between the times that two reads are meant for, with a mean.
func (p *prober) gap(every time.Duration) time.Duration {
	return time.Duration(float64(every) * (0.5 + p.rng.Float64()))
}

// note keeps a read; false if it was the last one.
func (p *prober) note(late, took time.Duration, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.err = fmt.Errorf("the probe read %s: %w", p.f.Name(), err)
		return false
	}
	p.took = append(p.took, took)
	p.kept.Reads++
	if late > lateAfter {
		p.kept.Late++
	}
	return true
}

// next is the time that the next read is meant for: of those that have passed already the last one.
func (p *prober) next(meant, now time.Time, gap func() time.Duration) time.Time {
	meant = meant.Add(gap())
	for {
		after := meant.Add(gap())
		if after.After(now) {
			return meant
		}
		meant = after
		p.mu.Lock()
		p.kept.Missed++
		p.mu.Unlock()
	}
}

// reads are the latencies of reads that have ended since it was asked last.
func (p *prober) reads(context.Context) ([]time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.took
	p.took = nil
	return out, p.err
}

// stopProbe ends the probe, when ctx has ended too, and completes the record of it. A read that failed is an error.
func (t *Treater) stopProbe(context.Context) error {
	p := t.probing
	if p == nil {
		return nil
	}
	t.probing = nil
	t.probe.Forget()
	close(p.stop)
	<-p.done
	p.run.Kept = &p.kept
	return errors.Join(p.err, p.f.Close(), unix.Munmap(p.buf))
}
