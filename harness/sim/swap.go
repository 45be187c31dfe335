package sim

import "slices"

// swapOut moves sequences to the NVMe until the rest fits the KV pool (mechanism KVSwapToNVMe): the one
// that has run for the shortest time goes first, as in an engine that preempts by swapping.
//
// A sequence's blocks are free when its write starts, not when it ends: the write goes through a staging
// buffer outside the pool, whose copy takes no time here. The sequence can come back only after its
// write has ended.
func (e *engine) swapOut(now int64) {
	if !e.mech.KVSwapToNVMe {
		return
	}
	for e.kv.free() < 0 && len(e.running) > 1 {
		last := len(e.running) - 1
		s := e.running[last]
		e.running = e.running[:last]
		s.pending++
		e.kv.anonymous -= s.anonymous
		s.swapped, s.anonymous = s.anonymous, 0
		e.kv.placeSwapped(s)
		e.mover.swap(jobSwapOut, s, now)
		e.swapped = append(e.swapped, s)
	}
}

// swapIn brings back the sequence that has been out the longest, when the pool has room for it.
func (e *engine) swapIn(now int64) {
	for i := 0; i < len(e.swapped); {
		s := e.swapped[i]
		if s.pending > 0 || s.cancelled || e.kv.free() < s.swapped {
			i++
			continue
		}
		e.swapped = slices.Delete(e.swapped, i, i+1)
		s.anonymous, s.swapped = s.swapped, 0
		e.kv.anonymous += s.anonymous
		s.pending++
		e.coming++
		e.mover.swap(jobSwapIn, s, now)
	}
}

// placeSwapped gives the blocks of a sequence that is swapped out their places on the storage. Each time they
// are new ones by name: their content has grown.
func (k *kvManager) placeSwapped(s *sequence) {
	for range s.swapped {
		k.swapKeys++
		s.swapAt = append(s.swapAt, StoredBlock{Key: k.swapKeys, Slot: k.swapped.take()})
	}
}

// dropSwapped gives these places up.
func (k *kvManager) dropSwapped(s *sequence) {
	k.swapped.releaseAll(s.swapAt)
	s.swapAt = s.swapAt[:0]
}
