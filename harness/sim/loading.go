package sim

// writeDemoted sends to the NVMe what exclusive tiers have evicted from the host.
func (e *engine) writeDemoted(now int64) {
	if write := e.kv.toWrite(now); len(write) > 0 {
		e.mover.writeToDisk(write, now)
	}
}

// startLoading asks for the sequence's KV in lower tiers and for its adapter; without any to wait for it
// can be worked on at once.
func (e *engine) startLoading(s *sequence, now int64) {
	s.computed = s.match.blocks() * e.spec.BlockTokens
	if s.match.host > 0 {
		s.pending++
		e.mover.copyFromHost(s, s.match.host, now)
	}
	if s.match.disk > s.late {
		s.pending++
		s.loadAskedNS = now
		e.awaitFetch(s, now)
		e.mover.loadFromDisk(s, now)
	}
	if s.late > 0 {
		s.pending++
		e.awaitFetch(s, now)
		s.awaits.waiters = append(s.awaits.waiters, s)
	}
	e.startPromotion(s, now)
	if e.lora.hold(s) {
		s.pending++
		e.loadAdapter(now)
	}
	if s.pending > 0 {
		e.loading++
		return
	}
	e.prefill = append(e.prefill, s)
}

// moved handles a finished transfer.
func (e *engine) moved(j job, now int64) {
	switch j.kind {
	case jobHostCopy, jobDiskLoad:
		if j.kind == jobDiskLoad && e.goesOn(j, now) {
			return
		}
		if j.kind == jobHostCopy {
			e.kv.fromHost(j.blocks)
		} else {
			e.kv.fromDisk(j.stored)
			e.fetched(j.seq, now)
			e.stats.Fetch.observe(j.startedNS-j.seq.loadAskedNS, now-j.startedNS)
		}
		e.loaded(j.seq)
	case jobPrefetch:
		e.prefetched(j.prefetch, now)
	case jobDiskWrite:
		e.kv.written(j.stored)
	case jobCopyOn:
		e.wentOn(j)
	case jobPromote:
		e.promoted(j, now)
	case jobCascade:
		e.kv.fs.cascaded(j.cascade, j.blocks, now)
	case jobChainCopy:
		e.chainCopied(j, now)
	case jobSwapOut:
		e.kv.counters.SwapOutBlocks += int64(j.blocks)
		j.seq.pending--
	case jobSwapIn:
		e.kv.counters.SwapInBlocks += int64(j.blocks)
		e.kv.dropSwapped(j.seq)
		j.seq.pending--
		e.coming--
		e.running = append(e.running, j.seq)
	case jobAdapterRead, jobAdapterCopy:
		e.adapterMoved(j, now)
	case jobWeights:
		e.weightsRead(now)
	case jobSearch:
		close(j.done)
	}
}

// loaded takes note that one of the things that an admitted sequence waits for is there.
func (e *engine) loaded(s *sequence) {
	s.pending--
	if s.pending == 0 {
		e.loading--
		e.prefill = append(e.prefill, s)
	}
}
