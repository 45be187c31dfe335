package sim

import (
	"math"
	"math/rand/v2"
	"slices"
)

// nvmeDES is the discrete-event simulation of the drive under one mix of closed-loop streams:
//
//	read:  controller (FIFO) -> a plane for each page (FIFO each) -> link (FIFO) -> fixed time
//	write: controller (FIFO) -> link (FIFO) -> cache -> fixed time; the cache drains, one page at
//	       a time, at the flash write rate into random planes
//
// Before the controller requests wait for NVMeLimits, if there are any, in the order in which they come: those of a
// direction that comes too fast are let through one by one at its rate.
//
// The pages of a read lie on consecutive planes from a random one, as flash translation layers stripe,
// and its data crosses the link once all of them are there. Times are float64 ns.
type nvmeDES struct {
	p      NVMeParams
	groups []nvmeGroup
	slots  []nvmeSlot
	planes []nvmePlane
	events nvmeHeap
	rng    *rand.Rand

	now, ctrlFree, linkFree, drainFree float64
	readFree, writeFree                float64 // when the limits let the next request through
	cacheUsed, partPage                int64
	cacheWaiting                       []nvmeOp

	measuring          bool
	since              float64 // start of the measurement
	busy, syncBusy     float64 // time with an I/O of any stream (of a Sync stream) in flight
	inFlight, syncIn   int
	lastBusy, lastSync float64
}

// nvmeGroup is a set of equal streams, simulated as one with the sum of their slots.
type nvmeGroup struct {
	stream  NVMeStream
	streams int
	probe   bool // measures what a background request would see; left out of the busy shares
	least   int  // I/Os of each kind to measure; 0: nvmeLeastIOs
	read    nvmeLatencies
	write   nvmeLatencies
}

// nvmeLatencies collects the I/Os completed in the measurement.
type nvmeLatencies struct {
	io     []float64 // latency of each I/O, ns
	reqs   int       // requests, after the split
	reqSum float64   // sum of request latencies, ns
}

// nvmeSlot holds its one I/O in flight.
type nvmeSlot struct {
	group   int
	isRead  bool
	start   float64
	pending int       // requests not completed
	pages   []int32   // per request, pages not yet read from flash (reads)
	let     int       // requests that the limits have let through
	begun   []float64 // per request, when that was
}

// nvmeOp is a request, or one page operation of it, on its way through the drive.
type nvmeOp struct {
	slot  int32 // -1: programming a page from the cache
	req   int32
	plane int32
	bytes int64 // of the whole request
}

type nvmePlane struct {
	busy  bool
	op    nvmeOp
	queue []nvmeOp
	head  int // of the queue; those before it are served
}

type nvmeEventKind uint8

const (
	nvmeSubmit  nvmeEventKind = iota // a slot submits its next I/O
	nvmeCommand                      // the controller has decoded a request
	nvmeCached                       // a write's data has crossed the link
	nvmeProgram                      // a page leaves the cache for its plane
	nvmePage                         // a plane has finished its operation
	nvmeDone                         // the host sees a request complete
	nvmeLet                          // the limits let a request through
)

type nvmeEvent struct {
	at   float64
	kind nvmeEventKind
	op   nvmeOp
}

func (d *nvmeDES) push(at float64, kind nvmeEventKind, op nvmeOp) {
	d.events.push(nvmeEvent{at: at, kind: kind, op: op})
}

// step runs the next event.
func (d *nvmeDES) step() {
	e := d.events.pop()
	d.now = e.at
	switch e.kind {
	case nvmeSubmit:
		d.submit(e.op.slot)
	case nvmeCommand:
		d.command(e.op)
	case nvmeCached:
		d.cacheWaiting = append(d.cacheWaiting, e.op)
		d.admit()
	case nvmeProgram:
		d.enqueue(e.op)
	case nvmePage:
		d.pageDone(int(e.op.plane))
	case nvmeDone:
		d.requestDone(e.op)
	case nvmeLet:
		d.let(e.op)
	}
}

