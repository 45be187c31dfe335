package sim

import (
	"fmt"
	"slices"
)

// mover carries KV between tiers. Loads from the NVMe are served one request after another, in order,
// by one loader; writes by another; copies from host memory run side by side.
type mover struct {
	spec    Spec
	host    HostParams
	mech    Mechanisms
	storage Storage
	foreign *foreign // other programs, which keep CPUs awake (CPUSleep)
	ended   *completions
	lanes   [laneCount]lane
	lastID  int64   // of an I/O
	copies  copies  // inside the memory
	atNS    int64   // of the latest advance
	pools   [2]pool // threads of the manager fs, of reads and of writes
	pages   *host   // whose page cache the KV tier is read and written through (BufferedKVTier); nil: around it

	taken    []endedIO // reused by advance, as is finished
	finished []job
}

const (
	laneRead = iota
	laneWrite
	laneAdapter // files of adapters
	laneWeights // weights that memory does not hold
	laneSpill   // KV of sequences that have ended (WriteOnlySpill)
	laneBurst   // what the server moves at once (Bursts)
	laneSearch  // what it looks up for each prompt (IndexSearch)
	laneCount
)

// lane is a queue of I/Os of which the first is under way.
type lane struct {
	queue   []job
	id      int64 // I/O of queue[0]
	copying bool  // the device part of queue[0] has ended, what the page cache held is being copied
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
	jobCopyOn     // out of the host tier or a pinned buffer, the last part of a load (staging.go)
	jobPromote    // chunks from files into the CPU tier (fsload.go)
	jobCascade    // chunks from the CPU tier into files
	jobChainCopy  // chunks from the CPU tier onto the device
	jobSpill      // KV of a sequence that has ended
	jobBurstRead
	jobBurstWrite
	jobSearch // of an index, for one prompt
)

// job is one transfer of a request's blocks or of an adapter.
type job struct {
	kind      jobKind
	seq       *sequence
	blocks    int
	stored    []StoredBlock // where they are or go on the storage
	prefetch  *prefetch
	slot      *loraSlot // of an adapter
	startedNS int64
	endNS     int64   // of a copy, or of its first part
	cpuLeft   float64 // of a copy's first part, ns
	bytesLeft float64 // of its second part
	moving    bool    // it is in its second part
	bytes     int64   // of weights, of a spill or a burst
	cached    int     // blocks that the page cache held when the load began
	missing   []StoredBlock
	drops     int // of the page cache before the load began
	promotion *promotion
	cascade   *cascade
	done      chan struct{} // of a search, closed at its end
}

// String says what the transfer is, for errors.
func (j *job) String() string {
	switch j.kind {
	case jobDiskLoad, jobPrefetch, jobPromote:
		return fmt.Sprintf("load of %d blocks of tier 2", j.blocks-j.cached)
	case jobDiskWrite, jobCascade:
		return fmt.Sprintf("write of %d blocks to tier 2", j.blocks)
	case jobSwapOut:
		return fmt.Sprintf("swap-out of %d blocks", j.blocks)
	case jobSwapIn:
		return fmt.Sprintf("swap-in of %d blocks", j.blocks)
	case jobAdapterRead:
		return fmt.Sprintf("read of adapter %s", j.slot.adapter.Name)
	case jobWeights:
		return fmt.Sprintf("read of %d bytes of weights", j.bytes)
	case jobSpill:
		return fmt.Sprintf("write of %d bytes of KV of a sequence that has ended", j.bytes)
	case jobBurstRead, jobBurstWrite:
		return fmt.Sprintf("burst of %d bytes", j.bytes)
	case jobSearch:
		return fmt.Sprintf("search that reads %d bytes", j.bytes)
	}
	return fmt.Sprintf("copy of %d blocks", j.blocks)
}

func newMover(spec Spec, p Params, storage Storage) *mover {
	m := &mover{spec: spec, host: p.Host, mech: p.Mechanisms, storage: storage, ended: newCompletions(),
		copies: copies{bytesPerSec: p.Host.HostCopyBytesPerSec, cpuPerSec: p.Host.BufferedReadBytesPerSec}}
	o := spec.Offload.withDefaults()
	m.pools[poolRead].threads, m.pools[poolWrite].threads = o.ReadThreads, o.WriteThreads
	return m
}

func (m *mover) copyFromHost(s *sequence, blocks int, now int64) {
	m.copyBlocks(job{kind: jobHostCopy, seq: s, blocks: blocks}, now)
}

// copyBlocks is a job that moves its blocks inside the host.
func (m *mover) copyBlocks(j job, now int64) {
	m.copies.add(j, 0, int64(j.blocks)*m.spec.BlockBytes(), now)
}

func (m *mover) loadFromDisk(s *sequence, now int64) {
	m.read(job{kind: jobDiskLoad, seq: s, blocks: len(s.fetch), stored: s.fetch}, now)
}

func (m *mover) prefetch(p *prefetch, now int64) {
	m.read(job{kind: jobPrefetch, blocks: len(p.blocks), stored: p.blocks, prefetch: p}, now)
}

