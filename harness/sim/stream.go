package sim

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// generation is a request on its way through the engine, seen from the HTTP side.
type generation struct {
	m       *Machine
	id      string
	created string // Unix seconds
	req     *completion
	prompt  int
	digest  uint64 // of the prompt and its adapter
	recalls string // what the prompt asks to say again, "" for nothing
	seq     *sequence
	done    Event
	ended   bool   // its last event has come
	release func() // to be called when nobody reads its events any more: the engine drops what it has not ended
}

// begin submits the request. X-Request-Id, if sent, names it, unless it could not stand in JSON as it is.
func (m *Machine) begin(r *http.Request, c *completion, fallbackID string) (*generation, error) {
	tokens := c.tokens(m.spec.Tokenize)
	id := r.Header.Get("X-Request-Id")
	if !isPlainID(id) {
		id = fallbackID
	}
	sub := Submission{ID: id, PromptTokens: len(tokens), MaxTokens: c.MaxTokens, Adapter: c.adapter}
	if m.spec.BlockReuse {
		sub.Hashes = underAdapter(c.adapter, BlockHashes(tokens, m.spec.BlockTokens))
	}
	recalls := c.recalls()
	c.Prompt, c.Messages = promptField{}, nil // nobody reads it again, and it may be long
	seq, err := m.submit(r.Context(), sub)
	if err != nil {
		return nil, err
	}
	// That the client goes away or the machine stops comes as an event like any other: a handler waits once a
	// token, and to wait on one channel costs much less than on three.
	gone := func() {
		select {
		case seq.events <- Event{Kind: eventGone}:
		default: // said before
		}
	}
	client, machine := context.AfterFunc(r.Context(), gone), context.AfterFunc(m.ctx, gone)
	g := &generation{m: m, id: id, created: strconv.FormatInt(time.Now().Unix(), 10), req: c, prompt: len(tokens), digest: promptDigest(c.adapter, tokens), recalls: recalls, seq: seq}
	g.release = func() {
		client()
		machine()
		// Whatever made the handler return, a write that failed included: its client takes no more of the answer, and
		// the slot and the KV are wanted.
		if !g.ended {
			m.abandon(seq)
		}
	}
	return g, nil
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

// next waits for the next event of the request. It fails when the client goes away or the machine stops, and
// must not be called again then.
func (g *generation) next(ctx context.Context) (Event, error) {
	e := <-g.seq.events
	switch {
	case e.Kind != eventGone:
		g.ended = e.Kind != EventQueued && e.Kind != EventToken
		return e, nil
	case ctx.Err() != nil:
		return Event{}, ctx.Err()
	}
	return Event{}, context.Cause(g.m.ctx)
}

// frames writes the frames of one stream. Each frame is one write and one flush, so that it reaches the
// client at the instant of its token.
type frames struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	buf   []byte
	stamp bool
}

func newFrames(w http.ResponseWriter, stamp bool) *frames {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	return &frames{w: w, rc: http.NewResponseController(w), stamp: stamp}
}

// flush sends what has been appended to buf.
func (f *frames) flush() error {
	if f.stamp {
		stamped := append([]byte(": sent "), strconv.FormatInt(time.Now().UnixNano(), 10)...)
		f.buf = append(append(stamped, '\n'), f.buf...)
	}
	_, err := f.w.Write(f.buf)
	f.buf = f.buf[:0]
	if err != nil {
		return err
	}
	return f.rc.Flush()
}

// headers sends the status line and headers now, before any token.
func (f *frames) headers() error {
	f.w.WriteHeader(http.StatusOK)
	return f.rc.Flush()
}

func (f *frames) printf(format string, args ...any) { f.buf = fmt.Appendf(f.buf, format, args...) }
