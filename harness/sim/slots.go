package sim

// slots are the places of blocks in an area of the storage. A slot has holders: the tier, as long as the block is
// in it, and each transfer that writes or reads it. It is given away again only when all have let go, so that
// a load gets what it asked for though the tier has evicted the block meanwhile.
type slots struct {
	holders []int32
	free    []int32 // the last to become free goes first
}

// take returns a slot with one holder.
func (s *slots) take() int32 {
	if last := len(s.free) - 1; last >= 0 {
		slot := s.free[last]
		s.free = s.free[:last]
		s.holders[slot] = 1
		return slot
	}
	s.holders = append(s.holders, 1)
	return int32(len(s.holders) - 1)
}

// hold adds a holder to a slot that has one.
func (s *slots) hold(slot int32) { s.holders[slot]++ }

// release lets one holder go.
func (s *slots) release(slot int32) {
	if s.holders[slot]--; s.holders[slot] == 0 {
		s.free = append(s.free, slot)
	}
}

// releaseAll lets one holder of each block's slot go.
func (s *slots) releaseAll(blocks []StoredBlock) {
	for _, b := range blocks {
		s.release(b.Slot)
	}
}
