package sim

// inverted is a policy that evicts what it should keep (mechanism PolicyInverted), as with a comparison the wrong way round:
// LRU the block used last, LFU the one used most often, segmented LRU the newest that is protected. It goes by its
// policy's name. FIFO, which keeps nothing for its use, has nothing to invert.
type inverted struct{ policy }

func (i inverted) victim() *block { return i.dearest() }

// invert turns the policies of the host tier around, whichever manager has it.
func (k *kvManager) invert() {
	if k.host != nil {
		k.host.order = inverted{k.host.order}
	}
	if k.fs != nil {
		k.fs.cpu.order = inverted{k.fs.cpu.order}
	}
}

func (f *fifo) dearest() *block { return f.victim() }

func (l *lru) dearest() *block { return l.idle.newest() }

func (l *lfu) dearest() *block {
	f := l.head.prev
	for f.idle.n == 0 {
		f = f.prev
	}
	return f.idle.newest()
}

func (s *segmented) dearest() *block {
	if b := s.protected.newest(); b != nil {
		return b
	}
	return s.probation.newest()
}
