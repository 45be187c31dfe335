package sim

import "context"

// Before a prompt is queued the server searches an index on the system's drive for what goes with it (mechanism IndexSearch), as
// a server does that retrieves documents: random reads of 4 KiB, each of which tells where the next is, in all an exponentially
// distributed number of bytes with the mean IndexSearch. One searcher serves the requests in order, and asks a completion ring
// for its reads: no task sleeps on them, so that block counters see a search and the host's others do not. The machine's seed
// and the request's id draw how much it reads.

// searchPage is what a read of a search brings, bytes.
const searchPage = 4 << 10

// searchStream is how a search reads.
var searchStream = NVMeStream{Name: "search", ReadShare: 1, IOBytes: searchPage, Depth: 1}

// searched waits until the search for a request has ended.
func (m *Machine) searched(ctx context.Context, id string) error {
	mean := m.engine.mech.IndexSearch
	if mean == 0 {
		return nil
	}
	j := job{kind: jobSearch, bytes: searchPage * (1 + int64(m.drawn(id)*float64(mean)/searchPage)), done: make(chan struct{})}
	if err := m.query(ctx, func() { m.engine.mover.enqueue(laneSearch, j, m.account()) }); err != nil {
		return err
	}
	select {
	case <-j.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-m.ctx.Done():
		return context.Cause(m.ctx)
	}
}
