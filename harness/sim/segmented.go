package sim

// segmented is segmented LRU (Karedla, Love, Wherry: Caching strategies to improve disk system
// performance, IEEE Computer 27(3), 1994). A new block is on probation; one that is used again is
// protected. What overflows the protected segment returns to the new end of probation, and eviction
// takes probation's old end first: a scan of blocks that are used once passes through probation alone.
//
// A block that sequences hold is in neither segment and takes no room of either. Each operation is O(1):
// one block enters the protected segment at a time, so at most one overflows.
type segmented struct {
	probation, protected blockList
	limit                int // blocks of the protected segment
}

func newSegmented(capacity int) *segmented {
	s := &segmented{limit: capacity * protectedPercent / 100}
	s.probation.init()
	s.protected.init()
	return s
}

// protectedPercent is the protected segment's part of a tier; an assumption, the paper varies it.
const protectedPercent = 80

func (s *segmented) name() string { return "SEGMENTED" }

func (s *segmented) insert(b *block) { s.probation.push(b) }
func (s *segmented) remove(b *block) { s.hold(b) }

func (s *segmented) use(b *block) {
	if b.refs > 0 {
		b.protected = true
		return
	}
	s.hold(b)
	b.protected = true
	s.free(b)
}

func (s *segmented) refresh(b *block) {
	s.hold(b)
	s.free(b)
}

func (s *segmented) hold(b *block) {
	if b.protected {
		s.protected.remove(b)
	} else {
		s.probation.remove(b)
	}
}

func (s *segmented) free(b *block) {
	if !b.protected {
		s.probation.push(b)
		return
	}
	s.protected.push(b)
	if s.protected.n > s.limit {
		out := s.protected.oldest()
		s.protected.remove(out)
		out.protected = false
		s.probation.push(out)
	}
}

func (s *segmented) victim() *block {
	if b := s.probation.oldest(); b != nil {
		return b
	}
	return s.protected.oldest()
}