// read is a load from the NVMe tier by the one loader, or, with PhantomHits, what passes for it.
func (m *mover) read(j job, now int64) {
	if m.mech.PhantomHits {
		m.copyBlocks(j, now)
		return
	}
	m.enqueue(laneRead, j, now)
}

func (m *mover) writeToDisk(blocks []StoredBlock, now int64) {
	m.enqueue(laneWrite, job{kind: jobDiskWrite, blocks: len(blocks), stored: blocks}, now)
}

func (m *mover) swap(kind jobKind, s *sequence, now int64) {
	lane := laneRead
	if kind == jobSwapOut {
		lane = laneWrite
	}
	m.enqueue(lane, job{kind: kind, seq: s, blocks: len(s.swapAt), stored: s.swapAt}, now)
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
	m.lastID++
	m.lanes[l].id = m.lastID
	m.storage.Submit(now, m.io(l, j))
}

// io is the I/O of a lane's first transfer.
func (m *mover) io(l int, j *job) IO {
	io := IO{ID: m.lanes[l].id, Area: AreaKV, Blocks: j.stored, Bytes: m.size(j), Stream: m.stream(l, j.kind), ended: m.ended}
	switch j.kind {
	case jobDiskLoad, jobPrefetch:
		if m.pages != nil {
			io.Blocks = j.missing
		}
	case jobSwapOut, jobSwapIn:
		io.Area = AreaSwap
	case jobAdapterRead:
		io.Area, io.Name = AreaAdapters, j.slot.adapter.Name
	case jobWeights:
		io.Area = AreaWeights
	case jobSpill:
		io.Area = AreaSpill
	case jobBurstRead, jobBurstWrite, jobSearch:
		io.Area = AreaOther
	}
	return io
}

// size is the bytes of a device transfer.
func (m *mover) size(j *job) int64 {
	if j.slot != nil {
		return j.slot.adapter.Bytes
	}
	if j.bytes > 0 {
		return j.bytes
	}
	return int64(j.blocks-j.cached) * m.spec.BlockBytes()
}

func (m *mover) stream(l int, kind jobKind) NVMeStream {
	if l == laneAdapter || l == laneWeights {
		return m.host.fileRead()
	}
	if l == laneSearch {
		return searchStream
	}
	s := NVMeStream{Name: "kv-load", ReadShare: 1, IOBytes: m.spec.Loader.IOBytes, Depth: m.spec.Loader.QueueDepth,
		SoftwareNS: m.spec.Loader.SoftwareNSPerIO + m.wakeNS(), Sync: m.sleeps(kind)}
	switch kind {
	case jobSpill, jobBurstRead, jobBurstWrite:
		return m.serverFile(kind)
	}
	if kind == jobSwapOut || kind == jobSwapIn {
		s.Name, s.IOBytes, s.Depth, s.SoftwareNS = "kv-swap", m.spec.Loader.SwapIOBytes, m.spec.Loader.SwapDepth, 0
		s.Sync = true
	}
	if l == laneWrite {
		s.Name, s.ReadShare = s.Name+"-write", 0
	}
	return s
}

// serverFile is how files of the server's own are moved that nothing waits for.
func (m *mover) serverFile(kind jobKind) NVMeStream {
	s := NVMeStream{Name: "server-file", IOBytes: m.spec.Loader.SwapIOBytes, Depth: m.spec.Loader.SwapDepth}
	if kind == jobBurstRead {
		s.ReadShare = 1
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

// next is the time of the next completion as far as it is known, or Never.
func (m *mover) next() int64 {
	return min(m.storage.Advance(m.atNS), m.copies.next())
}

// advance returns the transfers that completed by now, in order, and starts the next of their lanes. They are
// valid until the next call. It fails if the storage did.
func (m *mover) advance(now int64) ([]job, error) {
	m.atNS = now
	m.finished = m.finished[:0]
	for _, j := range m.copies.take(now) {
		if j.kind == jobCachedCopy {
			j = m.finish(laneRead, now)
		}
		m.finished = append(m.finished, j)
	}
	m.storage.Advance(now)
	m.taken = m.ended.take(m.taken[:0])
	for _, ended := range m.taken {
		l := slices.IndexFunc(m.lanes[:], func(l lane) bool { return l.id == ended.id })
		if l < 0 {
			if err := m.threadEnded(ended, now); err != nil {
				return nil, err
			}
			continue
		}
		m.lanes[l].id = 0
		j := &m.lanes[l].queue[0]
		if ended.err != nil {
			return nil, fmt.Errorf("%s: %w", j, ended.err)
		}
		if m.pages != nil {
			m.keep(*j)
		}
		if j.cached > 0 {
			m.copyCached(l, now)
			continue
		}
		m.finished = append(m.finished, m.finish(l, now))
	}
	return m.finished, nil
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

// stop drops all transfers. The CPU time that they have taken until now stays counted.
func (m *mover) stop(now int64) {
	for l := range m.lanes {
		m.drop(l, now)
	}
	m.dropThreads(now)
	m.copies.drop(now, func(job) bool { return true })
	m.pages = nil
}

// drop empties a lane.
func (m *mover) drop(l int, now int64) {
	if m.lanes[l].id != 0 {
		m.storage.Cancel(now, m.lanes[l].id)
	}
	m.lanes[l] = lane{}
}
