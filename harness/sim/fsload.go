package sim

// startPromotion looks up what the manager fs has of an admitted request, and starts reading what is in files.
func (e *engine) startPromotion(s *sequence, now int64) {
	t := e.kv.fs
	if t == nil || !e.kv.reuse {
		return
	}
	c, p := t.lookUp(s, now)
	if c == nil {
		e.kv.externalFound(s, 0)
		return
	}
	if c.void && c.waits == 0 {
		e.chainIsVoid(c, s)
		return
	}
	s.chain = c
	s.pending++
	s.loadAskedNS = now
	if p != nil {
		j := job{kind: jobPromote, blocks: len(p.blocks), stored: p.blocks, promotion: p}
		if e.mech.PhantomHits {
			e.mover.copyBlocks(j, now)
		} else {
			e.mover.thread(poolRead, j, now)
		}
	}
	if c.waits > 0 {
		e.awaitFetch(s, now)
		return
	}
	e.chainReady(s, now)
}

// promoted handles the end of a promotion.
func (e *engine) promoted(j job, now int64) {
	p := j.promotion
	e.kv.fs.promoted(p, now)
	e.stats.Fetch.observe(j.startedNS-p.askedNS, now-j.startedNS)
	for _, s := range p.waiters {
		if s.chain.waits--; s.chain.waits == 0 {
			e.fetched(s, now)
			e.chainReady(s, now)
		}
	}
}

// chainReady copies a chain to the device that is in the CPU tier as a whole. A void one is given up: its request computes
// the prompt.
func (e *engine) chainReady(s *sequence, now int64) {
	c, t := s.chain, e.kv.fs
	if c.void {
		e.chainIsVoid(c, s)
		e.loaded(s)
		return
	}
	for i, h := range s.hashes[s.match.device : s.match.device+c.host+c.disk] {
		at := s.match.device + i
		key := s.hashes[(at/t.chunk+1)*t.chunk-1]
		if content := t.cpu.contentOf(key); content != 0 {
			s.goesOnFrom(at, mix64(content^h)|1)
		}
	}
	s.match.host, s.match.disk = c.host, c.disk
	s.computed = s.match.blocks() * e.spec.BlockTokens
	e.kv.externalFound(s, c.host+c.disk)
	e.mover.copyBlocks(job{kind: jobChainCopy, seq: s, blocks: c.host + c.disk}, now)
}

// chainCopied handles the end of that copy.
func (e *engine) chainCopied(j job, now int64) {
	k := e.kv
	k.fs.letGo(j.seq.chain)
	bytes := int64(j.blocks) * k.blockBytes
	k.fs.cpuStats.BytesOut += bytes
	k.device.stats.BytesIn += bytes
	k.counters.OnboardH2D += int64(j.blocks)
	k.offload.Loads++
	k.offload.LoadBytes += bytes
	k.offload.LoadNS += now - j.startedNS
	e.loaded(j.seq)
}

// chainIsVoid gives a chain up.
func (e *engine) chainIsVoid(c *chunkChain, s *sequence) {
	e.kv.fs.letGo(c)
	e.kv.externalFound(s, 0)
}

// offloadChunks offers what has been computed of a prompt to the manager fs.
func (e *engine) offloadChunks(s *sequence, now int64) {
	t := e.kv.fs
	if t == nil || !e.kv.reuse {
		return
	}
	c := t.store(s, now)
	if c == nil {
		return
	}
	blocks := t.place(c, s)
	if len(blocks) == 0 {
		t.cascaded(c, 0, now)
		return
	}
	e.mover.thread(poolWrite, job{kind: jobCascade, blocks: len(blocks), stored: blocks, cascade: c}, now)
}
