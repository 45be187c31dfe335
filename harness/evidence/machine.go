package evidence

import (
	"math"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// Machine is sysmon.jsonl reduced: what the machine did in the baseline and in the measure phase.
type Machine struct {
	Samples  int // of all phases
	Baseline PhaseSums
	Measure  PhaseSums
	// SinceTreatment sums the NVMe reads from the treatments on to the end of the measure phase.
	SinceTreatment PhaseSums
	// WrittenBytes is what the NVMe wrote in all phases; nil where no sample has its counters.
	WrittenBytes *float64
	Resets       int // samples in which a counter went backwards
	SwapOn       bool
	Throttle     int // samples with the GPU throttled
	// Samples that tell whether the GPU was throttled, and how much swap there is.
	ThrottleTold, SwapTold int
	// BusyClockMHz is the mean SM clock of the measure phase over samples in which the GPU was busy; nil if it was too
	// rarely, or tells no clock.
	BusyClockMHz *float64
	// MaxClockMHz is the highest SM clock that the GPU said it can have; nil if it said none.
	MaxClockMHz *float64 `json:",omitempty"` // so that a machine without one keeps its fingerprint
	// NVMe readings at the first and the last sample of the measure phase.
	AliveAtStart, AliveAtEnd bool
}

// PhaseSums sums the samples of one phase.
type PhaseSums struct {
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
	ProbeReads                  float64 // of the probe
	ProbeUS                     float64 // us that they took, summed
	// What the block device moved, whoever asked for it, and what the server's own processes moved, on whatever device.
	DeviceRead, DeviceWrite, ServerRead, ServerWrite Traffic
	NVMeSeconds                                      float64 // time that the NVMe sums cover
	GPUBusy                                          mean    // percent
	Queue                                            mean    // requests before their first token: not admitted yet, or prompt not done
	Running                                          mean
	IOWait                                           mean      // percent
	IOPressure                                       mean      // percent of the time with a task stalled on I/O (PSI io some)
	IOWaits                                          stats.Rep // percent of all CPU time, in bins of a second
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
func (p *PhaseSums) ReadsPerSec() *float64 { return record.Over(&p.ReadIOs, p.NVMeSeconds) }

// RAwait is the mean time of a read, ms; nil without any read.
func (p *PhaseSums) RAwait() *float64 { return record.Over(&p.ReadMS, p.ReadIOs) }

// Probe is the mean time of a read of the probe, us; nil without any.
func (p *PhaseSums) Probe() *float64 { return record.Over(&p.ProbeUS, p.ProbeReads) }

// ReadMBs is the read rate in 1e6 B/s.
func (p *PhaseSums) ReadMBs() *float64 { return record.Over(new(p.ReadBytes/1e6), p.NVMeSeconds) }

// addSums adds another phase's sums of the NVMe and of the server's own I/O.
func (p *PhaseSums) addSums(o *PhaseSums) {
	p.DeviceRead.addTraffic(&o.DeviceRead)
	p.DeviceWrite.addTraffic(&o.DeviceWrite)
	p.ServerRead.addTraffic(&o.ServerRead)
	p.ServerWrite.addTraffic(&o.ServerWrite)
	p.ReadIOs += o.ReadIOs
	p.ReadBytes += o.ReadBytes
	p.ReadMS += o.ReadMS
	p.NVMeSeconds += o.NVMeSeconds
}

func (c *Cell) loadSys(path string) error {
	var bins binner
	var clock busyClock
	start := math.Inf(1)
	if c.Info.Load.MeasureStart != nil {
		start = *c.Info.Load.MeasureStart
	}
	before := ""
	err := record.ReadComplete(path, func(s *record.SysSample) error {
		c.Sys.Samples++
		addSys(c.Windows, s.TS-start, s)
		if s.Reset {
			c.Sys.Resets++
		}
		if m := s.Mem; m != nil && m.SwapTotal != nil {
			c.Sys.SwapTold++
			c.Sys.SwapOn = c.Sys.SwapOn || *m.SwapTotal > 0
		}
		if g := s.GPU; g != nil && g.Throttled != nil {
			c.Sys.ThrottleTold++
			if *g.Throttled {
				c.Sys.Throttle++
			}
		}
		if n := s.NVMe; n != nil {
			c.Sys.WrittenBytes = record.SumOfKnown(c.Sys.WrittenBytes, &n.WriteBytes)
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
			clock.add(s)
			if g := s.GPU; g != nil && g.SMClockMaxMHz != nil {
				c.Sys.MaxClockMHz = g.SMClockMaxMHz
			}
		}
		return nil
	})
	c.Sys.BusyClockMHz = clock.value()
	return err
}

// binner gathers samples of a phase into bins of a second.
type binner struct {
	phase        *PhaseSums
	start        float64
	reads, width float64
	wait, waited float64 // iowait x s, and the s that it covers
	unread       float64 // s without a reading of the device, which the next reading covers too
}

func (b *binner) add(p *PhaseSums, s *record.SysSample) {
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
		p.Queue.add(record.SumIfAll(s.Engine.Waiting, s.Engine.Context), dt)
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
	if s.PSI != nil && s.PSI.IOSomeUS != nil && s.DtMS > 0 {
		p.IOPressure.add(new(*s.PSI.IOSomeUS/s.DtMS/10), dt)
	}
	if f := s.Fio; f != nil {
		p.FioSeconds += dt
		p.FioReadBytes, p.FioWriteBytes = record.SumOfKnown(p.FioReadBytes, &f.ReadBytes), record.SumOfKnown(p.FioWriteBytes, &f.WriteBytes)
	}
	if r := s.Probe; r != nil && r.MeanUS != nil {
		p.ProbeReads += r.N
		p.ProbeUS += r.N * *r.MeanUS
	}
	at := s.TS - b.start
	if v := s.Server; v != nil {
		p.ServerRead.add(at, v.ReadBytes, dt)
		p.ServerWrite.add(at, v.WriteBytes, dt)
	} else {
		p.ServerRead.gap()
		p.ServerWrite.gap()
	}
	n := s.NVMe
	if n == nil {
		p.DeviceRead.gap()
		p.DeviceWrite.gap()
		if b.unread += dt; s.Reset { // the next reading begins anew
			b.unread = 0
		}
		return
	}
	p.DeviceRead.add(at, n.ReadBytes, dt+b.unread)
	p.DeviceWrite.add(at, n.WriteBytes, dt+b.unread)
	b.unread = 0
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
