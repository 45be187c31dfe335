package load

import (
	"context"
	"time"

	"sparkharness/harness/record"
)

// failurePause is the least wait after an answer that failed at once: without it users that do not think
// would hammer a server that refuses them.
const failurePause = 100 * time.Millisecond

// user is one user of a closed loop: think, send, wait for the end, think again, until measure ends. The
// first think time is what is left of one that began long before the run.
func (r *run) user(ctx context.Context, loop Closed, user int) {
	var (
		free   time.Duration // when the last answer ended
		pause  time.Duration // least think time
		passes int
		think  = loop.thinkOf(user)
		turns  = rota{slot: user, slots: loop.Users}
	)
	for seq := 0; ; seq++ {
		req, wait, err := r.prepare(user, seq, think, nil)
		if err != nil {
			r.locked(func() { r.fail(err) })
			return
		}
		due := ceilMicro(free + max(wait, pause))
		if !r.sleep(ctx, due, r.ended) || !r.begin(req, due, due-free) {
			return
		}
		r.assign(req, &turns)
		rc, end := r.send(ctx, req)
		free, pause = end, failurePause
		if rc == record.RCOK || rc == record.RCTimeout {
			pause = 0
		}
		if rc == record.RCOK {
			if passes++; passes == r.spec.Warmup.Passes {
				r.locked(func() { r.stages.passed(end) })
			}
		}
	}
}
