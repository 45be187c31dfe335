package sim

// blockList is a list of blocks from the oldest to the newest; a block is in one list at most.
type blockList struct {
	head block // sentinel: head.next is the oldest
	n    int
}

// init makes the list empty; a list must not be copied after it.
func (l *blockList) init() { l.head.prev, l.head.next = &l.head, &l.head }

// push makes b the newest.
func (l *blockList) push(b *block) {
	last := l.head.prev
	b.prev, b.next = last, &l.head
	last.next, l.head.prev = b, b
	l.n++
}

func (l *blockList) remove(b *block) {
	b.prev.next, b.next.prev = b.next, b.prev
	b.prev, b.next = nil, nil
	l.n--
}

// oldest is nil in an empty list.
func (l *blockList) oldest() *block {
	if l.n == 0 {
		return nil
	}
	return l.head.next
}

// newest is nil in an empty list.
func (l *blockList) newest() *block {
	if l.n == 0 {
		return nil
	}
	return l.head.prev
}
