package sim

// prefetch is a load of NVMe blocks into the host tier for a request that waits. Admission does not wait
// for it; a request that is admitted while blocks of its own are on the way waits for them instead of
// loading them again, and then copies them from the host tier.
//
// Prefetches share the one lane of reads with the loads of admitted requests, in order. Requests are
// admitted in order too, so what a prefetch makes a load wait for was asked for by an earlier request.
//
// Counters follow KVBM's names, which know no prefetch: "onboard d2d" is disk to device, so a block that
// was prefetched counts as onboard h2d when it goes on from the host. Hits count where the block stood
// at admission: on the NVMe while it was on its way, afterwards in the host tier.
type prefetch struct {
	number  int // they end in this order
	blocks  []StoredBlock
	waiters []*sequence
}

// arrival is a block that a prefetch is bringing.
type arrival struct {
	by   *prefetch
	used bool // by a request that was admitted meanwhile
}

// prefetch starts the prefetches of the first waiting requests; each request gets one.
func (e *engine) prefetch(now int64) {
	for _, s := range e.waiting[:min(len(e.waiting), e.spec.PrefetchDepth)] {
		if s.prefetched {
			continue
		}
		if p := e.kv.prefetch(s); p != nil {
			s.prefetched = true
			e.mover.prefetch(p, now)
		}
	}
}

// prefetched handles a prefetch that has ended.
func (e *engine) prefetched(p *prefetch, now int64) {
	e.kv.prefetched(p)
	e.writeDemoted(now)
	for _, s := range p.waiters {
		e.fetched(s, now)
		e.mover.copyFromHost(s, s.late, now)
	}
}

// prefetch claims the NVMe run of a waiting request, less what is on its way already; nil if nothing is
// left. The read is a use of the blocks on the NVMe.
func (k *kvManager) prefetch(s *sequence) *prefetch {
	m := k.find(s)
	p := &prefetch{number: k.prefetches + 1}
	for _, h := range s.hashes[m.device+m.host : m.blocks()] {
		if k.arriving[h].by == nil {
			k.arriving[h] = arrival{by: p}
			p.blocks = append(p.blocks, k.disk.load(h))
		}
	}
	if len(p.blocks) == 0 {
		return nil
	}
	k.prefetches++
	return p
}

// prefetched puts the blocks of a prefetch that has ended into the host tier, the end first, as computed
// does. A block that has come there by itself meanwhile, or onto the device in exclusive tiers, stays as
// it is.
func (k *kvManager) prefetched(p *prefetch) {
	k.copied(k.disk, k.host, len(p.blocks))
	k.disk.slots.releaseAll(p.blocks)
	k.host.stats.Prefetches += int64(len(p.blocks))
	for i := len(p.blocks) - 1; i >= 0; i-- {
		h := p.blocks[i].Key
		used := k.arriving[h].used
		delete(k.arriving, h)
		if k.host.has(h) || k.exclusive && k.device.has(h) || !k.host.insert(h) {
			continue
		}
		k.host.blocks[h].prefetched = !used
		k.host.put(h, k.fetchedContent(h, k.disk.contentOf(h)))
		if k.exclusive {
			k.disk.drop(h)
		}
	}
}

// useHost notes that a host block serves a request. The first request of a prefetched block is the one
// that the block came for, which makes no second use.
func (k *kvManager) useHost(hash uint64) {
	b := k.host.blocks[hash]
	if !b.prefetched {
		k.host.use(hash)
		return
	}
	b.prefetched = false
	k.host.stats.PrefetchesUsed++
	k.host.refresh(hash)
}

// useDisk notes that an NVMe block serves the request s, which waits for it if a prefetch is bringing it and
// loads it itself otherwise.
func (k *kvManager) useDisk(hash uint64, s *sequence) {
	a := k.arriving[hash]
	if a.by == nil {
		s.fetch = append(s.fetch, k.disk.load(hash))
		if k.direct {
			k.disk.pin(hash)
		}
		return
	}
	if !a.used {
		a.used = true
		k.arriving[hash] = a
		k.host.stats.PrefetchesUsed++
	}
	s.late++
	if s.awaits == nil || s.awaits.number < a.by.number {
		s.awaits = a.by
	}
}
