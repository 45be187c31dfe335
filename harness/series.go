package harness

import (
	"math"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// SysData is sysmon.jsonl reduced: what the machine did in the baseline and in the measure phase.
type SysData struct {
	Samples  int // of all phases
	Baseline PhaseData
	Measure  PhaseData
	// SinceTreatment sums the NVMe reads from the treatments on to the end of the measure phase.
	SinceTreatment PhaseData
	Resets         int // samples in which a counter went backwards
	SwapOn         bool
	Throttle       int // samples with the GPU throttled
	// NVMe readings at the first and the last sample of the measure phase.
	AliveAtStart, AliveAtEnd bool
}

// PhaseData sums the samples of one phase.
type PhaseData struct {
	Seconds    float64
	Samples    int
	Reads      stats.Rep // NVMe reads/s in bins of a second, T from the phase's start
	ReadIOs    float64
	ReadBytes  float64
	ReadMS     float64
	WriteBytes float64
	WriteIOs   float64
	FioSeconds float64 // time for which fio's process was there
	// What fio moved by its process's own account; nil where none ran.
	FioReadBytes, FioWriteBytes *float64
	NVMeSeconds                 float64 // time that the NVMe sums cover
	GPUBusy                     mean    // percent
	Queue                       mean    // requests before their first token: not admitted yet, or prompt not done
	Running                     mean
	IOWait                      mean      // percent
	IOWaits                     stats.Rep // percent of all CPU time, in bins of a second
}

// mean is a time-weighted mean.
type mean struct{ sum, weight float64 }

func (m *mean) add(v *float64, weight float64) {
	if v != nil {
		m.sum += *v * weight
		m.weight += weight
	}
}

// Value is nil without any sample.
func (m mean) Value() *float64 {
	if m.weight == 0 {
		return nil
	}
	v := m.sum / m.weight
	return &v
}

// ReadsPerSec is nil if no sample covers the phase.
func (p *PhaseData) ReadsPerSec() *float64 { return per(p.ReadIOs, p.NVMeSeconds) }

// RAwait is the mean time of a read, ms; nil without any read.
func (p *PhaseData) RAwait() *float64 { return per(p.ReadMS, p.ReadIOs) }

// ReadMBs is the read rate in 1e6 B/s.
func (p *PhaseData) ReadMBs() *float64 { return per(p.ReadBytes/1e6, p.NVMeSeconds) }

// plus is nil unless both are known.
func plus(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	v := *a + *b
	return &v
}

// added is an optional sum with one more value.
func added(sum *float64, v float64) *float64 {
	if sum != nil {
		v += *sum
	}
	return &v
}

func per(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	v := a / b
	return &v
}

func (c *CellData) loadSys(path string) error {
	var bins binner
	start := math.Inf(1)
	if c.Info.Load.MeasureStart != nil {
		start = *c.Info.Load.MeasureStart
	}
	before := ""
	_, err := record.Read(path, func(s *record.SysSample) error {
		c.Sys.Samples++
		addSys(c.Windows, s.TS-start, s)
		if s.Reset {
			c.Sys.Resets++
		}
		if m := s.Mem; m != nil && m.SwapTotal != nil && *m.SwapTotal > 0 {
			c.Sys.SwapOn = true
		}
		if g := s.GPU; g != nil && g.Throttled != nil && *g.Throttled {
			c.Sys.Throttle++
		}
		if n := s.NVMe; n != nil && s.Phase != record.PhasePrepare && s.Phase != record.PhaseDrain {
			since := &c.Sys.SinceTreatment
			since.NVMeSeconds += s.DtMS / 1000
			since.ReadIOs += n.Reads
			since.ReadBytes += n.ReadBytes
		}
		entered := before != s.Phase
		before = s.Phase
		switch s.Phase {
		case record.PhaseBaseline:
			// What the treatments made the drive do must not count as idle: the sample in which they end is theirs.
			if !entered || c.Phase == "" {
				bins.add(&c.Sys.Baseline, s)
			}
		case record.PhaseMeasure:
			if c.Sys.Measure.Seconds == 0 {
				c.Sys.AliveAtStart = s.NVMe != nil
			}
			c.Sys.AliveAtEnd = s.NVMe != nil
			bins.add(&c.Sys.Measure, s)
		}
		return nil
	})
	return err
}

// binner gathers samples of a phase into bins of a second.
type binner struct {
	phase        *PhaseData
	start        float64
	reads, width float64
	wait, waited float64 // iowait x s, and the s that it covers
}

func (b *binner) add(p *PhaseData, s *record.SysSample) {
	dt := s.DtMS / 1000
	if b.phase != p {
		*b = binner{phase: p, start: s.TS - dt}
	}
	p.Seconds += dt
	p.Samples++
	if s.GPU != nil {
		p.GPUBusy.add(s.GPU.Util, dt)
	}
	if s.Engine != nil {
		p.Queue.add(plus(s.Engine.Waiting, s.Engine.Context), dt)
		p.Running.add(s.Engine.Running, dt)
	}
	if s.CPU != nil {
		p.IOWait.add(&s.CPU.IOWait, dt)
		b.wait += s.CPU.IOWait * dt
		b.waited += dt
		if b.waited >= 1-1e-6 {
			p.IOWaits = append(p.IOWaits, stats.Point{T: s.TS - b.start, V: b.wait / b.waited})
			b.wait, b.waited = 0, 0
		}
	}
	if f := s.Fio; f != nil {
		p.FioSeconds += dt
		p.FioReadBytes, p.FioWriteBytes = added(p.FioReadBytes, f.ReadBytes), added(p.FioWriteBytes, f.WriteBytes)
	}
	n := s.NVMe
	if n == nil {
		return
	}
	p.NVMeSeconds += dt
	p.ReadIOs += n.Reads
	p.ReadBytes += n.ReadBytes
	p.ReadMS += n.ReadMS
	p.WriteIOs += n.Writes
	p.WriteBytes += n.WriteBytes
	b.reads += n.Reads
	b.width += dt
	if b.width >= 1-1e-6 {
		p.Reads = append(p.Reads, stats.Point{T: s.TS - b.start, V: b.reads / b.width})
		b.reads, b.width = 0, 0
	}
}

// KVData is dynkv.jsonl reduced to the measure phase.
type KVData struct {
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

func (c *CellData) loadKV(path string) error {
	kv := &KVData{}
	var begin, first, prev *record.KVSample
	_, err := record.Read(path, func(s *record.KVSample) error {
		if s.Failed != nil {
			kv.Failed++
			return nil
		}
		kv.Samples++
		if begin == nil {
			begin = s
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

// fetches takes the fetches that completed between two samples. One fetch between them is measured
// exactly, by the growth of the sums; several share their mean, which is what the sums allow. A server may count
// a wait when it ends, which is before its transfer does: waits are carried to the next completion.
func (kv *KVData) fetches(ws []Window, at float64, a, b *record.KVTier) {
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
func (kv *KVData) spread(c *CellData, a, b *record.KVSample) {
	to, dt := b.TS-*c.Info.Load.MeasureStart, b.TS-a.TS
	var ignored bool // fetches and the counters' own deltas take note of resets
	blocks := delta(a.Tier2.Hits, b.Tier2.Hits, &ignored)
	transfer := delta(a.Tier2.FetchTransferMS, b.Tier2.FetchTransferMS, &ignored)
	bytes := delta(a.Tier2.BytesOut, b.Tier2.BytesOut, &ignored)
	overlap(c.Windows, to, dt, func(w *Window, inside float64) {
		w.kv += inside
		if blocks != nil {
			w.sums.tier2Blocks += *blocks * inside / dt
			w.sums.hasTier2 += inside
		}
		if transfer != nil {
			w.sums.hasFetch += inside
		}
		if bytes != nil {
			w.sums.hasTier2Out += inside
		}
	})
	if bytes == nil {
		return
	}
	took := dt
	if transfer != nil {
		took = max(dt, *transfer/1000)
	}
	overlap(c.Windows, to, took, func(w *Window, inside float64) { w.sums.predicted += *bytes * inside / took })
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
