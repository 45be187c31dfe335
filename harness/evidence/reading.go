package evidence

import (
	"slices"

	"sparkharness/harness/stats"
)

// Reading is a figure of a window. Log says that it spans orders of magnitude and enters a regression as
// log(1 + x).
type Reading struct {
	Name, Unit string
	Log        bool
	of         func(w *Window, minReads float64) (v float64, known bool)
}

func perSecond(covered func(*Window) float64, amount func(*windowSums) float64) func(*Window, float64) (float64, bool) {
	return func(w *Window, _ float64) (float64, bool) {
		s := covered(w)
		if s <= 0 {
			return 0, false
		}
		return amount(&w.sums) / s, true
	}
}

func blockSeconds(w *Window) float64 { return w.block }

// Readings of a window. OperatorReadings are what an operator sees without help; DeviceReadings come from
// the block device, KVReadings from the KV manager's page.
var (
	readMemAvailable = Reading{"MemAvailable", "GiB", false, perSecond(func(w *Window) float64 { return w.sums.HasMem }, func(s *windowSums) float64 { return s.MemAvailable / (1 << 30) })}
	readCached       = Reading{"Cached", "GiB", false, perSecond(func(w *Window) float64 { return w.sums.HasMem }, func(s *windowSums) float64 { return s.Cached / (1 << 30) })}
	readCPU          = Reading{"CPU busy", "%", false, perSecond(func(w *Window) float64 { return w.sums.HasCPU }, func(s *windowSums) float64 { return s.CPUBusy })}
	readMemPSI       = Reading{"memory pressure some", "%", false, perSecond(func(w *Window) float64 { return w.sums.HasPSI }, func(s *windowSums) float64 { return s.MemSomeUS / 1e4 })}
	GPUBusy          = Reading{"GPU busy", "%", false, perSecond(func(w *Window) float64 { return w.sums.HasGPU }, func(s *windowSums) float64 { return s.GPUBusy })}

	// readGPUIdle enters as a logarithm: what waits for a server that is busy for a share rho of the time waits in
	// proportion to rho/(1-rho), so that the last percents of idle time count most.
	readGPUIdle = Reading{"GPU idle", "%", true, perSecond(func(w *Window) float64 { return w.sums.HasGPU }, func(s *windowSums) float64 { return max(0, 100*s.HasGPU-s.GPUBusy) })}

	// IOWait is the share of all CPU time that /proc/stat calls iowait.
	IOWait = Reading{"iowait", "%", false, perSecond(func(w *Window) float64 { return w.sums.HasCPU }, func(s *windowSums) float64 { return s.IOWait })}
	// IOPressure is the share of time with a task stalled on I/O (PSI io some, from its total).
	IOPressure = Reading{"io pressure some", "%", false, perSecond(func(w *Window) float64 { return w.sums.HasPSI }, func(s *windowSums) float64 { return s.IOSomeUS / 1e4 })}

	readReads = Reading{"NVMe reads", "1/s", true, perSecond(blockSeconds, func(s *windowSums) float64 { return s.Reads })}
	readAquSz = Reading{"aqu-sz", "", true, perSecond(blockSeconds, func(s *windowSums) float64 { return s.WeightedMS / 1e3 })}
	readUtil  = Reading{"NVMe util", "%", false, perSecond(blockSeconds, func(s *windowSums) float64 { return s.IOMS / 10 })}
	// RAwait is the mean time of a read in the window. The kernel counts whole milliseconds, so it is not
	// known from fewer reads than the configuration says.
	RAwait = Reading{"r_await", "ms", true, func(w *Window, minReads float64) (float64, bool) {
		if w.sums.Reads < max(1, minReads) {
			return 0, false
		}
		return w.sums.ReadMS / w.sums.Reads, true
	}}

	Tier2Blocks = Reading{"tier-2 hits", "blocks/s", true, perSecond(func(w *Window) float64 { return w.sums.HasTier2 }, func(s *windowSums) float64 { return s.Tier2Blocks })}
	// LongestFetch is the longest tier-2 fetch that ended in the window; 0 ms where none ended, though one may have
	// been under way.
	LongestFetch = Reading{"longest tier-2 fetch", "ms", true, func(w *Window, _ float64) (float64, bool) {
		if w.sums.HasFetch <= 0 {
			return 0, false
		}
		longest := 0.0
		for _, f := range w.fetches {
			longest = max(longest, f)
		}
		return longest, true
	}}
	// FetchP95 is the p95 of the tier-2 fetches that ended in the window, not known where none did.
	FetchP95 = Reading{"tier-2 fetch p95", "ms", true, func(w *Window, _ float64) (float64, bool) {
		if len(w.fetches) == 0 {
			return 0, false
		}
		return stats.Quantile(slices.Sorted(slices.Values(w.fetches)), 0.95), true
	}}

	// ReadBytes is what the block device read, and PredictedBytes what the KV counters say it read.
	ReadBytes      = Reading{"NVMe read bytes", "MB/s", true, perSecond(blockSeconds, func(s *windowSums) float64 { return s.ReadBytes / 1e6 })}
	PredictedBytes = Reading{"bytes fetched from tier 2", "MB/s", true, perSecond(func(w *Window) float64 { return w.sums.HasTier2Out }, func(s *windowSums) float64 { return s.Predicted / 1e6 })}
	// ReadRequests are the reads that the block device completed.
	ReadRequests = readReads

	OperatorReadings = []Reading{readMemAvailable, readCached, readMemPSI, readCPU, IOWait, IOPressure, GPUBusy, readGPUIdle}
	DeviceReadings   = []Reading{readReads, readAquSz, readUtil}
	KVReadings       = []Reading{Tier2Blocks, LongestFetch}
)

// Above is a reading that tells nothing below a floor: smaller values count as the floor, so that they are all
// alike.
func (r Reading) Above(floor float64) Reading {
	of := r.of
	r.of = func(w *Window, minReads float64) (float64, bool) {
		v, known := of(w, minReads)
		return max(v, floor), known
	}
	return r
}
