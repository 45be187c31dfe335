package sim

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// generation is a request on its way through the engine, seen from the HTTP side.
type generation struct {
	m       *Machine
	id      string
	created string // Unix seconds
	began   time.Time
	req     *completion
	prompt  int // tokens of all prompts
	choices []choice
	events  chan Event
	early   []Event // came before all sequences had been taken
	timed   bool    // the machine's latencies take note
	left    int     // choices whose last event has not come
	release func()  // to be called when nobody reads its events any more: the engine drops what it has not ended
}

// choice is one answer to a request: a sequence of its own.
type choice struct {
	seq     *sequence
	digest  uint64 // of the prompt and its adapter, and of which answer to it this is
	recalls string // what the prompt asks to say again, "" for nothing
	echo    string // what stands before the answer
	sent    int    // tokens
	done    Event
	begun   bool // its first token has come; known if the generation is timed
	ended   bool // its last event has come
	copied  bool // an answer to the same prompt stands before it
}

// begin submits the request: a sequence for each answer to each prompt, which share nothing but what the engine's caches
// give any two requests. X-Request-Id, if sent, names it, unless it could not stand in JSON as it is.
func (m *Machine) begin(r *http.Request, c *completion, fallbackID string) (*generation, error) {
	g := &generation{m: m, id: r.Header.Get("X-Request-Id"), req: c, began: time.Now()}
	g.created = strconv.FormatInt(g.began.Unix(), 10)
	if !isPlainID(g.id) {
		g.id = fallbackID
	}
	fits := true
	for _, p := range c.prompts() {
		tokens := p.tokens(m.spec.Tokenize)
		g.prompt += len(tokens)
		fits = fits && c.MaxTokens <= m.spec.MaxSequenceTokens()-len(tokens)
		g.answers(p, tokens)
	}
	c.Prompt, c.further, c.Messages = promptField{}, nil, nil // nobody reads it again, and it may be long
	// Room for all events, so that the engine never waits: queued, tokens and done of each, and gone at any time.
	room := len(g.choices) + 1
	if fits {
		room = len(g.choices)*(c.MaxTokens+2) + 1
	}
	g.events, g.left = make(chan Event, room), len(g.choices)
	for i := range g.choices {
		g.choices[i].seq.events = g.events
		if err := m.submit(r.Context(), g.choices[i].seq, fits); err != nil {
			for _, c := range g.choices[:i] {
				m.abandon(c.seq)
			}
			return nil, err
		}
	}
	// That the client goes away or the machine stops comes as an event like any other: a handler waits once a
	// token, and to wait on one channel costs much less than on three.
	gone := func() {
		select {
		case g.events <- Event{Kind: eventGone}:
		default: // said before
		}
	}
	client, machine := context.AfterFunc(r.Context(), gone), context.AfterFunc(m.ctx, gone)
	g.release = func() {
		client()
		machine()
		// Whatever made the handler return, a write that failed included: its client takes no more of the answer, and
		// the slot and the KV are wanted.
		for i := range g.choices {
			if !g.choices[i].ended {
				m.abandon(g.choices[i].seq)
			}
		}
	}
	return g, nil
}

// answers adds the choices of one prompt.
func (g *generation) answers(p promptField, tokens []uint32) {
	c, spec := g.req, g.m.spec
	var hashes []uint64
	if spec.BlockReuse {
		hashes = underAdapter(c.adapter, BlockHashes(tokens, spec.BlockTokens))
		if c.Salt != "" {
			hashes = underAdapter("salt "+c.Salt, hashes)
		}
	}
	one := choice{digest: promptDigest(c.adapter, tokens), recalls: c.recalls(p)}
	if c.Echo && !c.chat {
		one.echo = p.text
	}
	for n := range uint64(c.answers()) {
		id := g.id
		if n := len(g.choices); n > 0 {
			id += "-" + strconv.Itoa(n)
		}
		one.seq = &sequence{id: id, promptTokens: len(tokens), maxTokens: c.MaxTokens, hashes: hashes, adapter: c.adapter, choice: len(g.choices)}
		if one.copied = n > 0; one.copied {
			one.digest = mix64(one.digest + n)
		}
		g.choices = append(g.choices, one)
	}
}

// isPlainID reports whether a request's id is short and needs no escape.
func isPlainID(id string) bool {
	for _, c := range []byte(id) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return id != "" && len(id) <= 128
}

// admitted waits until the engine has taken all sequences, and tells EventQueued; or why it did not take one of them.
func (g *generation) admitted(ctx context.Context) (EventKind, error) {
	for waiting := len(g.choices); waiting > 0; {
		e, err := g.receive(ctx)
		switch {
		case err != nil:
			return 0, err
		case e.Kind == EventQueued:
			waiting--
		case e.Kind == EventToken || e.Kind == EventDone:
			g.early = append(g.early, e)
		default:
			return e.Kind, nil
		}
	}
	return EventQueued, nil
}

// next waits for the next event of the request. It fails when the client goes away or the machine stops, and
// must not be called again then.
func (g *generation) next(ctx context.Context) (Event, error) {
	if len(g.early) > 0 {
		e := g.early[0]
		g.early = g.early[1:]
		return e, nil
	}
	return g.receive(ctx)
}

func (g *generation) receive(ctx context.Context) (Event, error) {
	e := <-g.events
	switch {
	case e.Kind == eventGone && ctx.Err() != nil:
		return Event{}, ctx.Err()
	case e.Kind == eventGone:
		return Event{}, context.Cause(g.m.ctx)
	case e.Kind == EventTooLong: // all of them are
		for i := range g.choices {
			g.choices[i].ended = true
		}
	case e.Kind != EventQueued && e.Kind != EventToken:
		c := &g.choices[e.Choice]
		c.done, c.ended = e, true
		if g.timed && e.Kind == EventDone {
			g.m.latency.finished(e, time.Since(g.began))
		}
	case g.timed && e.Kind == EventToken && !g.choices[e.Choice].begun:
		g.choices[e.Choice].begun = true
		g.m.latency.answered(time.Since(g.began))
	}
	return e, nil
}

// last takes note of an event that ends a choice, and reports whether it was the last.
func (g *generation) last() bool {
	g.left--
	return g.left == 0
}
