package evidence

import (
	"math"
	"slices"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
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
	CPUBusy, IOWait, MemAvailable, Cached, GPUBusy float64 // x s
	IOSomeUS, MemSomeUS                            float64
	HasPSI, HasGPU, HasMem, HasCPU                 float64 // s

	Reads, ReadBytes, ReadMS, IOMS, WeightedMS float64

	Tier2Blocks                     float64
	HasTier2, HasTier2Out, HasFetch float64 // s for which the page has the counter
	// Predicted is what the KV counters say was read from tier 2 inside the window: the bytes of each
	// fetch over the time that its transfer took (see KVCounters.spread).
	Predicted float64
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

// windowAt is the window that holds a time, nil if none does.
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
			x.HasCPU += inside
			x.CPUBusy += (c.User + c.System) * inside
			x.IOWait += c.IOWait * inside
		}
		if m := s.Mem; m != nil && m.Available != nil && m.Cached != nil {
			x.HasMem += inside
			x.MemAvailable += *m.Available * inside
			x.Cached += *m.Cached * inside
		}
		if g := s.GPU; g != nil && g.Util != nil {
			x.HasGPU += inside
			x.GPUBusy += *g.Util * inside
		}
		if p := s.PSI; p != nil && p.IOSomeUS != nil && p.MemSomeUS != nil {
			x.HasPSI += inside
			x.IOSomeUS += *p.IOSomeUS * share
			x.MemSomeUS += *p.MemSomeUS * share
		}
		if n := s.NVMe; n != nil {
			w.block += inside
			x.Reads += n.Reads * share
			x.ReadBytes += n.ReadBytes * share
			x.ReadMS += n.ReadMS * share
			x.IOMS += n.IOms * share
			x.WeightedMS += n.WeightedMS * share
		}
	})
}

// Slowest is the slowest TTFT of the window, ms. A window holds two or three requests: a p99 of them would be a point between
// the slowest and the next.
func (w *Window) Slowest() float64 { return slices.Max(w.TTFT) }
