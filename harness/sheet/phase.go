package sheet

import (
	"slices"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// Phase is what moved in a phase of an arm, all repetitions together. A nil number is not told by any sample.
type Phase struct {
	// DeviceSeconds is the time of which samples have the block device's counters; 0: none has.
	DeviceSeconds        float64
	DeviceRead           side
	DeviceWrite          side
	WeightedMS, BusyMS   float64 // ms x I/Os in flight, and ms with any in flight
	ReadAwaits           []weighted
	AppSeconds           float64 // of which samples have the server's own I/O; 0: none has
	AppRead, AppWrite    *float64
	FioSeconds           float64
	FioRead, FioWrite    *float64
	ProbeSeconds         float64
	ProbeReads           float64
	ProbeMS              float64
	ProbeBytes           *float64
	ProbeTimes           []weighted
	KVSeconds            float64
	KVRead, KVWritten    *float64 // bytes out of tier 2 and into it
	Fetches              *float64
	FetchWait, FetchMove *float64 // ms, summed: for the loader, and in the transfer
}

// leastMS is what reads of a sample have to take together, ms, for their mean to be in a quantile: the kernel counts whole
// milliseconds, so that the mean is off by a twentieth at most.
const leastMS = 20

// side is a direction of the block device.
type side struct{ bytes, ios, ms float64 }

// weighted is a mean over so many I/Os, ms.
type weighted struct{ ms, n float64 }

func (p *Phase) addSys(s *record.SysSample, probe *record.ProbeRun) {
	dt := s.DtMS / 1000
	if n := s.NVMe; n != nil {
		p.DeviceSeconds += dt
		p.DeviceRead.add(n.ReadBytes, n.Reads, n.ReadMS)
		p.DeviceWrite.add(n.WriteBytes, n.Writes, n.WriteMS)
		p.WeightedMS += n.WeightedMS
		p.BusyMS += n.IOms
		if n.Reads > 0 && n.ReadMS >= leastMS {
			p.ReadAwaits = append(p.ReadAwaits, weighted{n.ReadMS / n.Reads, n.Reads})
		}
	}
	if v := s.Server; v != nil {
		p.AppSeconds += dt
		p.AppRead, p.AppWrite = record.SumOfKnown(p.AppRead, &v.ReadBytes), record.SumOfKnown(p.AppWrite, &v.WriteBytes)
	}
	if f := s.Fio; f != nil {
		p.FioSeconds += dt
		p.FioRead, p.FioWrite = record.SumOfKnown(p.FioRead, &f.ReadBytes), record.SumOfKnown(p.FioWrite, &f.WriteBytes)
	}
	if s.Probe != nil {
		p.ProbeSeconds += dt
	}
	if r := s.Probe; r != nil && r.MeanUS != nil {
		p.ProbeReads += r.N
		p.ProbeMS += r.N * *r.MeanUS / 1e3
		p.ProbeTimes = append(p.ProbeTimes, weighted{*r.MeanUS / 1e3, r.N})
		if probe != nil {
			p.ProbeBytes = record.SumOfKnown(p.ProbeBytes, new(r.N*probe.Bytes))
		}
	}
}

func (s *side) add(bytes, ios, ms float64) {
	s.bytes += bytes
	s.ios += ios
	s.ms += ms
}

func (p *Phase) addKV(prev, now *record.KVSample) {
	p.KVSeconds += now.TS - prev.TS
	for _, sum := range []struct {
		into **float64
		name string
	}{
		{&p.KVRead, "tier2.bytes_out"}, {&p.KVWritten, "tier2.bytes_in"}, {&p.Fetches, "tier2.fetch_count"},
		{&p.FetchWait, "tier2.fetch_queue_ms_sum"}, {&p.FetchMove, "tier2.fetch_transfer_ms_sum"},
	} {
		*sum.into = record.SumOfKnown(*sum.into, grown(prev, now, sum.name))
	}
}

// grown is by how much a counter has grown between two samples; nil where one of them does not tell it, and where it fell,
// because its server began anew.
func grown(prev, now *record.KVSample, name string) *float64 {
	a, b := *prev.Counter(name), *now.Counter(name)
	if a == nil && slices.Contains(now.Born, name) {
		a = new(float64)
	}
	if a == nil || b == nil || *b < *a {
		return nil
	}
	return new(*b - *a)
}

// quantile is the least value that at least the share q of the I/Os does not exceed, each counted with its sample's mean; nil
// without any.
func quantile(of []weighted, q float64) *float64 {
	sorted := slices.SortedFunc(slices.Values(of), func(a, b weighted) int {
		switch {
		case a.ms < b.ms:
			return -1
		case a.ms > b.ms:
			return 1
		}
		return 0
	})
	total := 0.0
	for _, w := range sorted {
		total += w.n
	}
	at := 0.0
	for _, w := range sorted {
		if at += w.n; at >= q*total*(1-1e-12) {
			return new(w.ms)
		}
	}
	return nil
}

// tail are the quantiles that latencies are shown at.
var tail = []float64{0.5, 0.95, 0.99, 0.999, 0.9999}

// among says whether n values can show a quantile: one in so many lies above it.
func among(n int, q float64) bool { return float64(n)*(1-q) >= 1-1e-9 }

// quantiles are those of tail of values, nil where there are too few (among).
func quantiles(values []float64) []*float64 {
	sorted := slices.Sorted(slices.Values(values))
	out := make([]*float64, len(tail))
	for i, q := range tail {
		if among(len(sorted), q) {
			out[i] = new(stats.Quantile(sorted, q))
		}
	}
	return out
}
