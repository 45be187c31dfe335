package sim

import (
	"sync"
	"time"
)

// latencies are vLLM's histograms of finished and of answered requests since the server's start, seconds.
type latencies struct {
	mu                           sync.Mutex
	since                        time.Time
	first, queue, prefill, whole buckets
}

// restart begins them anew, as a server's start does.
func (l *latencies) restart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Now()
	l.first = newBuckets(firstTokenBuckets)
	l.queue, l.prefill, l.whole = newBuckets(requestBuckets), newBuckets(requestBuckets), newBuckets(requestBuckets)
}

// answered notes a first token.
func (l *latencies) answered(after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first.observe(after.Seconds())
}

// finished notes a request that has ended, so long after it came.
func (l *latencies) finished(e Event, after time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.observe(sec(e.WaitNS))
	l.prefill.observe(sec(e.PrefillNS))
	l.whole.observe(after.Seconds())
}

// firstTokenBuckets and requestBuckets are the upper bounds of vLLM's histograms of TTFT and of requests, seconds
// (vllm/v1/metrics/loggers.py).
var (
	firstTokenBuckets = []float64{.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560}
	requestBuckets    = []float64{.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
)

// buckets are a Prometheus histogram over bounds of its own.
type buckets struct {
	bounds []float64
	counts []int64 // not cumulative; the last is +Inf
	sum    float64
	count  int64
}

func newBuckets(bounds []float64) buckets {
	return buckets{bounds: bounds, counts: make([]int64, len(bounds)+1)}
}

func (b *buckets) observe(v float64) {
	i := 0
	for i < len(b.bounds) && v > b.bounds[i] {
		i++
	}
	b.counts[i]++
	b.sum += v
	b.count++
}

// snapshot copies what may be read at leisure.
func (l *latencies) snapshot() (since time.Time, first, queue, prefill, whole buckets) {
	l.mu.Lock()
	defer l.mu.Unlock()
	copied := func(b buckets) buckets {
		b.counts = append([]int64(nil), b.counts...)
		return b
	}
	return l.since, copied(l.first), copied(l.queue), copied(l.prefill), copied(l.whole)
}
