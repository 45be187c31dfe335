package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// lookahead is how many arrivals are drawn and encoded before their time, so that making a prompt never
// delays a send.
const lookahead = 16

type arrival struct {
	req *request
	at  time.Duration
}

// arrivals sends when the pacer says so, each request in a goroutine of its own, until measure ends; it
// returns when all have ended.
func (r *run) arrivals(ctx context.Context, loop Open) {
	planned := make(chan arrival, lookahead)
	halt := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(halt)
	wg.Go(func() { r.plan(loop.Pacer, planned, halt) })
	for next := range planned {
		if !r.sleep(ctx, next.at, r.ended) || !r.begin(next.req, next.at, 0) {
			return
		}
		wg.Go(func() { r.send(ctx, next.req) })
	}
}

// plan draws arrivals until halt closes or one of them fails, and then closes planned.
func (r *run) plan(pacer Pacer, planned chan<- arrival, halt <-chan struct{}) {
	defer close(planned)
	rng := generator(domainArrivals, r.spec.Seed)
	var at time.Duration
	for n := 0; ; n++ {
		next := pacer.Next(rng, at)
		req, _, err := r.prepare(n, 0, nil)
		if err == nil && next < at {
			err = fmt.Errorf("pacer: send %d is planned for %v, before the one at %v", n, next, at)
		}
		if err != nil {
			r.mu.Lock()
			r.fail(err)
			r.mu.Unlock()
			return
		}
		at = next
		select {
		case planned <- arrival{req, at}:
		case <-halt:
			return
		}
	}
}
