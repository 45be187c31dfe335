package telemetry

import (
	"fmt"
	"math"
	"slices"
)

// histogram is a Prometheus histogram summed over its label sets. Counts are cumulative over buckets,
// as on the page. The value of an observation is in seconds.
type histogram struct {
	seen    bool
	count   float64
	sum     float64
	buckets []bucket // ascending
}

// maxBuckets bounds a histogram, because buckets are looked up one by one: a real one has a dozen.
const maxBuckets = 1000

// bucket holds n observations <= le.
type bucket struct{ le, n float64 }

// add takes the sample of one series: part is the suffix of its name.
func (h *histogram) add(part string, labels []byte, v float64) error {
	switch part {
	case "_count":
		h.seen, h.count = true, h.count+v
	case "_sum":
		h.sum += v
	case "_bucket":
		le, ok := parseValue(labelValue(labels, "le"))
		if !ok || math.IsNaN(le) {
			return fmt.Errorf("bucket without a bound: {%.60s}", labels)
		}
		i, found := slices.BinarySearchFunc(h.buckets, le, func(b bucket, le float64) int {
			switch {
			case b.le < le:
				return -1
			case b.le > le:
				return 1
			}
			return 0
		})
		if !found {
			if len(h.buckets) == maxBuckets {
				return fmt.Errorf("a histogram of more than %d buckets", maxBuckets)
			}
			h.buckets = slices.Insert(h.buckets, i, bucket{le: le})
		}
		h.buckets[i].n += v
	}
	return nil
}

// minus is what was observed since prev. A histogram that was not on the earlier page had no
// observation: a labelled family has no series before its first one.
func (h *histogram) minus(prev *histogram) (histogram, error) {
	d := histogram{seen: h.seen, count: h.count - prev.count, sum: h.sum - prev.sum}
	if d.count < 0 || d.sum < 0 {
		return histogram{}, ErrReset
	}
	d.buckets = make([]bucket, len(h.buckets))
	for i, b := range h.buckets {
		for _, p := range prev.buckets {
			if p.le == b.le {
				b.n -= p.n
			}
		}
		if b.n < 0 {
			return histogram{}, ErrReset
		}
		d.buckets[i] = b
	}
	return d, nil
}

// quantile estimates the q-quantile of an interval's observations in seconds, by linear interpolation
// inside the bucket of rank q*n as Prometheus' histogram_quantile does, but between bounds that the sum
// of the observations tightens: no observation can exceed the sum less the least that the others can
// be, nor fall below the sum less the most that the others can be. Of a single observation both bounds
// are the sum, so its value is exact; a value in the +Inf bucket has a finite bound. The error is at
// most the width between the bounds. ok is false without observations or buckets.
func (h *histogram) quantile(q float64) (v float64, ok bool) {
	if len(h.buckets) == 0 {
		return 0, false
	}
	rank := q * h.buckets[len(h.buckets)-1].n
	lo, below := 0.0, 0.0
	for _, b := range h.buckets {
		if in := b.n - below; in > 0 && b.n >= rank {
			tightLo, tightHi := h.bounds(lo, b.le)
			return tightLo + (tightHi-tightLo)*(rank-below)/in, true
		}
		lo, below = b.le, b.n
	}
	return 0, false
}

// bounds tightens the bounds of one observation of the bucket (lo, hi].
func (h *histogram) bounds(lo, hi float64) (tightLo, tightHi float64) {
	othersLo, othersHi := -lo, 0.0
	least, below := 0.0, 0.0
	for _, b := range h.buckets {
		in := b.n - below
		othersLo += in * least
		if b.le == hi {
			in--
		}
		if in > 0 {
			othersHi += in * b.le
		}
		least, below = b.le, b.n
	}
	tightLo, tightHi = max(lo, h.sum-othersHi), min(hi, h.sum-othersLo)
	if tightLo > tightHi {
		// The server wrote the page while it counted: sum and buckets disagree.
		if math.IsInf(hi, 1) {
			hi = lo
		}
		return lo, hi
	}
	return tightLo, tightHi
}
