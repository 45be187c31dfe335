package sim

// host keeps the counters that a kernel and a driver would keep: CPU time by state, memory, pressure
// stalls, GPU activity.
type host struct {
	p                     HostParams
	spec                  Spec
	lastNS                int64
	steps                 []span // iterations that are not accounted yet
	holds                 []span // metrics pages that are not (ScrapeStall)
	userNS                float64
	sysNS                 float64
	waitNS                float64 // iowait
	gpuNS                 float64
	lastSoftware          float64 // ns
	ioSome                float64 // ns
	ioFull                float64
	lastSome, lastBlocked int64
	avg                   [2]pressureAverage // io some, io full
	adapterBytes          int64              // device slots of adapters
	cache                 pageCache
}

// span is a stretch of machine time, ns.
type span struct{ from, to int64 }

func newHost(p HostParams, spec Spec) *host {
	return &host{p: p, spec: spec, cache: pageCache{other: p.PageCacheBytes}}
}

// step notes that the GPU works from now for ns.
func (h *host) step(now, ns int64) { h.steps = append(h.steps, span{now, now + ns}) }

// restep notes that the iteration that was to end at before ends at another time.
func (h *host) restep(before, end int64) {
	for i := len(h.steps) - 1; i >= 0; i-- {
		if h.steps[i].to == before {
			h.steps[i].to = end
			return
		}
	}
}

// account brings the counters to now. someNS and blockedNS are the device's cumulative stall times: with
// at least one blocked task, and summed over blocked tasks. softwareNS is the CPU time that the loader
// has taken so far.
//
// iowait is what Linux makes of it: idle time of a CPU on which a task that waits for I/O last ran. A
// CPU that is busy hides it, and one blocked task is at most one CPU's share.
func (h *host) account(now, someNS, blockedNS int64, softwareNS float64) {
	dt := float64(now - h.lastNS)
	if dt <= 0 {
		return
	}
	busy, held := h.take(&h.steps, now), h.take(&h.holds, now)
	// A loader that is not blocked in the drive runs its software part on a CPU.
	cores := dt*h.p.IdleCores + busy*h.p.EngineCores + held + max(0, softwareNS-h.lastSoftware)
	some, blocked := float64(someNS-h.lastSome), float64(blockedNS-h.lastBlocked)
	idleShare := max(0, 1-cores/(dt*float64(h.p.CPUs)))
	h.userNS += cores * (1 - h.p.SystemShare)
	h.sysNS += cores * h.p.SystemShare
	h.waitNS += min(blocked, dt*float64(h.p.CPUs)) * idleShare
	h.gpuNS += busy
	h.ioSome += some
	// "full" needs every non-idle task to be stalled: while the engine works on an iteration none is.
	h.ioFull += some * max(0, 1-busy/dt)
	h.lastNS, h.lastSome, h.lastBlocked, h.lastSoftware = now, someNS, blockedNS, softwareNS
	h.avg[0].update(now, h.ioSome)
	h.avg[1].update(now, h.ioFull)
}

// take is how long, since the last account, the spans last until now. Those that have ended are dropped.
func (h *host) take(spans *[]span, now int64) float64 {
	ns, keep := 0.0, (*spans)[:0]
	for _, s := range *spans {
		ns += float64(max(0, min(s.to, now)-max(s.from, h.lastNS)))
		if s.to > now {
			keep = append(keep, s)
		}
	}
	*spans = keep
	return ns
}

// idleNS is the rest of all CPU time.
func (h *host) idleNS() float64 {
	return max(0, float64(h.lastNS)*float64(h.p.CPUs)-h.userNS-h.sysNS-h.waitNS)
}

// memory returns MemTotal, MemFree, MemAvailable and Cached in bytes. The engine allocates its weights,
// KV pool and adapter slots at start, and KVBM its host tier, so none of them moves with load; files that
// are read do (pageCache).
func (h *host) memory() (total, free, available, cached int64) {
	total = h.p.MemTotalBytes
	cached = h.cache.other + h.cache.bytes
	free = max(0, total-h.allocated()-cached)
	return total, free, max(0, free+cached*9/10), cached
}

// allocated is what processes hold, all of it from the machine's start on.
func (h *host) allocated() int64 {
	return h.p.OSBytes + h.spec.Model.WeightsBytes + h.spec.Device.CapacityBytes + h.spec.Host.CapacityBytes + h.adapterBytes
}

// pressureAverage is the kernel's exponential average of a stall total over 10, 60 and 300 s, updated
// every 2 s.
type pressureAverage struct {
	atNS   int64
	total  float64
	values [3]float64
}

// pressureDecay are exp(-2/10), exp(-2/60) and exp(-2/300).
var pressureDecay = [3]float64{0.818730753, 0.967216100, 0.993355506}

func (a *pressureAverage) update(now int64, total float64) {
	const period = 2e9
	for now-a.atNS >= period {
		share := (total - a.total) / float64(now-a.atNS) * 100
		for i, d := range pressureDecay {
			a.values[i] = a.values[i]*d + share*(1-d)
		}
		a.total += (total - a.total) * period / float64(now-a.atNS)
		a.atNS += period
	}
}
