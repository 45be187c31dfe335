package sim

// What KV a block holds. Its key says what it ought to hold, and content 0 that it does. With the mechanism WrongKV it
// may hold other KV, which its content names; copies of it hold the same, and whatever is computed on top of it is
// other KV again. A request's answer is a function of all this (text.go); nothing else is.

// contentOf is what a cached block of the tier holds.
func (t *tier) contentOf(hash uint64) uint64 {
	if b := t.blocks[hash]; b != nil {
		return b.content
	}
	return 0
}

// put notes what a block holds, if the tier has it.
func (t *tier) put(hash, content uint64) {
	if b := t.blocks[hash]; b != nil {
		b.content = content
	}
}

// goesOnFrom notes that the sequence goes on from KV with that content as its block i.
func (s *sequence) goesOnFrom(i int, content uint64) {
	if content == 0 {
		return
	}
	if s.contents == nil {
		s.contents = make([]uint64, len(s.hashes))
	}
	s.contents[i] = content
	s.wrong = mix64(s.wrong ^ content)
}

// contentAt is what the block i of a prompt that has been computed holds, of which the first `loaded` were not computed.
func (s *sequence) contentAt(i, loaded int) uint64 {
	switch {
	case s.contents == nil:
		return 0
	case i < loaded:
		return s.contents[i]
	}
	return mix64(s.wrong^s.hashes[i]) | 1
}

// matchedContent takes note of what the blocks hold that a sequence was admitted with, on the device and in KVBM's tiers.
func (k *kvManager) matchedContent(s *sequence, m match) {
	for i, h := range s.hashes[:m.blocks()] {
		switch {
		case i < m.device:
			s.goesOnFrom(i, k.device.contentOf(h))
		case i < m.device+m.host:
			s.goesOnFrom(i, k.host.contentOf(h))
		default:
			s.goesOnFrom(i, k.fetchedContent(h, k.disk.contentOf(h)))
		}
	}
	k.loadedLast(s.hashes[m.device+m.host : m.blocks()])
}

// fetchedContent is what memory holds after a load of a block from the NVMe tier, which holds `content` there. With
// WrongKV that is a block of the load before, or of none.
func (k *kvManager) fetchedContent(hash, content uint64) uint64 {
	if !k.faults.wrong {
		return content
	}
	before := ^hash
	if n := len(k.lastLoad); n > 0 {
		if was := k.lastLoad[int(hash%uint64(n))]; was != hash {
			before = was
		}
	}
	return mix64(before) | 1
}

// above is what the tier above the NVMe holds under a key.
func (k *kvManager) above(hash uint64) uint64 {
	if k.direct {
		return k.device.contentOf(hash)
	}
	return k.host.contentOf(hash)
}

// keepContent notes what a block holds that leaves a tier for the next.
func (k *kvManager) keepContent(hash, content uint64) {
	if content != 0 {
		k.contents[hash] = content
	}
}

// loadedLast notes the blocks of a load, whose KV the load after it may leave in memory.
func (k *kvManager) loadedLast(hashes []uint64) {
	if k.faults.wrong && len(hashes) > 0 {
		k.lastLoad = append(k.lastLoad[:0], hashes...)
	}
}
