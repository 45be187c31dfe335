package sim

import "math"

// mover carries KV between tiers. Loads from the NVMe are served one request after another, in order,
// by one loader; writes by another; copies from host memory run side by side.
type mover struct {
	spec       Spec
	host       HostParams
	mech       Mechanisms
	drives     drives
	lanes      [laneCount]lane
	copies     []job                 // host copies under way, by completion time
	byID       map[driveTransfer]int // -> lane
	softwareNS float64               // CPU time of the device transfers that have ended
	pages      *host                 // whose page cache the KV tier is read and written through (BufferedKVTier); nil: around it
}

const (
	laneRead = iota
	laneWrite
	laneAdapter // files of adapters
	laneWeights // weights that memory does not hold
	laneCount
)

// lane is a queue of device transfers of which the first is under way.
type lane struct {
	queue   []job
	id      int  // device transfer of queue[0]
	copying bool // the device part of queue[0] has ended, what the page cache held is being copied
}

type jobKind int

const (
	jobHostCopy jobKind = iota
	jobDiskLoad
	jobDiskWrite
	jobSwapOut
	jobSwapIn
	jobPrefetch
	jobAdapterRead
	jobAdapterCopy
	jobWeights
	jobCachedCopy // out of the page cache, the last part of a load
)

// job is one transfer of a request's blocks or of an adapter.
type job struct {
	kind      jobKind
	seq       *sequence
	blocks    int
	hashes    []uint64
	prefetch  *prefetch
	slot      *loraSlot // of an adapter
	startedNS int64
	endNS     int64   // host copies
	cpuNS     float64 // CPU time of a host copy
	bytes     int64   // of weights
	cached    int     // blocks that the page cache held when the load began
	missing   []uint64
	drops     int // of the page cache before the load began
}

func newMover(spec Spec, p Params, d drives) *mover {
	return &mover{spec: spec, host: p.Host, mech: p.Mechanisms, drives: d, byID: map[driveTransfer]int{}}
}

// on is the drive of a lane.
func (m *mover) on(l int) *NVMeDevice {
	if l == laneAdapter || l == laneWeights {
		return m.drives.system
	}
	return m.drives.kv
}

func (m *mover) copyFromHost(s *sequence, blocks int, now int64) {
	ns := float64(int64(blocks)*m.spec.BlockBytes()) / m.host.HostCopyBytesPerSec * 1e9
	m.copy(job{kind: jobHostCopy, seq: s, blocks: blocks}, ns, now)
}

// copy starts a host copy that takes ns, in whole microseconds.
func (m *mover) copy(j job, ns float64, now int64) {
	j.startedNS, j.endNS = now, now+max(1, int64(ns/1000+0.5))*1000
	i := len(m.copies)
	for i > 0 && m.copies[i-1].endNS > j.endNS {
		i--
	}
	m.copies = append(m.copies[:i], append([]job{j}, m.copies[i:]...)...)
}

func (m *mover) loadFromDisk(s *sequence, hashes []uint64, now int64) {
	m.enqueue(laneRead, job{kind: jobDiskLoad, seq: s, blocks: len(hashes), hashes: hashes}, now)
}

func (m *mover) prefetch(p *prefetch, now int64) {
	m.enqueue(laneRead, job{kind: jobPrefetch, blocks: len(p.hashes), hashes: p.hashes, prefetch: p}, now)
}

func (m *mover) writeToDisk(hashes []uint64, now int64) {
	m.enqueue(laneWrite, job{kind: jobDiskWrite, blocks: len(hashes), hashes: hashes}, now)
}

func (m *mover) swap(kind jobKind, s *sequence, blocks int, now int64) {
	lane := laneRead
	if kind == jobSwapOut {
		lane = laneWrite
	}
	m.enqueue(lane, job{kind: kind, seq: s, blocks: blocks}, now)
}

func (m *mover) enqueue(l int, j job, now int64) {
	m.lanes[l].queue = append(m.lanes[l].queue, j)
	if len(m.lanes[l].queue) == 1 {
		m.begin(l, now)
	}
}

// begin starts the first transfer of a lane.
func (m *mover) begin(l int, now int64) {
	j := &m.lanes[l].queue[0]
	j.startedNS = now
	if m.pages != nil && m.lookUp(j) {
		m.copyCached(l, now)
		return
	}
	// A query between two events may have moved the device to a later time than theirs.
	drive := m.on(l)
	id := drive.Start(max(now, drive.asked), m.stream(l, j.kind), m.size(*j))
	m.lanes[l].id = id
	m.byID[driveTransfer{drive, id}] = l
}

// size is the bytes of a device transfer.
func (m *mover) size(j job) int64 {
	if j.slot != nil {
		return j.slot.adapter.Bytes
	}
	if j.kind == jobWeights {
		return j.bytes
	}
	return int64(j.blocks-j.cached) * m.spec.BlockBytes()
}

