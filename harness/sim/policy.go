package sim

import "fmt"

// block is a cached KV block in one tier; prev and next are its place in the tier's order.
type block struct {
	hash       uint64
	refs       int // sequences that use it; a used block is never evicted
	prev, next *block
}

// policy orders the unused blocks of a tier for eviction.
type policy interface {
	add(*block)    // became evictable
	remove(*block) // is used again, or gone
	victim() *block
	// keepsPlace reports whether a block that is used and released returns to the place it had, as in
	// FIFO, instead of the newest end.
	keepsPlace() bool
}

// newPolicy returns the named policy.
func newPolicy(name string) (policy, error) {
	switch name {
	case "LRU":
		return newOrdered(false), nil
	case "FIFO":
		return newOrdered(true), nil
	}
	return nil, fmt.Errorf("eviction policy %q is not known (known: LRU, FIFO)", name)
}

// ordered evicts from the old end of a list. LRU moves a block to the new end whenever it is used;
// FIFO leaves it where its arrival put it.
type ordered struct {
	fifo bool
	head block // sentinel: head.next is the oldest
}

func newOrdered(fifo bool) *ordered {
	o := &ordered{fifo: fifo}
	o.head.prev, o.head.next = &o.head, &o.head
	return o
}

func (o *ordered) keepsPlace() bool { return o.fifo }

func (o *ordered) add(b *block) {
	last := o.head.prev
	b.prev, b.next = last, &o.head
	last.next, o.head.prev = b, b
}

func (o *ordered) remove(b *block) {
	b.prev.next, b.next.prev = b.next, b.prev
	b.prev, b.next = nil, nil
}

// victim returns the oldest block that no sequence uses, nil if there is none.
func (o *ordered) victim() *block {
	for b := o.head.next; b != &o.head; b = b.next {
		if b.refs == 0 {
			return b
		}
	}
	return nil
}
