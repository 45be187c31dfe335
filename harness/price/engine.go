package price

import (
	"math"
	"slices"
	"time"

	"sparkharness/harness/load"
)

// engine is a serving engine in miniature: iterations over a batch, chunked prefill, admission in order of arrival while
// slots and device KV last. It implements load.Server.
type engine struct {
	model  model
	slots  int    // sequences at a time
	budget int    // tokens of an iteration
	pool   int    // tokens of device KV
	tiers  *tiers // nil: no KV is kept between requests
	nonce  load.Nonce
	loader float64 // bytes/s from the NVMe tier, one request after another
	copied float64 // bytes/s from the host tier

	loaderFree       float64 // s
	step             float64 // end of the iteration under way, s; +Inf: none
	held             int     // tokens of what runs
	waiting, loading []*asked
	prefill, running []*asked
	chunks           []int // of prefill, of the iteration under way, tokens
}

// asked is a request that the engine has.
type asked struct {
	load.Ask
	key, shared int
	computed    int     // prompt tokens
	emitted     int     // output tokens
	ready       float64 // when its KV has been loaded, s
}

func (a *asked) context() float64 { return float64(a.Prompt + a.emitted) }

// Arrive implements load.Server.
func (e *engine) Arrive(at time.Duration, a load.Ask) {
	q := &asked{Ask: a}
	switch {
	case a.Session != nil:
		q.key, q.shared = *a.Session, *a.Reusable
	case e.nonce == load.NoncePerUser:
		q.key, q.shared = a.User, a.Prompt
	case e.nonce == load.NoncePerRequest:
		q.key = a.ID
	default:
		q.shared = a.Prompt
	}
	e.waiting = append(e.waiting, q)
	e.begin(at.Seconds())
}

// Next implements load.Server.
func (e *engine) Next() time.Duration {
	at := e.step
	for _, q := range e.loading {
		at = min(at, q.ready)
	}
	if math.IsInf(at, 1) {
		return load.Never
	}
	return time.Duration(math.Ceil(at * 1e9))
}

// Advance implements load.Server.
func (e *engine) Advance(to time.Duration) (ended []int) {
	now := to.Seconds()
	const grain = 1e-9 // of to
	due := func(q *asked) bool { return q.ready <= now+grain }
	for _, q := range e.loading {
		if due(q) {
			e.prefill = append(e.prefill, q)
		}
	}
	e.loading = slices.DeleteFunc(e.loading, due)
	if e.step <= now+grain {
		ended = e.finish()
		e.step = math.Inf(1)
	}
	e.begin(now)
	return ended
}

// begin admits what waits and starts an iteration, unless one is under way.
func (e *engine) begin(now float64) {
	if !math.IsInf(e.step, 1) {
		return
	}
	e.admit(now)
	budget := e.budget - len(e.running)
	prompt, fresh, context := 0.0, 0, 0.0
	e.chunks = e.chunks[:0]
	for _, q := range e.prefill {
		n := min(q.Prompt-q.computed, budget)
		if n <= 0 {
			break
		}
		budget -= n
		if q.computed == 0 {
			fresh++
		}
		prompt += e.model.prefill(q.computed, n)
		e.chunks = append(e.chunks, n)
	}
	if len(e.chunks) == 0 && len(e.running) == 0 {
		return
	}
	for _, q := range e.running {
		context += q.context()
	}
	e.step = now + e.model.step(prompt, len(e.chunks), len(e.running), fresh, context)
}

// admit takes requests from the queue while there are slots and device KV for them.
func (e *engine) admit(now float64) {
	for len(e.waiting) > 0 {
		q := e.waiting[0]
		active := len(e.loading) + len(e.prefill) + len(e.running)
		if active >= e.slots || active > 0 && e.held+q.Prompt+q.Output > e.pool {
			return
		}
		e.waiting = e.waiting[1:]
		e.held += q.Prompt + q.Output
		var m match
		if e.tiers != nil {
			m = e.tiers.find(q.key, q.shared, q.Prompt)
		}
		q.computed, q.ready = m.tokens(), now+float64(m.host)*e.model.kvToken/e.copied
		if m.disk > 0 {
			e.loaderFree = max(e.loaderFree, now) + float64(m.disk)*e.model.kvToken/e.loader
			q.ready = max(q.ready, e.loaderFree)
		}
		if q.ready > now {
			e.loading = append(e.loading, q)
		} else {
			e.prefill = append(e.prefill, q)
		}
	}
}

// finish ends the iteration: every sequence whose prompt is done gets a token.
func (e *engine) finish() (ended []int) {
	for i, n := range e.chunks {
		e.prefill[i].computed += n
	}
	done := func(q *asked) bool { return q.computed >= q.Prompt }
	for _, q := range e.prefill {
		if done(q) {
			e.running = append(e.running, q)
			if e.tiers != nil {
				e.tiers.computed(q.key, q.shared, q.Prompt, e.held-q.Prompt)
			}
		}
	}
	e.prefill = slices.DeleteFunc(e.prefill, done)
	for _, q := range e.running {
		if q.emitted++; q.emitted >= q.Output {
			ended = append(ended, q.ID)
			e.held -= q.Prompt + q.Output
		}
	}
	e.running = slices.DeleteFunc(e.running, func(q *asked) bool { return q.emitted >= q.Output })
	return ended
}
