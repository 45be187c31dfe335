package sim

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// NVMeDevice is the drive over time: transfers that start and stop, the counters that the kernel keeps
// of them, a background of the operating system's own requests, and optional pauses. Between changes
// of the mix each transfer proceeds at its steady rate (SolveNVMe): the drive settles within
// milliseconds, loads last seconds.
//
// All times are nanoseconds since the machine's start and must not decrease from call to call. What
// the device does depends on the calls of Start and Stop alone, never on how often it is asked. It has
// one owner and no locks.
type NVMeDevice struct {
	p         NVMeParams
	seed      uint64
	asked     int64 // latest time of a call
	lastID    int
	transfers []*nvmeTransfer // in the order of their start
	solution  NVMeSolution    // of the transfers, same order
	finished  []nvmeCompletion

	// The state holds at `base`, the latest change of the mix or of a pause.
	base    int64
	tally   nvmeTally
	stalled Stall

	background     *rand.Rand
	nextBackground int64
	pauses         *rand.Rand
	nextPause      int64 // start of the next pause, or of the present one
	pauseEnd       int64 // 0: not paused

	probe     probe
	sleep     SleepSpec
	restNS    int64 // since when nothing is in flight, if nothing is
	carried   CarryOverSpec
	slower    float64 // times as long that each request takes
	nextCarry int64   // when that changes
}

// nvmeNever is later than any event.
const nvmeNever = math.MaxInt64

// nvmeTransfer is an active stream.
type nvmeTransfer struct {
	id     int
	start  int64
	stream NVMeStream
	bytes  int64   // to move; negative: until Stop
	moved  float64 // bytes at the device's base
	rate   NVMeRate
	due    float64 // exact time of completion, ns; +Inf without one
	dueAt  int64   // due, rounded up to a whole microsecond
}

type nvmeCompletion struct {
	at int64
	id int
}

// NewNVMeDevice returns an idle drive at time 0. The seed drives the background requests and the
// pauses. It panics if the parameters are invalid (NVMeParams.Validate).
func NewNVMeDevice(p NVMeParams, seed uint64) *NVMeDevice {
	if err := p.Validate(); err != nil {
		panic(err)
	}
	d := &NVMeDevice{
		p: p, seed: seed,
		// Streams of their own, so that switching pauses on does not move the background.
		background: rand.New(rand.NewPCG(seed, 1)),
		pauses:     rand.New(rand.NewPCG(seed, 2)),
		slower:     1, nextCarry: nvmeNever,
	}
	d.nextBackground = nvmePoisson(d.background, 0, p.BackgroundReadsPerSec+p.BackgroundWritesPerSec)
	d.nextPause = nvmePoisson(d.pauses, 0, p.PausesPerSec)
	d.probe.next = nvmeNever
	d.solve()
	return d
}

// nvmePoisson draws the next arrival after t.
func nvmePoisson(rng *rand.Rand, t int64, perSec float64) int64 {
	if perSec == 0 {
		return nvmeNever
	}
	return t + 1 + int64(rng.ExpFloat64()/perSec*1e9)
}

// Start begins a transfer of `bytes` by the stream and returns its id; negative bytes run until Stop.
// A transfer shorter than Depth I/Os uses fewer slots, one shorter than IOBytes one smaller I/O. It
// panics if the stream is invalid (NVMeStream.Validate).
func (d *NVMeDevice) Start(now int64, s NVMeStream, bytes int64) (id int) {
	if err := s.Validate(); err != nil {
		panic(err)
	}
	d.advance(now)
	d.settle(now)
	d.lastID++
	if bytes != 0 {
		d.wake(now)
	}
	if bytes > 0 {
		s.IOBytes = min(s.IOBytes, bytes)
		s.Depth = int(min(int64(s.Depth), nvmeCeilDiv(bytes, s.IOBytes)))
	}
	if bytes == 0 {
		d.finished = append(d.finished, nvmeCompletion{at: nvmeRoundUp(float64(now)), id: d.lastID})
		return d.lastID
	}
	d.transfers = append(d.transfers, &nvmeTransfer{id: d.lastID, start: now, stream: s, bytes: bytes})
	d.solve()
	return d.lastID
}

// Stop ends a transfer; what it has moved stays counted, and it is not reported as completed. Unknown
// and completed ids are ignored.
func (d *NVMeDevice) Stop(now int64, id int) {
	d.advance(now)
	i := slices.IndexFunc(d.transfers, func(t *nvmeTransfer) bool { return t.id == id })
	if i < 0 {
		return
	}
	d.settle(now)
	d.tally.part.add(d.transfers[i].progress(d.p, 0))
	d.transfers = slices.Delete(d.transfers, i, i+1)
	d.rests(now)
	d.solve()
}

// Advance moves the device to now and returns the ids of the transfers that have completed since the
// last call, in the order of completion.
func (d *NVMeDevice) Advance(now int64) []int {
	d.advance(now)
	var ids []int
	for len(d.finished) > 0 && d.finished[0].at <= now {
		ids = append(ids, d.finished[0].id)
		d.finished = d.finished[1:]
	}
	return ids
}

