package load

import (
	"container/heap"
	"errors"
	"fmt"
	"math"
	"time"
)

// Never is when nothing happens any more.
const Never = time.Duration(math.MaxInt64)

// Server answers the requests of a rehearsal. It is arithmetic on offsets from the start of the load, which never go
// backwards.
type Server interface {
	// Arrive takes a request.
	Arrive(at time.Duration, a Ask)
	// Next is when something next happens in the server by itself, Never if nothing does.
	Next() time.Duration
	// Advance does what is due at or before at, and returns the ids of the requests whose answers end then.
	Advance(at time.Duration) []int
}

// Ask is what decides how long a request takes.
type Ask struct {
	ID        int // from 0, in the order of arrival
	User, Seq int
	Prompt    int  // tokens
	Session   *int // as in Prompt
	Reusable  *int // as in Prompt
	Output    int  // tokens
}

// Rehearsed is how long the phases of a load take, and how many requests were answered in all.
type Rehearsed struct {
	Warmup, Measure, Drain time.Duration
	Answers                int
}

// Total is the length of the load.
func (r Rehearsed) Total() time.Duration { return r.Warmup + r.Measure + r.Drain }

// mostRehearsed bounds the requests of a rehearsal. Past it the phases go on at the rate that has been seen.
const mostRehearsed = 6000

// Rehearse goes through the load of a cell against a server that is arithmetic: the same draws and the same ends of
// phases as in Run, and no request is sent. What it takes to send one (BaseURL, HTTP ...) and the texts of prompts are not
// needed; a SessionedChat is given a text that costs nothing. A Replay has nothing to draw and is refused.
func Rehearse(spec Spec, server Server) (Rehearsed, error) {
	if _, replay := spec.Loop.(Replay); replay {
		return Rehearsed{}, errors.New("a replay is as long as its trace: there is nothing to rehearse")
	}
	if chat, ok := spec.Prompter.(*SessionedChat); ok {
		spec.Prompter = &SessionedChat{Seed: chat.Seed, Turns: chat.Turns, Message: chat.Message, Answer: chat.Answer, Fresh: chat.Fresh,
			Least: chat.Least, Text: func(uint64, int) (string, error) { return "\n", nil }}
	}
	r := &rehearsal{spec: &spec, server: server, stages: newStages(&spec)}
	switch loop := spec.Loop.(type) {
	case Closed:
		for u := range loop.Users {
			r.wake(u, 0, 0)
		}
	case Open:
		rng := generator(domainArrivals, spec.Seed)
		n, at := 0, time.Duration(0)
		r.arrival = func() {
			at = loop.Pacer.Next(rng, at)
			heap.Push(&r.due, coming{at: at, user: n})
			n++
		}
		r.arrival()
	}
	return r.run()
}

// rehearsal is one call of Rehearse.
type rehearsal struct {
	spec    *Spec
	server  Server
	stages  *stages
	due     schedule
	arrival func() // plans the next arrival of an open loop; nil in a closed one
	asked   []sent // by id
	open    int    // requests that are not answered
	last    time.Duration
	done    int // answers
}

// coming is a request that is to be sent.
type coming struct {
	at        time.Duration
	user, seq int
	tokens    int // of output; 0: not drawn
}

// sent is a request that the server has, or had.
type sent struct {
	user, seq int
	phase     string
}

// wake plans request seq of a user that is free from an offset on.
func (r *rehearsal) wake(user, seq int, free time.Duration) {
	loop := r.spec.Loop.(Closed)
	tokens, wait, _ := r.spec.draw(user, seq, loop.thinkOf(user), nil)
	heap.Push(&r.due, coming{at: ceilMicro(free + wait), user: user, seq: seq, tokens: tokens})
}

func (r *rehearsal) run() (Rehearsed, error) {
	for {
		at, sends := r.server.Next(), false
		if len(r.due) > 0 && r.due[0].at < at {
			at, sends = r.due[0].at, true
		}
		if at == Never {
			break
		}
		if !sends {
			for _, id := range r.server.Advance(at) {
				r.answered(id, at)
			}
			continue
		}
		if len(r.asked) >= mostRehearsed || r.open >= maxOutstanding {
			r.stages.advance(at)
			if r.stages.endAt < 0 {
				return r.extrapolated(at), nil
			}
		}
		if err := r.send(heap.Pop(&r.due).(coming)); err != nil {
			return Rehearsed{}, err
		}
	}
	for r.stages.endAt < 0 { // nobody asks for anything any more
		r.stages.advance(r.stages.next)
	}
	s := r.stages
	return Rehearsed{Warmup: s.measureAt, Measure: s.endAt - s.measureAt, Drain: max(0, r.last-s.endAt), Answers: r.done}, nil
}

// send gives the server a request, unless measure has ended.
func (r *rehearsal) send(c coming) error {
	phase, due := r.stages.label(c.at)
	if !due {
		return nil
	}
	if r.arrival != nil {
		c.tokens, _, _ = r.spec.draw(c.user, 0, nil, nil)
		r.arrival()
	}
	a := Ask{ID: len(r.asked), User: c.user, Seq: c.seq, Prompt: r.spec.ContextTokens, Output: c.tokens}
	if chat, ok := r.spec.Prompter.(*SessionedChat); ok {
		p, err := chat.Prompt(PromptRequest{ContextTokens: r.spec.ContextTokens, User: c.user, Seq: c.seq, Nonce: r.spec.Nonce})
		if err != nil {
			return fmt.Errorf("rehearse: %w", err)
		}
		a.Prompt, a.Session, a.Reusable = p.Tokens, p.Session, p.Reusable
	}
	r.asked = append(r.asked, sent{c.user, c.seq, phase})
	r.open++
	r.server.Arrive(c.at, a)
	return nil
}

// answered is a request that has come to its end.
func (r *rehearsal) answered(id int, at time.Duration) {
	q := r.asked[id]
	r.open--
	r.done++
	r.last = at
	r.stages.complete(at, q.phase)
	if r.arrival != nil {
		return
	}
	if q.seq+1 == r.spec.Warmup.Passes {
		r.stages.passed(at)
	}
	r.wake(q.user, q.seq+1, at)
}

// extrapolated is what the phases come to when a rehearsal ends before they do, at an offset: answers go on at the rate
// that has been seen. Users that lack passes take no longer than is waited for them.
func (r *rehearsal) extrapolated(at time.Duration) Rehearsed {
	s := r.stages
	warmup, since, answered := s.measureAt, at-s.measureAt, s.answered
	if s.measureAt < 0 {
		warmup, since, answered = s.warmMax, at, r.done
	}
	measure := float64(s.measMax)
	if answered > 0 {
		measure = min(measure, float64(since)*float64(s.minRequests)/float64(answered))
	}
	return Rehearsed{Warmup: warmup, Measure: max(s.measMin, time.Duration(measure)), Answers: r.done}
}

// schedule is a heap of requests by the time at which they are due, users in their order.
type schedule []coming

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, k int) bool {
	return s[i].at < s[k].at || s[i].at == s[k].at && s[i].user < s[k].user
}
func (s schedule) Swap(i, k int) { s[i], s[k] = s[k], s[i] }
func (s *schedule) Push(x any)   { *s = append(*s, x.(coming)) }
func (s *schedule) Pop() any {
	old := *s
	last := old[len(old)-1]
	*s = old[:len(old)-1]
	return last
}
