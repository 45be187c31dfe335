package harness

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// Window is a stretch of a cell's measure phase in which requests, machine and KV manager are joined on
// the cell's one monotonic clock. What a sample counted is spread evenly over the interval that it covers,
// so that a window takes of each sample the part that overlaps it. A request belongs to the window in which
// its first token came, because that is when its wait was over; so does a fetch by its completion.
type Window struct {
	At      float64 // start, s after the start of the measure phase
	Seconds float64

	TTFT     []float64 // ms, of the first tokens that came inside, whenever the requests were sent
	Censored int       // requests that timed out inside: their TTFT is not known

	sys, kv float64 // s covered by samples of the machine and of the KV manager
	block   float64 // s covered by samples of the block device
	sums    windowSums
	fetches []float64 // ms, tier-2 fetches that ended inside
}

// windowSums are integrals over the window: amounts of counters, and gauges times seconds.
type windowSums struct {
	cpuBusy, ioWait, memAvailable, cached, gpuBusy, gpuPower float64 // x s
	ioSomeUS, memSomeUS                                      float64
	hasPSI, hasGPU, hasMem, hasCPU                           float64 // s

	reads, readBytes, readMS, writes, writeBytes, writeMS, ioMS, weightedMS float64

	tier1Blocks, tier2Blocks, tier2In           float64
	hasTier1, hasTier2, hasTier2In, hasTier2Out float64 // s for which the page has the counter
	hasFetch                                    float64
	// predicted is what the KV counters say was read from tier 2 inside the window: the bytes of each
	// fetch over the time that its transfer took (see KVData.spread).
	predicted float64
}

// newWindows cuts a measure phase of so many seconds into whole windows.
func newWindows(w *config.Windows, seconds float64) []Window {
	if w == nil {
		return nil
	}
	length := w.Length.Seconds()
	out := make([]Window, int(seconds/length+1e-9))
	for i := range out {
		out[i] = Window{At: float64(i) * length, Seconds: length}
	}
	return out
}

// at is the window that holds a time, nil if none does.
func windowAt(ws []Window, t float64) *Window {
	if len(ws) == 0 || t < 0 {
		return nil
	}
	i := int(t / ws[0].Seconds)
	if i >= len(ws) {
		return nil
	}
	return &ws[i]
}

// overlap calls f for each window with the part of the interval that ends at `to` and took dt (s) inside it,
// in seconds.
func overlap(ws []Window, to, dt float64, f func(w *Window, inside float64)) {
	if len(ws) == 0 || dt <= 0 {
		return
	}
	from, length := to-dt, ws[0].Seconds
	first := max(0, int(math.Floor(from/length)))
	for i := first; i < len(ws) && ws[i].At < to; i++ {
		if inside := min(to, ws[i].At+length) - max(from, ws[i].At); inside > 0 {
			f(&ws[i], inside)
		}
	}
}

