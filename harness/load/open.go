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

// arrival is a request that is due at a given offset, or without one the end of the arrivals after that
// offset, with the error that ended them if one did.
type arrival struct {
	req *request
	at  time.Duration
	err error
}

// planner plans arrivals until halt closes or there are no more, and then closes planned.
type planner func(planned chan<- arrival, halt <-chan struct{})

// arrivals sends what is planned when it is due, each request in a goroutine of its own, until measure
// ends; it returns when all have ended.
func (r *run) arrivals(ctx context.Context, plan planner) {
	// Two more are in the hands of the planner and of this loop.
	planned := make(chan arrival, lookahead-2)
	halt := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(halt)
	r.task(&wg, func() { plan(planned, halt) })
	turns := rota{slots: 1}
	for next := range planned {
		if next.req == nil {
			r.locked(func() { r.stages.exhausted(next.at) })
			if next.err != nil {
				wg.Wait()
				r.locked(func() { r.fail(next.err) })
			}
			return
		}
		if !r.sleep(ctx, next.at, r.ended) || !r.begin(next.req, next.at, 0) {
			return
		}
		r.assign(next.req, &turns)
		r.task(&wg, func() { r.send(ctx, next.req) })
	}
}

// plan is the planner of an open loop: it draws arrivals. One that fails ends the run at once.
func (r *run) plan(pacer Pacer, planned chan<- arrival, halt <-chan struct{}) {
	defer close(planned)
	rng := generator(domainArrivals, r.spec.Seed)
	var at time.Duration
	for n := 0; ; n++ {
		next := pacer.Next(rng, at)
		req, _, err := r.prepare(n, 0, nil, nil)
		if err == nil && next < at {
			err = fmt.Errorf("pacer: send %d is planned for %v, before the one at %v", n, next, at)
		}
		if err != nil {
			r.locked(func() { r.fail(err) })
			return
		}
		at = next
		select {
		case planned <- arrival{req: req, at: at}:
		case <-halt:
			return
		}
	}
}
