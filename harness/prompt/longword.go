package prompt

import "sync"

// longWord is byte-pair encoding of one word of up to 2 GiB. A part is known by where it starts. The heap
// orders pairs of neighbours that make a token by rank and then by place, as the merges are; an entry whose
// pair has changed since is passed over. Each merge takes one part away, looks up two pairs and adds at most
// two entries: at most three look-ups and three entries a byte, and the logarithm of a heap.
type longWord struct {
	ranks map[string]int
	text  string
	ends  []int32  // of the part that starts here; 0 if none does
	prev  []int32  // start of the part before; -1 if there is none
	pairs []int32  // rank of the part together with the next one; noPair if they make no token
	heap  []uint64 // rank<<32 | start

	lookups, entries int // work done
}

// hugeWord is the length, bytes, above which words are encoded one at a time: each takes 20 to 30 bytes of
// memory for one of its own, and the whole body of a request may be one word.
const hugeWord = 256 << 10

var hugeWords sync.Mutex

// mergeLong is mergePairs in little more than linear time.
func mergeLong(ranks map[string]int, ids []int, s string) []int {
	if len(s) > hugeWord {
		hugeWords.Lock()
		defer hugeWords.Unlock()
	}
	w := newLongWord(ranks, s)
	w.merge()
	for at := int32(0); int(at) < len(s); at = w.ends[at] {
		ids = append(ids, ranks[s[at:w.ends[at]]])
	}
	return ids
}

func newLongWord(ranks map[string]int, s string) *longWord {
	w := &longWord{
		ranks: ranks, text: s,
		ends: make([]int32, len(s)), prev: make([]int32, len(s)), pairs: make([]int32, len(s)), heap: make([]uint64, 0, len(s)),
	}
	for i := range len(s) {
		w.ends[i], w.prev[i] = int32(i+1), int32(i-1)
	}
	for i := range int32(len(s)) {
		w.pair(i)
	}
	for i := len(w.heap)/2 - 1; i >= 0; i-- {
		w.down(i)
	}
	return w
}

// merge merges until no neighbours make a token.
func (w *longWord) merge() {
	for len(w.heap) > 0 {
		top := w.heap[0]
		last := len(w.heap) - 1
		w.heap[0] = w.heap[last]
		w.heap = w.heap[:last]
		w.down(0)
		at := int32(uint32(top))
		if w.ends[at] == 0 || uint64(w.pairs[at]) != top>>32 {
			continue
		}
		gone := w.ends[at]
		w.ends[at], w.ends[gone] = w.ends[gone], 0
		if next := w.ends[at]; int(next) < len(w.text) {
			w.prev[next] = at
		}
		w.pair(at)
		w.up(len(w.heap) - 1)
		if before := w.prev[at]; before >= 0 {
			w.pair(before)
			w.up(len(w.heap) - 1)
		}
	}
}

// pair notes the rank of a part together with the next one, and enters it at the end of the heap if they
// make a token.
func (w *longWord) pair(at int32) {
	w.pairs[at] = noPair
	next := w.ends[at]
	if int(next) == len(w.text) {
		return
	}
	w.lookups++
	if rank, ok := w.ranks[w.text[at:w.ends[next]]]; ok {
		w.pairs[at] = int32(rank)
		w.heap = append(w.heap, uint64(rank)<<32|uint64(at))
		w.entries++
	}
}

// up moves an entry towards the top of the heap until it is not before the one above. Of an entry that is
// at its place already, or of none (-1), nothing comes.
func (w *longWord) up(i int) {
	for i > 0 {
		above := (i - 1) / 2
		if w.heap[above] <= w.heap[i] {
			return
		}
		w.heap[above], w.heap[i] = w.heap[i], w.heap[above]
		i = above
	}
}

// down moves an entry away from the top until none of those below is before it.
func (w *longWord) down(i int) {
	for {
		least := i
		for below := 2*i + 1; below <= 2*i+2 && below < len(w.heap); below++ {
			if w.heap[below] < w.heap[least] {
				least = below
			}
		}
		if least == i {
			return
		}
		w.heap[least], w.heap[i] = w.heap[i], w.heap[least]
		i = least
	}
}