// Next returns the time of the next completion, a whole number of microseconds. Nothing completes
// before it; a pause that begins meanwhile moves it, so ask again after each Advance.
func (d *NVMeDevice) Next() (at int64, ok bool) {
	at = nvmeNever
	if len(d.finished) > 0 {
		at = d.finished[0].at
	}
	for _, t := range d.transfers {
		at = min(at, t.dueAt)
	}
	return at, at != nvmeNever
}

// nextEdge is when transfers that are under way next stop for a pause or go on after one, or nvmeNever: the memory then
// has more or less to move.
func (d *NVMeDevice) nextEdge() int64 {
	switch {
	case len(d.transfers) == 0:
		return nvmeNever
	case d.pauseEnd != 0:
		return d.pauseEnd
	}
	return d.nextPause
}

// advance runs the device's own events up to and including now.
func (d *NVMeDevice) advance(now int64) {
	if now < d.asked {
		panic(fmt.Sprintf("nvme: time went back from %d to %d ns", d.asked, now))
	}
	d.asked = now
	for {
		pause := d.nextPause
		if d.pauseEnd != 0 {
			pause = d.pauseEnd
		}
		due := int64(nvmeNever)
		for _, t := range d.transfers {
			due = min(due, t.dueAt)
		}
		switch next := min(pause, d.nextBackground, d.probe.next, due, d.nextCarry); {
		case next > now:
			return
		case next == pause:
			d.pauseEdge(next)
		case next == d.nextCarry:
			d.carryStep(next)
		case next == d.nextBackground:
			d.backgroundRequest(next)
		case next == d.probe.next:
			d.probeRead(next)
		default:
			d.complete(next)
		}
	}
}

// pauseEdge begins a pause, or ends the present one and draws the next.
func (d *NVMeDevice) pauseEdge(at int64) {
	d.settle(at)
	if d.pauseEnd == 0 {
		d.pauseEnd = at + max(1, int64(d.p.PauseMS*1e6*math.Exp(d.p.PauseSigma*d.pauses.NormFloat64())))
	} else {
		d.pausedLatency()
		d.pauseEnd = 0
		d.nextPause = nvmePoisson(d.pauses, at, d.p.PausesPerSec)
	}
	d.schedule()
}

// complete retires every transfer that is due at a time.
func (d *NVMeDevice) complete(at int64) {
	d.settle(at)
	var due []*nvmeTransfer
	d.transfers = slices.DeleteFunc(d.transfers, func(t *nvmeTransfer) bool {
		if t.dueAt > at {
			return false
		}
		due = append(due, t)
		return true
	})
	slices.SortStableFunc(due, func(a, b *nvmeTransfer) int { return cmp.Compare(a.due, b.due) })
	for _, t := range due {
		d.tally.whole.add(t.total(d.p))
		d.finished = append(d.finished, nvmeCompletion{at: at, id: t.id})
	}
	d.rests(at)
	d.solve()
}

// solve looks up the rates of the present mix.
func (d *NVMeDevice) solve() {
	mix := make([]NVMeStream, len(d.transfers))
	for i, t := range d.transfers {
		mix[i] = t.stream
	}
	d.solution = SolveNVMe(d.p, mix)
	d.probe.beside = nil
	if d.slower != 1 {
		d.solution = d.solution.slowed(d.slower, mix, d.p)
	}
	for i, t := range d.transfers {
		t.rate = d.solution.Streams[i]
	}
	d.schedule()
}

// schedule works out when each transfer completes if nothing changes.
func (d *NVMeDevice) schedule() {
	from := float64(max(d.base, d.pauseEnd))
	for _, t := range d.transfers {
		if t.bytes < 0 {
			t.due, t.dueAt = math.Inf(1), nvmeNever
			continue
		}
		t.due = from + (float64(t.bytes)-t.moved)/t.rate.BytesPerSec*1e9
		t.dueAt = nvmeRoundUp(t.due)
	}
}

func nvmeRoundUp(ns float64) int64 { return int64(math.Ceil(ns/1000)) * 1000 }

// settle makes `at` the base.
func (d *NVMeDevice) settle(at int64) {
	d.tally = d.tallyAt(at)
	d.stalled = d.stalledAt(at)
	running := d.running(at)
	for _, t := range d.transfers {
		t.moved = t.movedAfter(running)
	}
	d.base = at
}

// running is how long transfers have progressed from the base to a time, in ns: not during a pause.
func (d *NVMeDevice) running(at int64) float64 {
	if d.pauseEnd != 0 {
		return 0
	}
	return float64(at - d.base)
}

// movedAfter is the bytes moved after the base and a running time.
func (t *nvmeTransfer) movedAfter(ns float64) float64 {
	moved := t.moved + t.rate.BytesPerSec*ns/1e9
	if t.bytes >= 0 {
		moved = min(moved, float64(t.bytes))
	}
	return moved
}
