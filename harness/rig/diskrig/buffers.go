package diskrig

import (
	"errors"
	"sync"
)

// buffers are what goes to the drive and comes from there, kept for the next transfer of the same size.
type buffers struct {
	mu   sync.Mutex
	idle map[bufferKind][][]byte
	all  [][]byte
}

type bufferKind struct {
	bytes int64
	write bool
}

// take returns a buffer, filled if it is for writes.
func (b *buffers) take(bytes int64, write bool, c *content) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kind := bufferKind{bytes, write}
	if idle := b.idle[kind]; len(idle) > 0 {
		buf := idle[len(idle)-1]
		b.idle[kind] = idle[:len(idle)-1]
		return buf, nil
	}
	buf, err := memory(bytes)
	if err != nil {
		return nil, err
	}
	b.all = append(b.all, buf)
	if write {
		c.fill(buf)
	}
	return buf, nil
}

// put gives a buffer back that nothing reads or writes any more.
func (b *buffers) put(buf []byte, write bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.idle == nil {
		b.idle = map[bufferKind][][]byte{}
	}
	kind := bufferKind{int64(len(buf)), write}
	b.idle[kind] = append(b.idle[kind], buf)
}

// free gives all memory back.
func (b *buffers) free() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, buf := range b.all {
		errs = append(errs, giveBack(buf))
	}
	b.all, b.idle = nil, nil
	return errors.Join(errs...)
}
