package drivemodel

import (
	"context"
	"fmt"

	"sparkharness/harness/drive"
	"sparkharness/harness/record"
	"sparkharness/harness/treatment"
)

// bench runs one job of fio to its end: a treatment.Treater, or the model itself in tests.
type bench interface {
	Measure(ctx context.Context, name, text string) (*treatment.Measured, error)
}

// Figures are what was measured of a drive, and on what.
type Figures struct {
	One      treatment.Rate // reads of a KV loader, one at a time
	OneWrite treatment.Rate // its writes
	Small    treatment.Rate // small reads, a deep queue
	Large    treatment.Rate // large reads, a deep queue
	Write    treatment.Rate // large writes, a deep queue
	Tasks    int            // of Small

	Limits drive.Limits
	Fio    string // its version
	Leaf   record.DriveLeaf
	System string  // the kernel, such as Linux 6.17.0
	Date   string  // such as 2026-11-28
	Others float64 // bytes/s that others moved on the drive just before
	// Waiting is the share of the time just before in which some program waited for a processor (/proc/pressure/cpu); 0 where the kernel
	// does not tell.
	Waiting float64
}

// Sizes of the measurements: what the loader of the committed stacks asks for, a page of the host, and what a deep queue of large
// I/Os is made of.
const (
	oneBytes   = 128 << 10
	smallBytes = 4 << 10
	largeBytes = 1 << 20
	smallDepth = 64 // of each task
	largeDepth = 16
	mostTasks  = 4
)

// fileBytes are those of the file that is read and written, but for tests: more than a drive's own cache, and little of the room.
const fileBytes = 1 << 30

// job is the text of one measurement. No file of its own is written by fio: the harness lays it out, of noise.
func job(name, rw, engine string, file int64, bytes, depth, copies, seconds int) string {
	return fmt.Sprintf("[global]\nioengine=%s\ndirect=1\nthread\ntime_based\nruntime=%ds\nfilename=sparkharness-drive.dat\nsize=%d\nnorandommap\n"+
		"group_reporting\n[%s]\nrw=%s\nbs=%d\niodepth=%d\nnumjobs=%d\n", engine, seconds, file, name, rw, bytes, depth, copies)
}

// measurement is a job of fio and where its figures go.
type measurement struct {
	name, what, text string
	into             func(*Figures) *treatment.Rate
}

// measurements are all, in their order, on a file of so many bytes and with so many tasks for small reads. Writes come last: a drive may
// be slow for a while after them.
func measurements(file int64, tasks int) []measurement {
	return []measurement{
		{"one", "128 KiB random reads, one at a time", job("one", "randread", "psync", file, oneBytes, 1, 1, 3), func(f *Figures) *treatment.Rate { return &f.One }},
		{"small", fmt.Sprintf("4 KiB random reads, %d in flight", tasks*smallDepth), job("small", "randread", "libaio", file, smallBytes, smallDepth, tasks, 2),
			func(f *Figures) *treatment.Rate { return &f.Small }},
		{"large", fmt.Sprintf("1 MiB random reads, %d in flight", largeDepth), job("large", "randread", "libaio", file, largeBytes, largeDepth, 1, 2),
			func(f *Figures) *treatment.Rate { return &f.Large }},
		{"onewrite", "128 KiB random writes, one at a time", job("onewrite", "randwrite", "psync", file, oneBytes, 1, 1, 1),
			func(f *Figures) *treatment.Rate { return &f.OneWrite }},
		{"write", fmt.Sprintf("1 MiB random writes, %d in flight", largeDepth), job("write", "randwrite", "libaio", file, largeBytes, largeDepth, 1, 3),
			func(f *Figures) *treatment.Rate { return &f.Write }},
	}
}

// measure measures with a bench for some eleven seconds, small reads with so many tasks. tell is told what each came to.
func measure(ctx context.Context, b bench, file int64, tasks int, tell func(string)) (*Figures, error) {
	f := &Figures{Tasks: tasks}
	for _, m := range measurements(file, tasks) {
		got, err := b.Measure(ctx, m.name, m.text)
		if err != nil {
			return nil, err
		}
		r := got.Read
		if r == nil {
			r = got.Write
		}
		if r == nil || r.MeanUS <= 0 {
			return nil, fmt.Errorf("fio %s tells no latency of its I/Os: is it another program of that name, or a fio older than 3?", m.name)
		}
		*m.into(f), f.Fio = *r, got.Version
		tell(fmt.Sprintf("%s: %.0f a second, %.1f MB/s, %.1f us on average%s%s", m.what, r.IOPS(), r.BytesPerSec()/1e6, r.MeanUS,
			percentile("p50", r.P50US), percentile("p99", r.P99US)))
	}
	return f, nil
}

// percentile is one in words, "" where fio tells none.
func percentile(name string, us *float64) string {
	if us == nil {
		return ""
	}
	return fmt.Sprintf(", %s %.1f us", name, *us)
}
