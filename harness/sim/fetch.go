package sim

// FetchStats are the tier-2 fetches of requests: two histograms as newer KVBM builds keep them, the wait
// for the loader and the transfer.
type FetchStats struct {
	Queue, Transfer Histogram
}

func (f *FetchStats) observe(queueNS, transferNS int64) {
	f.Queue.observe(sec(queueNS))
	f.Transfer.observe(sec(transferNS))
}

// kvbmBuckets are the upper bounds, in seconds, of KVBM's transfer histograms.
var kvbmBuckets = [...]float64{0, .0001, .00032, .001, .0032, .01, .032, .1, .32, 1, 3.2, 10}

// Histogram is a Prometheus histogram over kvbmBuckets.
type Histogram struct {
	Counts [len(kvbmBuckets) + 1]int64 // not cumulative; the last is +Inf
	Sum    float64
	Count  int64
}

func (h *Histogram) observe(v float64) {
	i := 0
	for i < len(kvbmBuckets) && v > kvbmBuckets[i] {
		i++
	}
	h.Counts[i]++
	h.Sum += v
	h.Count++
}
