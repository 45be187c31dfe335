package sim

// Buffered KV tier (mechanism BufferedKVTier): the NVMe tier's file is read and written through the page
// cache, not around it.
//
//   - Blocks that were written or read stay in memory, the least recently used go first. What nobody has
//     allocated is free to them, so on this machine the cache is one more host tier, which KVBM does not see:
//     its counters and histograms say NVMe, the drive's counters say nothing.
//   - A load reads what the cache lacks from the drive, at the loader's own pace, and then copies the rest
//     out of the cache, at the rate of one CPU.
//   - A write returns when it has copied; the kernel writes back, and no task sleeps on it. Its size and pace
//     stay the loader's, which is an assumption.
//   - A block that takes the place of another in the file takes over its pages.

// bufferTier opens the NVMe tier of a server that starts. The file of the one before is gone, and its pages
// with it.
func (e *engine) bufferTier() {
	if !e.mech.BufferedKVTier || e.kv.disk == nil {
		return
	}
	e.mover.pages = e.host
	e.host.cache.forgetBlocks()
	e.kv.disk.demote = func(b *block) { e.host.cache.forget(pageKey{block: b.hash}) }
}

// lookUp divides the blocks of a load that begins: those in the page cache, and those missing. The former
// cannot get lost until they are copied. It tells whether that is all of it.
func (m *mover) lookUp(j *job) (all bool) {
	if j.kind != jobDiskLoad && j.kind != jobPrefetch {
		return false
	}
	j.drops = m.pages.cache.drops
	for _, b := range j.stored {
		if m.pages.cache.hit(pageKey{block: b.Key}) {
			j.cached++
		} else {
			j.missing = append(j.missing, b)
		}
	}
	return len(j.missing) == 0
}

// keep puts what the drive has read or written into the page cache. Of a read that was under way when the
// cache was dropped nothing stays; pages that wait to be written back are not dropped.
func (m *mover) keep(j job) {
	blocks := j.stored
	if j.kind != jobDiskWrite {
		blocks = j.missing
		if j.drops != m.pages.cache.drops {
			return
		}
	}
	for _, b := range blocks {
		m.pages.cache.keep(pageKey{block: b.Key}, m.spec.BlockBytes(), m.pages.fileRoom())
	}
}

// copyCached copies the cached part of a lane's load.
func (m *mover) copyCached(l int, now int64) {
	lane := &m.lanes[l]
	lane.copying = true
	ns := float64(int64(lane.queue[0].cached)*m.spec.BlockBytes()) / m.host.BufferedReadBytesPerSec * 1e9
	m.copies.add(job{kind: jobCachedCopy}, ns, 0, nvmeRoundUp(float64(now)))
}
