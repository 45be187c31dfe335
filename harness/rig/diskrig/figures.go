package diskrig

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Figures are what the I/Os of the engine have moved and taken since Open, on the drive.
type Figures struct{ Reads, Writes Direction }

// Direction are the I/Os of the drive that have ended, of one direction. Times are sums over them.
type Direction struct {
	IOs, Bytes int64
	Took       time.Duration // in pread or pwrite
	// Software time: what the streams ask for, what this program spent itself (CPU time of the threads), and what was waited
	// for beside it. Where Measured is more than Configured nothing is left to be waited for, and the loader is slower than
	// it is meant to be.
	Configured, Measured, Slept time.Duration
}

// String is one line of them.
func (d Direction) String() string {
	if d.IOs == 0 {
		return "none"
	}
	each := func(t time.Duration) float64 { return float64(t) / float64(d.IOs) / 1e3 }
	return fmt.Sprintf("%.1f MiB in %d I/Os of %.0f us; software us an I/O: %.0f configured, %.0f spent, %.0f waited",
		float64(d.Bytes)/(1<<20), d.IOs, each(d.Took), each(d.Configured), each(d.Measured), each(d.Slept))
}

// figures are Figures that all workers count into.
type figures struct{ by [2]directed }

type directed struct{ ios, bytes, took, configured, measured, slept atomic.Int64 }

func (f *figures) of(write bool) *directed {
	if write {
		return &f.by[1]
	}
	return &f.by[0]
}

// reset begins at 0. No I/O may be under way.
func (f *figures) reset() {
	for i := range f.by {
		d := &f.by[i]
		for _, n := range []*atomic.Int64{&d.ios, &d.bytes, &d.took, &d.configured, &d.measured, &d.slept} {
			n.Store(0)
		}
	}
}

// moved counts an I/O of the drive that has ended.
func (f *figures) moved(write bool, bytes int64, took time.Duration, softwareNS int64) {
	d := f.of(write)
	d.ios.Add(1)
	d.bytes.Add(bytes)
	d.took.Add(int64(took))
	d.configured.Add(softwareNS)
}

// paced counts the software time after it.
func (f *figures) paced(write bool, p paced) {
	d := f.of(write)
	d.measured.Add(int64(p.measured))
	d.slept.Add(int64(p.slept))
}

func (d *directed) load() Direction {
	return Direction{IOs: d.ios.Load(), Bytes: d.bytes.Load(), Took: time.Duration(d.took.Load()),
		Configured: time.Duration(d.configured.Load()), Measured: time.Duration(d.measured.Load()), Slept: time.Duration(d.slept.Load())}
}

// Figures are those of now.
func (s *Storage) Figures() Figures {
	return Figures{Reads: s.figures.of(false).load(), Writes: s.figures.of(true).load()}
}

// Moved is what the engine's I/Os have read and written until now, bytes.
func (s *Storage) Moved(int64) (read, written uint64) {
	return uint64(s.figures.of(false).bytes.Load()), uint64(s.figures.of(true).bytes.Load())
}
