package sim

import "sync"

// completions are the I/Os that have ended, until the engine takes note.
type completions struct {
	wake chan struct{} // holds a token while there are any

	mu    sync.Mutex
	ended []endedIO
}

// endedIO is an I/O that has ended.
type endedIO struct {
	id  int64
	err error
}

func newCompletions() *completions { return &completions{wake: make(chan struct{}, 1)} }

// put may be called by any goroutine.
func (c *completions) put(e endedIO) {
	c.mu.Lock()
	c.ended = append(c.ended, e)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take appends what there is to `to`, in the order of put.
func (c *completions) take(to []endedIO) []endedIO {
	// The token first: one that is put meanwhile wakes for nothing, which is better than not at all.
	select {
	case <-c.wake:
	default:
	}
	c.mu.Lock()
	to = append(to, c.ended...)
	clear(c.ended) // the errors
	c.ended = c.ended[:0]
	c.mu.Unlock()
	return to
}
