package trace

// distances are the LRU stack distances of blocks (Mattson and others, "Evaluation techniques for storage
// hierarchies", 1970), kept in a Fenwick tree over touches: O(log touches) each, for all capacities at once.
type distances struct {
	last map[int64]int // the block's latest touch, from 1
	tree []int         // 1 at each block's latest touch
	now  int
}

// newDistances has room for that many touches.
func newDistances(touches int) *distances {
	return &distances{last: map[int64]int{}, tree: make([]int, touches+1)}
}

// of is the number of blocks touched since this one, itself included: an LRU cache of that many blocks
// still has it. False for a block that was never touched.
func (d *distances) of(id int64) (int, bool) {
	last, ok := d.last[id]
	if !ok {
		return 0, false
	}
	older := 0 // blocks up to this one, by their latest touch
	for i := last; i > 0; i -= i & -i {
		older += d.tree[i]
	}
	return len(d.last) - older + 1, true
}

func (d *distances) touch(id int64) {
	if last, ok := d.last[id]; ok {
		d.add(last, -1)
	}
	d.now++
	d.last[id] = d.now
	d.add(d.now, 1)
}

func (d *distances) add(i, n int) {
	for ; i < len(d.tree); i += i & -i {
		d.tree[i] += n
	}
}
