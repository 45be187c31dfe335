package sim

// fifo evicts the block that came into the tier first, however often it was used since. A block that is
// freed returns to the place of its arrival, which a list cannot find quickly: the unused blocks are a
// binary heap on the arrival number. A new block is the heap's last, so that inserting costs O(1);
// victim is O(1), the rest O(log n).
type fifo struct {
	idle    []*block
	arrived uint64
}

func (f *fifo) name() string   { return "FIFO" }
func (f *fifo) use(*block)     {}
func (f *fifo) refresh(*block) {}
func (f *fifo) hold(b *block)  { f.remove(b) }
func (f *fifo) victim() *block { return f.idle[0] }

func (f *fifo) insert(b *block) {
	f.arrived++
	b.arrival = f.arrived
	f.free(b)
}

func (f *fifo) free(b *block) {
	f.idle = append(f.idle, b)
	f.up(b, len(f.idle)-1)
}

func (f *fifo) remove(b *block) {
	last := f.idle[len(f.idle)-1]
	f.idle[len(f.idle)-1] = nil
	f.idle = f.idle[:len(f.idle)-1]
	if last != b {
		f.down(last, b.place)
		f.up(last, last.place)
	}
}

// up puts b at place i or, while an ancestor came later, above it.
func (f *fifo) up(b *block, i int) {
	for i > 0 && f.idle[(i-1)/2].arrival > b.arrival {
		f.put(f.idle[(i-1)/2], i)
		i = (i - 1) / 2
	}
	f.put(b, i)
}

// down puts b at place i or, while a child came earlier, below it.
func (f *fifo) down(b *block, i int) {
	for {
		child := 2*i + 1
		if child+1 < len(f.idle) && f.idle[child+1].arrival < f.idle[child].arrival {
			child++
		}
		if child >= len(f.idle) || f.idle[child].arrival > b.arrival {
			f.put(b, i)
			return
		}
		f.put(f.idle[child], i)
		i = child
	}
}

func (f *fifo) put(b *block, i int) { f.idle[i], b.place = b, i }