func (m *mover) stream(l int, kind jobKind) NVMeStream {
	if l == laneAdapter || l == laneWeights {
		return m.host.fileRead()
	}
	s := NVMeStream{Name: "kv-load", ReadShare: 1, IOBytes: m.spec.Loader.IOBytes, Depth: m.spec.Loader.QueueDepth,
		SoftwareNS: m.spec.Loader.SoftwareNSPerIO, Sync: m.sleeps(kind)}
	if kind == jobSwapOut || kind == jobSwapIn {
		s.Name, s.IOBytes, s.Depth, s.SoftwareNS = "kv-swap", m.spec.Loader.SwapIOBytes, m.spec.Loader.SwapDepth, 0
		s.Sync = true
	}
	if l == laneWrite {
		s.Name, s.ReadShare = s.Name+"-write", 0
	}
	return s
}

// sleeps tells whether the loader is a task that sleeps on its I/O.
func (m *mover) sleeps(kind jobKind) bool {
	switch {
	case kind == jobDiskLoad && m.mech.BlockingFetch:
		return false // the request's own task does (fetchQueue)
	case kind == jobDiskWrite && m.mech.BufferedKVTier:
		return false // write() has returned long before, the kernel writes back
	}
	return !m.mech.AsyncKVLoader
}

// next is the time of the next completion.
func (m *mover) next() (int64, bool) {
	at, ok := m.drives.next()
	if len(m.copies) > 0 && (!ok || m.copies[0].endNS < at) {
		return m.copies[0].endNS, true
	}
	return at, ok
}

// advance returns the transfers that completed by now, in order, and starts the next of their lanes.
func (m *mover) advance(now int64) []job {
	var out []job
	for len(m.copies) > 0 && m.copies[0].endNS <= now {
		j := m.copies[0]
		m.copies = m.copies[1:]
		m.softwareNS += j.cpuNS
		if j.kind == jobCachedCopy {
			j = m.finish(laneRead, now)
		}
		out = append(out, j)
	}
	for _, done := range m.drives.advance(now) {
		l, ok := m.byID[done]
		if !ok {
			continue // dropped after it had ended
		}
		delete(m.byID, done)
		j := m.lanes[l].queue[0]
		m.softwareNS += m.software(l, j, math.Inf(1))
		if m.pages != nil {
			m.keep(j)
		}
		if j.cached > 0 {
			m.copyCached(l, now)
			continue
		}
		out = append(out, m.finish(l, now))
	}
	return out
}

// finish takes the transfer that has ended off its lane and starts the next.
func (m *mover) finish(l int, now int64) job {
	q := &m.lanes[l].queue
	j := (*q)[0]
	m.lanes[l].copying = false
	*q = (*q)[1:]
	if len(*q) > 0 {
		m.begin(l, now)
	}
	return j
}

// stop drops all transfers and returns the CPU time that they have taken until now (softwareAt).
func (m *mover) stop(now int64) float64 {
	ns := m.softwareAt(now)
	for i, l := range m.lanes {
		if len(l.queue) > 0 {
			m.on(i).Stop(now, l.id)
		}
	}
	return ns
}

// softwareAt is the CPU time that loaders have taken until now, in ns: each I/O costs the software time
// of its stream. The device must have been advanced to now.
//
// It follows the bytes moved, not the time that tasks were not blocked, so that it never falls and does
// not depend on when it is asked: the operating system's own reads block tasks too.
func (m *mover) softwareAt(now int64) float64 {
	total := m.softwareNS
	for l := range m.lanes {
		total += m.laneSoftware(l, now)
	}
	for _, j := range m.copies {
		total += j.cpuSoFar(now)
	}
	return total
}

// cpuSoFar is the CPU time of a host copy until now.
func (j job) cpuSoFar(now int64) float64 {
	return j.cpuNS * max(0, min(1, float64(now-j.startedNS)/float64(j.endNS-j.startedNS)))
}

// laneSoftware is the CPU time of the transfer that a lane has under way.
func (m *mover) laneSoftware(l int, now int64) float64 {
	if len(m.lanes[l].queue) == 0 || m.lanes[l].copying {
		return 0
	}
	moved := math.Inf(1) // all of it, if the device has ended the transfer
	drive := m.on(l)
	for _, t := range drive.transfers {
		if t.id == m.lanes[l].id {
			moved = t.movedAfter(drive.running(now))
		}
	}
	return m.software(l, m.lanes[l].queue[0], moved)
}

// software is the CPU time of the first `moved` bytes of a transfer, of all of it at most.
func (m *mover) software(l int, j job, moved float64) float64 {
	whole := m.size(j)
	s := m.stream(l, j.kind)
	if whole == 0 || s.SoftwareNS == 0 {
		return 0
	}
	return min(moved, float64(whole)) / float64(min(s.IOBytes, whole)) * float64(s.SoftwareNS)
}
