package sim

// KVBM v2 (manager kvbm_v2): what a request finds on the NVMe is staged. Room in the host tier is taken for all of its
// blocks at once, they are read into it and registered there, and the device gets its copy from there; NIXL's POSIX
// plugin needs no GPUDirect Storage for that (ai-dynamo/dynamo, lib/kvbm-engine/src/leader/session/staging.rs). The
// counters tell the two steps apart: onboard d2h is the staging, and its blocks count as onboard h2d when they go on
// (lib/kvbm-observability/src/transfer.rs).
//
// Assumed: if the host tier has not the room, which is an error there, the blocks are computed; all sessions share the
// one loader; host blocks of the request itself are not given away for the staging.

// makesRoom takes the room in the host tier that the NVMe run of a match is staged through. Managers that do not stage
// need none.
func (k *kvManager) makesRoom(s *sequence, m match) bool {
	if !k.staging {
		return true
	}
	own := s.hashes[m.device : m.device+m.host]
	for _, h := range own {
		k.host.pin(h)
	}
	over := len(k.host.blocks) + k.host.reserved + m.disk - k.host.capacity
	ok := over <= 0 || k.host.evict(over)
	for _, h := range own {
		k.host.unpin(h)
	}
	if ok {
		k.host.reserved += m.disk
	}
	return ok
}

// staged puts blocks that have been read into the room that was taken for them, the end first.
func (k *kvManager) staged(s *sequence, blocks []StoredBlock) {
	k.counters.OnboardD2H += int64(len(blocks))
	k.copied(k.disk, k.host, len(blocks))
	k.disk.slots.releaseAll(blocks)
	k.host.reserved -= len(blocks)
	from := s.match.device + s.match.host
	for i := len(blocks) - 1; i >= 0; i-- {
		h := blocks[i].Key
		if !k.host.has(h) && k.host.insert(h) && s.contents != nil {
			k.host.put(h, s.contents[from+i])
		}
	}
}

// pin keeps a block that no sequence holds from being evicted until unpin, which makes it the newest.
func (t *tier) pin(hash uint64) {
	b := t.blocks[hash]
	b.refs++
	if b.refs == 1 {
		t.used++
		t.order.hold(b)
	}
}

// unpin undoes pin.
func (t *tier) unpin(hash uint64) { t.release(hash) }

// goesOn starts the second step of a load from the NVMe that has ended, where the manager has one: out of the host tier,
// or out of the pinned buffer. It reports whether there is one, which then ends the load.
func (e *engine) goesOn(j job, now int64) bool {
	s := j.seq
	switch {
	case e.kv.staging:
		e.kv.staged(s, j.stored)
		e.mover.copyOn(s, j.blocks, now)
	case e.kv.direct:
		e.kv.fromDisk(j.stored)
		e.mover.copyOn(s, e.kv.buffered(j.blocks), now)
	default:
		return false
	}
	e.fetched(s, now)
	e.stats.Fetch.observe(j.startedNS-s.loadAskedNS, now-j.startedNS)
	return true
}

// wentOn handles the end of that step.
func (e *engine) wentOn(j job) {
	if e.kv.staging {
		e.kv.fromHost(j.blocks)
	} else {
		e.kv.offload.PendingLoads--
	}
	e.loaded(j.seq)
}

// copyOn copies blocks that have been read on to the device.
func (m *mover) copyOn(s *sequence, blocks int, now int64) {
	m.copyBlocks(job{kind: jobCopyOn, seq: s, blocks: blocks}, now)
}
