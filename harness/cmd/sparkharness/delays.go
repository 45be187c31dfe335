package main

import (
	"math"
	"runtime/metrics"
)

// delays are how long the program's goroutines were ready and waited for a processor: what the client itself adds to the time
// stamp of a chunk, where it has fewer processors than chunks that come at once.
type delays struct {
	counts []uint64
	bounds []float64 // s, one more than counts
}

// readDelays are those of the process so far; empty if the runtime does not tell.
func readDelays() delays {
	sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram {
		return delays{}
	}
	h := sample[0].Value.Float64Histogram()
	return delays{h.Counts, h.Buckets}
}

// since are those after an earlier reading; nil if there was none.
func (d delays) since(before delays) *delays {
	if len(before.counts) == 0 || len(before.counts) != len(d.counts) {
		return nil
	}
	out := delays{make([]uint64, len(d.counts)), d.bounds}
	for i, n := range d.counts {
		out.counts[i] = n - before.counts[i]
	}
	return &out
}

// count is how many there are.
func (d *delays) count() (n int) {
	for _, c := range d.counts {
		n += int(c)
	}
	return n
}

// quantile is the upper end of the bucket that holds the q-quantile, ms; ok is false without delays. A bucket is at most a
// quarter as wide as its lower end.
func (d *delays) quantile(q float64) (ms float64, ok bool) {
	if d == nil || d.count() == 0 {
		return 0, false
	}
	rank, below := uint64(q*float64(d.count()-1)), uint64(0)
	for i, n := range d.counts {
		if below += n; rank < below {
			end := d.bounds[i+1]
			if math.IsInf(end, 1) {
				end = d.bounds[i]
			}
			return end * 1e3, true
		}
	}
	return 0, false
}
