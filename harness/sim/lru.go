package sim

// lru evicts the block that was used the longest time ago. Used blocks are out of the list and come
// back as the newest, so each operation is O(1).
type lru struct{ idle blockList }

func newLRU() *lru {
	l := &lru{}
	l.idle.init()
	return l
}

func (l *lru) name() string    { return "LRU" }
func (l *lru) insert(b *block) { l.idle.push(b) }
func (l *lru) remove(b *block) { l.idle.remove(b) }
func (l *lru) hold(b *block)   { l.idle.remove(b) }
func (l *lru) free(b *block)   { l.idle.push(b) }
func (l *lru) victim() *block  { return l.idle.oldest() }

func (l *lru) use(b *block) {
	if b.refs == 0 {
		l.refresh(b)
	}
}

func (l *lru) refresh(b *block) {
	l.idle.remove(b)
	l.idle.push(b)
}
