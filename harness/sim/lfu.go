package sim

// lfu evicts the block that was used least often since it came into the tier, among equals the one used
// the longest time ago. A block enters at frequency 1, and the count of a block that goes is forgotten.
//
// So it is sticky: counts never age, and blocks that were popular once stay until as many uses have
// been made of others; a newcomer, at 1, goes first.
//
// Blocks of one frequency are a bucket, the buckets a list by frequency, so each operation is O(1) but
// for victim, which passes over buckets whose blocks are all in use.
type lfu struct{ head frequency } // sentinel: head.next has the lowest count

// frequency is a bucket of blocks that were used equally often.
type frequency struct {
	count      int64
	blocks     int       // used ones included
	idle       blockList // unused, the least recently used first
	prev, next *frequency
}

func newLFU() *lfu {
	l := &lfu{}
	l.head.prev, l.head.next = &l.head, &l.head
	return l
}

func (l *lfu) name() string { return "LFU" }

func (l *lfu) insert(b *block) {
	l.enter(b, &l.head)
	l.free(b)
}

func (l *lfu) remove(b *block) {
	l.hold(b)
	l.leave(b.frequency)
	b.frequency = nil
}

func (l *lfu) use(b *block) {
	if b.refs == 0 {
		l.hold(b)
		defer l.free(b)
	}
	from := b.frequency
	l.enter(b, from)
	l.leave(from)
}

func (l *lfu) refresh(b *block) {
	l.hold(b)
	l.free(b)
}

func (l *lfu) hold(b *block) { b.frequency.idle.remove(b) }
func (l *lfu) free(b *block) { b.frequency.idle.push(b) }

func (l *lfu) victim() *block {
	f := l.head.next
	for f.idle.n == 0 {
		f = f.next
	}
	return f.idle.oldest()
}

// enter puts b into the bucket of one use more than from, which is made if there is none.
func (l *lfu) enter(b *block, from *frequency) {
	to := from.next
	if to == &l.head || to.count != from.count+1 {
		to = &frequency{count: from.count + 1, prev: from, next: from.next}
		to.idle.init()
		from.next.prev, from.next = to, to
	}
	to.blocks++
	b.frequency = to
}

// leave takes a block from the count of a bucket, which goes with its last.
func (l *lfu) leave(f *frequency) {
	f.blocks--
	if f.blocks == 0 {
		f.prev.next, f.next.prev = f.next, f.prev
	}
}