func (d *nvmeDES) submit(slot int32) {
	s := &d.slots[slot]
	g := &d.groups[s.group]
	s.isRead = g.stream.ReadShare > 0 && (g.stream.ReadShare >= 1 || d.rng.Float64() < g.stream.ReadShare)
	s.start = d.now
	s.pending, s.let = len(s.pages), 0
	d.block(g, +1)
	plane := int32(d.rng.IntN(d.p.Planes))
	left := g.stream.IOBytes
	for req := range s.pages {
		bytes := min(left, d.p.MaxCommandBytes)
		left -= bytes
		op := nvmeOp{slot: slot, req: int32(req), plane: plane, bytes: bytes}
		if at := d.limited(g, s.isRead, bytes); at > d.now {
			d.push(at, nvmeLet, op)
		} else {
			d.let(op)
		}
		plane = (plane + int32(nvmeCeilDiv(bytes, d.p.PageBytes))) % int32(d.p.Planes)
	}
}

// limited is when a request that is submitted now is let through. Those of probes, which are other programs', are at once.
func (d *nvmeDES) limited(g *nvmeGroup, isRead bool, bytes int64) (at float64) {
	iops, rate, free := d.p.Limits.WriteIOPS, d.p.Limits.WriteBytesPerSec, &d.writeFree
	if isRead {
		iops, rate, free = d.p.Limits.ReadIOPS, d.p.Limits.ReadBytesPerSec, &d.readFree
	}
	if g.probe || iops == 0 && rate == 0 {
		return d.now
	}
	gap := 0.0
	if iops > 0 {
		gap = 1e9 / iops
	}
	if rate > 0 {
		gap = max(gap, float64(bytes)*1e9/rate)
	}
	at = max(*free, d.now)
	*free = at + gap
	return at
}

// let gives a request to the controller.
func (d *nvmeDES) let(op nvmeOp) {
	s := &d.slots[op.slot]
	if s.let == 0 {
		d.count(&d.groups[s.group], +1)
	}
	s.let++
	s.begun[op.req] = d.now
	d.ctrlFree = max(d.ctrlFree, d.now) + 1e9/d.p.ControllerCmdsPerSec
	d.push(d.ctrlFree, nvmeCommand, op)
}

// count keeps the busy time: the span since the last change was busy if anything was in flight. What waits for the limits is
// not yet, as the kernel counts a request from when a control group has let it through (block/blk-throttle.c).
func (d *nvmeDES) count(g *nvmeGroup, change int) {
	if g.probe {
		return
	}
	if d.inFlight > 0 {
		d.busy += d.now - d.lastBusy
	}
	d.lastBusy = d.now
	d.inFlight += change
}

// block keeps the time with a task of a Sync stream blocked, which it is while it waits for the limits, too.
func (d *nvmeDES) block(g *nvmeGroup, change int) {
	if g.probe || !g.stream.Sync {
		return
	}
	if d.syncIn > 0 {
		d.syncBusy += d.now - d.lastSync
	}
	d.lastSync = d.now
	d.syncIn += change
}

func (d *nvmeDES) command(op nvmeOp) {
	s := &d.slots[op.slot]
	if !s.isRead {
		d.push(d.link(op.bytes), nvmeCached, op)
		return
	}
	pages := nvmeCeilDiv(op.bytes, d.p.PageBytes)
	s.pages[op.req] = int32(pages)
	for range pages {
		d.enqueue(op)
		op.plane = (op.plane + 1) % int32(d.p.Planes)
	}
}

// link returns when bytes that are ready now have crossed the link.
func (d *nvmeDES) link(bytes int64) float64 {
	d.linkFree = max(d.linkFree, d.now) + float64(bytes)*1e9/d.p.LinkBytesPerSec
	return d.linkFree
}

func (d *nvmeDES) enqueue(op nvmeOp) {
	pl := &d.planes[op.plane]
	if pl.busy {
		pl.queue = append(pl.queue, op)
		return
	}
	d.serve(pl, op)
}

