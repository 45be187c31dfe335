package evidence

import (
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// KVCounters is dynkv.jsonl reduced to the measure phase.
type KVCounters struct {
	Samples, Failed int
	Resets          bool
	BlockBytes      float64
	// Counters over the measure phase; nil if the server does not expose them.
	Tier1Hits, Tier2Hits        *float64 // blocks
	Tier2BytesIn, Tier2BytesOut *float64
	// Fetches are the tier-2 fetches of requests in ms, the wait for the loader and the transfer.
	Fetches stats.Rep
	// Tier2Written are the bytes written to tier 2 since the cell's first sample.
	Tier2Written *float64
	// Tier2Found are the blocks found in tier 2, interval by interval.
	Tier2Found stats.Rep
	// Tier2Reads are bytes/s read from tier 2, interval by interval.
	Tier2Reads stats.Rep
	// Tier2Spread are the bytes that were read from tier 2 inside the measure phase, those of a fetch spread
	// over the time that its transfer took; nil if the server does not expose them.
	Tier2Spread *float64
	HasFetch    bool // the server exposes them

	waited float64 // ms, of fetches whose transfer has not ended yet
}

func (c *Cell) loadKV(path string) error {
	kv := &KVCounters{}
	var begin, first, prev *record.KVSample
	err := record.ReadComplete(path, func(s *record.KVSample) error {
		if s.Failed != nil {
			kv.Failed++
			return nil
		}
		kv.Samples++
		if begin == nil {
			begin = s
		}
		for _, earlier := range []*record.KVSample{begin, first, prev} {
			fromZero(earlier, s.Born)
		}
		if s.BlockSizeBytes != nil {
			kv.BlockBytes = *s.BlockSizeBytes
		}
		if prev != nil && c.Info.Load.MeasureStart != nil {
			kv.spread(c, prev, s)
		}
		inside := s.Phase == record.PhaseMeasure && c.Info.Load.MeasureStart != nil
		if inside && first == nil {
			// The sample before is the state at the phase's start.
			if first = prev; first == nil {
				first = s
			}
		}
		if inside && prev != nil {
			at := s.TS - *c.Info.Load.MeasureStart
			kv.fetches(c.Windows, at, &prev.Tier2, &s.Tier2)
			if d := delta(prev.Tier2.Hits, s.Tier2.Hits, &kv.Resets); d != nil {
				kv.Tier2Found = append(kv.Tier2Found, stats.Point{T: at, V: *d})
			}
			if d := delta(prev.Tier2.BytesOut, s.Tier2.BytesOut, &kv.Resets); d != nil && s.TS > prev.TS {
				kv.Tier2Reads = append(kv.Tier2Reads, stats.Point{T: at, V: *d / (s.TS - prev.TS)})
			}
		}
		if inside {
			kv.Tier2Written = delta(begin.Tier2.BytesIn, s.Tier2.BytesIn, &kv.Resets)
			kv.Tier1Hits = delta(first.Tier1.Hits, s.Tier1.Hits, &kv.Resets)
			kv.Tier2Hits = delta(first.Tier2.Hits, s.Tier2.Hits, &kv.Resets)
			kv.Tier2BytesIn = delta(first.Tier2.BytesIn, s.Tier2.BytesIn, &kv.Resets)
			kv.Tier2BytesOut = delta(first.Tier2.BytesOut, s.Tier2.BytesOut, &kv.Resets)
		}
		prev = s
		return nil
	})
	c.KV = kv
	return err
}

// fromZero gives an earlier sample the counters that were born after it: they stood at 0, which no line could say before.
func fromZero(earlier *record.KVSample, born []string) {
	if earlier == nil {
		return
	}
	for _, name := range born {
		if c := earlier.Counter(name); c != nil && *c == nil {
			*c = new(float64)
		}
	}
}

// fetches takes the fetches that completed between two samples. One fetch between them is measured
// exactly, by the growth of the sums; several share their mean, which is what the sums allow. A server may count
// a wait when it ends, which is before its transfer does: waits are carried to the next completion.
func (kv *KVCounters) fetches(ws []Window, at float64, a, b *record.KVTier) {
	if a.FetchCount == nil || b.FetchCount == nil || a.FetchQueueMS == nil || b.FetchQueueMS == nil ||
		a.FetchTransferMS == nil || b.FetchTransferMS == nil {
		return
	}
	kv.HasFetch = true
	kv.waited += *b.FetchQueueMS - *a.FetchQueueMS
	n := *b.FetchCount - *a.FetchCount
	if n < 1 {
		return
	}
	each := (kv.waited + *b.FetchTransferMS - *a.FetchTransferMS) / n
	kv.waited = 0
	for range int(n + 0.5) {
		kv.Fetches = append(kv.Fetches, stats.Point{T: at, V: each})
		if w := windowAt(ws, at); w != nil {
			w.fetches = append(w.fetches, each)
		}
	}
}

// spread gives what the KV manager counted between two samples to the windows. Blocks read from tier 2 are
// counted when their fetch has ended, seconds after its first byte was read; the growth of the transfer
// times says for how long the loader read them, so their bytes are spread over that long before the sample.
func (kv *KVCounters) spread(c *Cell, a, b *record.KVSample) {
	to, dt := b.TS-*c.Info.Load.MeasureStart, b.TS-a.TS
	var ignored bool // fetches and the counters' own deltas take note of resets
	blocks := delta(a.Tier2.Hits, b.Tier2.Hits, &ignored)
	transfer := delta(a.Tier2.FetchTransferMS, b.Tier2.FetchTransferMS, &ignored)
	bytes := delta(a.Tier2.BytesOut, b.Tier2.BytesOut, &ignored)
	overlap(c.Windows, to, dt, func(w *Window, inside float64) {
		w.kv += inside
		if blocks != nil {
			w.sums.Tier2Blocks += *blocks * inside / dt
			w.sums.HasTier2 += inside
		}
		if transfer != nil {
			w.sums.HasFetch += inside
		}
		if bytes != nil {
			w.sums.HasTier2Out += inside
		}
	})
	if bytes == nil {
		return
	}
	took := dt
	if transfer != nil {
		took = max(dt, *transfer/1000)
	}
	overlap(c.Windows, to, took, func(w *Window, inside float64) { w.sums.Predicted += *bytes * inside / took })
	within := *bytes * max(0, min(to, c.Seconds())-max(to-took, 0)) / took
	if kv.Tier2Spread == nil {
		kv.Tier2Spread = new(float64)
	}
	*kv.Tier2Spread += within
}

func delta(a, b *float64, reset *bool) *float64 {
	if a == nil || b == nil {
		return nil
	}
	d := *b - *a
	if d < 0 {
		*reset = true
		return nil
	}
	return &d
}
