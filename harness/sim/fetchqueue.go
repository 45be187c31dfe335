package sim

// fetchQueue are the requests that sleep until their tier-2 blocks are on the device (mechanism
// BlockingFetch), the one that the loader works for included: each is a task of its own, which sleeps on the
// lock of the tier's file or on its read. The load itself is made in that sleep, so that the loader is no
// further task.
type fetchQueue struct {
	tasks   int
	atNS    int64
	stalled Stall // until then
}

// until brings the times to now and returns them. A query may have moved them past the event that is being
// handled; then they stay where they are.
func (q *fetchQueue) until(now int64) Stall {
	if ns := float64(now - q.atNS); ns > 0 {
		q.atNS = now
		q.stalled.TasksNS += ns * float64(q.tasks)
		if q.tasks > 0 {
			q.stalled.SomeNS += ns
		}
	}
	return q.stalled
}

// awaitFetch notes that s begins to wait for tier-2 blocks: for a load of its own, for a prefetch, or for both.
func (e *engine) awaitFetch(s *sequence, now int64) {
	e.fetchQueue.until(now)
	if s.fetches++; s.fetches == 1 {
		e.fetchQueue.tasks++
	}
}

// fetched undoes awaitFetch.
func (e *engine) fetched(s *sequence, now int64) {
	e.fetchQueue.until(now)
	if s.fetches--; s.fetches == 0 {
		e.fetchQueue.tasks--
	}
}