func (d *nvmeDES) serve(pl *nvmePlane, op nvmeOp) {
	pl.busy, pl.op = true, op
	service := d.p.PageProgramNS
	if op.slot >= 0 {
		service = d.p.PageReadNS * (1 + d.p.PageReadJitter*(2*d.rng.Float64()-1))
	}
	d.push(d.now+service, nvmePage, op)
}

func (d *nvmeDES) pageDone(plane int) {
	pl := &d.planes[plane]
	op := pl.op
	if op.slot < 0 {
		d.cacheUsed -= op.bytes
		d.admit()
	} else {
		s := &d.slots[op.slot]
		s.pages[op.req]--
		if s.pages[op.req] == 0 {
			d.push(d.link(op.bytes)+d.p.FixedNS, nvmeDone, op)
		}
	}
	if pl.head == len(pl.queue) {
		pl.busy, pl.queue, pl.head = false, pl.queue[:0], 0
		return
	}
	next := pl.queue[pl.head]
	pl.head++
	d.serve(pl, next)
}

// admit moves waiting writes into the cache while they fit, in order, completes them to the host and
// drains every full page. Small writes share a page.
func (d *nvmeDES) admit() {
	for len(d.cacheWaiting) > 0 && d.cacheUsed+d.cacheWaiting[0].bytes <= d.p.WriteCacheBytes {
		op := d.cacheWaiting[0]
		d.cacheWaiting = d.cacheWaiting[1:]
		d.cacheUsed += op.bytes
		d.push(d.now+d.p.FixedNS, nvmeDone, op)
		for d.partPage += op.bytes; d.partPage >= d.p.PageBytes; d.partPage -= d.p.PageBytes {
			d.drainFree = max(d.drainFree, d.now) + float64(d.p.PageBytes)*1e9/d.p.FlashWriteBytesPerSec
			d.push(d.drainFree, nvmeProgram, nvmeOp{slot: -1, plane: int32(d.rng.IntN(d.p.Planes)), bytes: d.p.PageBytes})
		}
	}
}

func (d *nvmeDES) requestDone(op nvmeOp) {
	s := &d.slots[op.slot]
	g := &d.groups[s.group]
	lat := &g.write
	if s.isRead {
		lat = &g.read
	}
	if d.measuring {
		lat.reqs++
		lat.reqSum += d.now - s.begun[op.req]
	}
	s.pending--
	if s.pending > 0 {
		return
	}
	if d.measuring {
		lat.io = append(lat.io, d.now-s.start)
	}
	d.count(g, -1)
	d.block(g, -1)
	think := float64(g.stream.SoftwareNS)
	if g.probe {
		// Exponential, so that the probe samples the mix at times that no stream can lock on to.
		think *= d.rng.ExpFloat64()
	}
	d.push(d.now+think, nvmeSubmit, nvmeOp{slot: op.slot})
}

// measure starts the measurement now.
func (d *nvmeDES) measure() {
	d.measuring, d.since = true, d.now
	d.busy, d.syncBusy, d.lastBusy, d.lastSync = 0, 0, d.now, d.now
}

// finish closes the busy times at the present time.
func (d *nvmeDES) finish() {
	if d.inFlight > 0 {
		d.busy += d.now - d.lastBusy
	}
	if d.syncIn > 0 {
		d.syncBusy += d.now - d.lastSync
	}
}

// summary returns the mean and the nearest-rank p50 and p99 of the I/O latencies, and the mean of the
// request latencies; all 0 without a completion.
func (l *nvmeLatencies) summary() (mean, p50, p99, reqMean float64) {
	if len(l.io) == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(l.io)
	for _, v := range l.io {
		mean += v
	}
	n := len(l.io)
	rank := func(q float64) float64 { return l.io[max(0, int(math.Ceil(q*float64(n)))-1)] }
	return mean / float64(n), rank(0.50), rank(0.99), l.reqSum / float64(l.reqs)
}