// addSys spreads a machine sample that ends at t, s after the start of the measure phase.
func addSys(ws []Window, t float64, s *record.SysSample) {
	dt := s.DtMS / 1000
	overlap(ws, t, dt, func(w *Window, inside float64) {
		share, x := inside/dt, &w.sums
		w.sys += inside
		if c := s.CPU; c != nil {
			x.hasCPU += inside
			x.cpuBusy += (c.User + c.System) * inside
			x.ioWait += c.IOWait * inside
		}
		if m := s.Mem; m != nil && m.Available != nil && m.Cached != nil {
			x.hasMem += inside
			x.memAvailable += *m.Available * inside
			x.cached += *m.Cached * inside
		}
		if g := s.GPU; g != nil && g.Util != nil {
			x.hasGPU += inside
			x.gpuBusy += *g.Util * inside
		}
		if p := s.PSI; p != nil && p.IOSomeUS != nil && p.MemSomeUS != nil {
			x.hasPSI += inside
			x.ioSomeUS += *p.IOSomeUS * share
			x.memSomeUS += *p.MemSomeUS * share
		}
		if n := s.NVMe; n != nil {
			w.block += inside
			x.reads += n.Reads * share
			x.readBytes += n.ReadBytes * share
			x.readMS += n.ReadMS * share
			x.writes += n.Writes * share
			x.writeBytes += n.WriteBytes * share
			x.writeMS += n.WriteMS * share
			x.ioMS += n.IOms * share
			x.weightedMS += n.WeightedMS * share
		}
	})
}

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
	readMemAvailable = Reading{"MemAvailable", "GiB", false, perSecond(func(w *Window) float64 { return w.sums.hasMem }, func(s *windowSums) float64 { return s.memAvailable / (1 << 30) })}
	readCached       = Reading{"Cached", "GiB", false, perSecond(func(w *Window) float64 { return w.sums.hasMem }, func(s *windowSums) float64 { return s.cached / (1 << 30) })}
	readCPU          = Reading{"CPU busy", "%", false, perSecond(func(w *Window) float64 { return w.sums.hasCPU }, func(s *windowSums) float64 { return s.cpuBusy })}
	readMemPSI       = Reading{"memory pressure some", "%", false, perSecond(func(w *Window) float64 { return w.sums.hasPSI }, func(s *windowSums) float64 { return s.memSomeUS / 1e4 })}
	GPUBusy          = Reading{"GPU busy", "%", false, perSecond(func(w *Window) float64 { return w.sums.hasGPU }, func(s *windowSums) float64 { return s.gpuBusy })}

	// readGPUIdle enters as a logarithm: what waits for a server that is busy for a share rho of the time waits in
	// proportion to rho/(1-rho), so that the last percents of idle time count most.
	readGPUIdle = Reading{"GPU idle", "%", true, perSecond(func(w *Window) float64 { return w.sums.hasGPU }, func(s *windowSums) float64 { return max(0, 100*s.hasGPU-s.gpuBusy) })}

	// IOWait is the share of all CPU time that /proc/stat calls iowait.
	IOWait = Reading{"iowait", "%", false, perSecond(func(w *Window) float64 { return w.sums.hasCPU }, func(s *windowSums) float64 { return s.ioWait })}
	// IOPressure is the share of time with a task stalled on I/O (PSI io some, from its total).
	IOPressure = Reading{"io pressure some", "%", false, perSecond(func(w *Window) float64 { return w.sums.hasPSI }, func(s *windowSums) float64 { return s.ioSomeUS / 1e4 })}

	readReads  = Reading{"NVMe reads", "1/s", true, perSecond(blockSeconds, func(s *windowSums) float64 { return s.reads })}
	readWrites = Reading{"NVMe writes", "1/s", true, perSecond(blockSeconds, func(s *windowSums) float64 { return s.writes })}
	readAquSz  = Reading{"aqu-sz", "", true, perSecond(blockSeconds, func(s *windowSums) float64 { return s.weightedMS / 1e3 })}
	readUtil   = Reading{"NVMe util", "%", false, perSecond(blockSeconds, func(s *windowSums) float64 { return s.ioMS / 10 })}
	// RAwait is the mean time of a read in the window. The kernel counts whole milliseconds, so it is not
	// known from fewer reads than the configuration says.
	RAwait = Reading{"r_await", "ms", true, func(w *Window, minReads float64) (float64, bool) {
		if w.sums.reads < max(1, minReads) {
			return 0, false
		}
		return w.sums.readMS / w.sums.reads, true
	}}

	readTier1   = Reading{"tier-1 hits", "blocks/s", true, perSecond(func(w *Window) float64 { return w.sums.hasTier1 }, func(s *windowSums) float64 { return s.tier1Blocks })}
	readTier2   = Reading{"tier-2 hits", "blocks/s", true, perSecond(func(w *Window) float64 { return w.sums.hasTier2 }, func(s *windowSums) float64 { return s.tier2Blocks })}
	readTier2In = Reading{"tier-2 writes", "MB/s", true, perSecond(func(w *Window) float64 { return w.sums.hasTier2In }, func(s *windowSums) float64 { return s.tier2In / 1e6 })}
	// LongestFetch is the longest tier-2 fetch that ended in the window; where none ended nobody waited for
	// one, which is 0 ms.
	LongestFetch = Reading{"longest tier-2 fetch", "ms", true, func(w *Window, _ float64) (float64, bool) {
		if w.sums.hasFetch <= 0 {
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
	ReadBytes      = Reading{"NVMe read bytes", "MB/s", true, perSecond(blockSeconds, func(s *windowSums) float64 { return s.readBytes / 1e6 })}
	PredictedBytes = Reading{"bytes fetched from tier 2", "MB/s", true, perSecond(func(w *Window) float64 { return w.sums.hasTier2Out }, func(s *windowSums) float64 { return s.predicted / 1e6 })}
	// ReadRequests are the reads that the block device completed.
	ReadRequests = readReads

	OperatorReadings = []Reading{readMemAvailable, readCached, readMemPSI, readCPU, IOWait, IOPressure, GPUBusy, readGPUIdle}
	DeviceReadings   = []Reading{readReads, readAquSz, readUtil}
	KVReadings       = []Reading{readTier2, LongestFetch}
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

// P99 is the type 7 quantile of the window's TTFT. At a handful of requests it is close to the slowest.
func (w *Window) P99() float64 { return stats.Quantile(slices.Sorted(slices.Values(w.TTFT)), 0.99) }

// WindowSet are the usable windows of some groups. The cells of one repetition are laid one after another
// on one time axis: what distinguishes arms and levels of a block counts as much as what happens in one.
type WindowSet struct {
	reps     [][]placed
	minReads float64
	latency  bool // only windows with a p99
	// Counts of all windows and of those that are left out, by reason.
	All, Uncovered, Empty, Censored, Unknown int
	worst                                    worst                 // least covered source
	seconds                                  map[string][2]float64 // by source: s covered, s due
}

type placed struct {
	t       float64
	w       *Window
	before  *Window // of the same cell; the window itself where it is the first
	stratum string  // prompt length of the cell
}

// Windows gathers the windows of groups that have a p99 and in which every reading of need is known. Windows
// without a first token have no p99, and those in which a request timed out have one that is only bounded;
// both are left out, and counted.
func (ev *Evidence) Windows(groups []*Group, need ...Reading) *WindowSet {
	return ev.windows(groups, true, need)
}

// Within takes from each value the mean of its stratum, over all repetitions: what is left is how values differ
// at one level of what strata distinguish, such as the prompt length. reps are values of the set, one a window.
func (s *WindowSet) Within(reps []stats.Rep) []stats.Rep {
	sum, n := map[string]float64{}, map[string]float64{}
	for i, rep := range s.reps {
		for k, p := range rep {
			sum[p.stratum] += reps[i][k].V
			n[p.stratum]++
		}
	}
	out := make([]stats.Rep, len(reps))
	for i, rep := range s.reps {
		out[i] = slices.Clone(reps[i])
		for k, p := range rep {
			out[i][k].V -= sum[p.stratum] / n[p.stratum]
		}
	}
	return out
}

// AllWindows gathers the windows in which every reading of need is known, with or without a p99.
func (ev *Evidence) AllWindows(groups []*Group, need ...Reading) *WindowSet {
	return ev.windows(groups, false, need)
}

func (ev *Evidence) windows(groups []*Group, latency bool, need []Reading) *WindowSet {
	set := &WindowSet{latency: latency, seconds: map[string][2]float64{}}
	if w := ev.Exp.Hypothesis.Windows; w != nil {
		set.minReads = float64(w.MinReads)
	}
	least := ev.Exp.Hypothesis.Gates.MinCoverage
	step := 0.0
	for _, g := range groups {
		for _, c := range g.Cells {
			step = max(step, c.Seconds())
		}
	}
	for i, g := range groups {
		for _, c := range g.Cells {
			for len(set.reps) < c.Rep {
				set.reps = append(set.reps, nil)
			}
			for k := range c.Windows {
				w := &c.Windows[k]
				set.All++
				if !set.covered(c, w, least) {
					set.Uncovered++
					continue
				}
				switch {
				case latency && w.Censored > 0:
					set.Censored++
				case latency && len(w.TTFT) == 0:
					set.Empty++
				case slices.ContainsFunc(need, func(r Reading) bool { _, known := r.of(w, set.minReads); return !known }):
					set.Unknown++
				default:
					set.reps[c.Rep-1] = append(set.reps[c.Rep-1], placed{t: float64(i)*step + w.At, w: w, before: &c.Windows[max(0, k-1)], stratum: c.Cell.Level(factorCtx)})
				}
			}
		}
	}
	return set
}

// covered says whether every source that the cell has filled enough of the window.
func (s *WindowSet) covered(c *CellData, w *Window, least float64) bool {
	ok := true
	note := func(source string, seconds float64) {
		share := min(1, seconds/w.Seconds)
		s.worst.high(-share, fmt.Sprintf("%s of %s at %.0f s", source, c.Key, w.At))
		ok = ok && share >= least
		sum := s.seconds[source]
		s.seconds[source] = [2]float64{sum[0] + min(seconds, w.Seconds), sum[1] + w.Seconds}
	}
	note("machine", w.sys)
	note("NVMe", w.block)
	if c.KV != nil {
		note("KV manager", w.kv)
	}
	return ok
}

// N is the number of usable windows.
func (s *WindowSet) N() int {
	n := 0
	for _, r := range s.reps {
		n += len(r)
	}
	return n
}

// Values are a reading's values, one a window; log takes log(1 + x) of readings that span orders of
// magnitude.
func (s *WindowSet) Values(r Reading, log bool) []stats.Rep {
	return s.of(func(w *Window) float64 {
		v, _ := r.of(w, s.minReads)
		if log && r.Log {
			v = math.Log1p(v)
		}
		return v
	})
}

// P99 are the windows' p99 TTFT in ms, or their logarithms.
func (s *WindowSet) P99(log bool) []stats.Rep {
	return s.of(func(w *Window) float64 {
		if log {
			return math.Log(w.P99())
		}
		return w.P99()
	})
}

// Before are a reading's values in the window before each.
func (s *WindowSet) Before(r Reading, log bool) []stats.Rep {
	out := make([]stats.Rep, len(s.reps))
	for i, rep := range s.reps {
		out[i] = make(stats.Rep, len(rep))
		for k, p := range rep {
			v, _ := r.of(p.before, s.minReads)
			if log && r.Log {
				v = math.Log1p(v)
			}
			out[i][k] = stats.Point{T: p.t, V: v}
		}
	}
	return out
}

func (s *WindowSet) of(f func(*Window) float64) []stats.Rep {
	out := make([]stats.Rep, len(s.reps))
	for i, rep := range s.reps {
		out[i] = make(stats.Rep, len(rep))
		for k, p := range rep {
			out[i][k] = stats.Point{T: p.t, V: f(p.w)}
		}
	}
	return out
}

// Gate is the gate that a claim about windows needs: every source covers them. It counts by source, and names
// the window that is covered least.
func (s *WindowSet) Gate(ev *Evidence) verdict.Gate {
	const name = "windows"
	need := ev.Exp.Hypothesis.Gates.MinCoverage
	switch {
	case s.All == 0:
		return verdict.Fail(name, verdict.Invalid, "no_windows", "the measure phase holds no whole window")
	case float64(s.Uncovered) > (1-need)*float64(s.All):
		return verdict.Fail(name, verdict.Invalid, "window_coverage", fmt.Sprintf("%d of %d windows lack samples of a source (least: %s, %.0f %%; need %.0f %%)",
			s.Uncovered, s.All, s.worst.where, -s.worst.value*100, need*100))
	case s.N() == 0:
		return verdict.Fail(name, verdict.Inconclusive, "no_usable_window", s.LeftOut())
	}
	var sources []string
	for _, source := range slices.Sorted(maps.Keys(s.seconds)) {
		sources = append(sources, fmt.Sprintf("%s %.1f %%", source, 100*s.seconds[source][0]/s.seconds[source][1]))
	}
	return verdict.Pass(name, fmt.Sprintf("%d windows of %.0f s covered by samples of %s (least: %s, %.0f %%; need %.0f %%)",
		s.All, ev.Exp.Hypothesis.Windows.Length.Seconds(), strings.Join(sources, ", "), s.worst.where, -s.worst.value*100, need*100))
}

// LeftOut says what part of the windows is not used and why.
func (s *WindowSet) LeftOut() string {
	return fmt.Sprintf("%d of %d windows used (left out: %d without a first token, %d with a time-out, %d with a reading that is not known, %d not covered)",
		s.N(), s.All, s.Empty, s.Censored, s.Unknown, s.Uncovered)
}
