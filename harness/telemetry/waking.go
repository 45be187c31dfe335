package telemetry

// waking is what the Sampler finds when it wakes: the slot and the phase it lies in.
type waking struct {
	slot   int
	phase  string
	sparse bool
}

func (s *Sampler) waking(slot int) waking {
	phase := s.Phase()
	return waking{slot, phase, s.Sparse != nil && s.Sparse(phase)}
}

// label is the phase that the sample of a waking goes under; ok is false where none is due. before is the
// waking before, the zero waking if there was none.
//
// Both ends of a sparse phase have a sample, so that no interval reaches into the dense phases on both of
// its sides. The one that ends it belongs to it with most of its interval, and takes its label.
func (s *Sampler) label(before, now waking) (phase string, ok bool) {
	if before.sparse && !now.sparse {
		return before.phase, true
	}
	return now.phase, !before.sparse || !now.sparse || now.slot%s.SparseEvery == 0
}

// missed counts the due slots between two wakings. Nobody looked at their phases: they all count, unless
// the phases around them are both sparse.
func (s *Sampler) missed(before, now waking) int {
	if before.sparse && now.sparse {
		return (now.slot-1)/s.SparseEvery - before.slot/s.SparseEvery
	}
	return now.slot - before.slot - 1
}
