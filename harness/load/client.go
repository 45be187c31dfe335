package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"sparkharness/harness/record"
)

// client sends requests of one Spec and times the answers. Safe for concurrent use.
type client struct {
	spec    *Spec
	url     string
	answers sync.Pool // *answer
}

func newClient(spec *Spec) *client {
	path := "/v1/completions"
	if spec.API == APIChat {
		path = "/v1/chat/completions"
	}
	return &client{
		spec: spec, url: strings.TrimRight(spec.BaseURL, "/") + path,
		answers: sync.Pool{New: func() any { return new(answer) }},
	}
}

// request is one request, ready to send.
type request struct {
	user, seq int
	tokens    int    // output tokens to ask for
	prompt    Prompt // without its text
	drawn     int    // index of the adapter that the request's own randomness gives it
	adapter   *string
	name      string // goes out as its id; empty for that of user and seq
	body      *body
	intended  time.Time
	phase     string
}

// id is what servers that take a request id are told.
func (r *request) id() string {
	if r.name != "" {
		return r.name
	}
	return fmt.Sprintf("u%d-q%d", r.user, r.seq)
}

// result is what became of a request.
type result struct {
	rec     record.Request
	sent    time.Time
	end     time.Time       // the answer's last event, or when it was given up
	gaps    []time.Duration // between chunks with text, in any order; valid until release
	chunked bool            // the gaps are none between tokens
	answer  *answer
}

var errTimeLimit = errors.New("no complete answer within the request's time limit")

// linger is how long the rest of a finished response may take to end before its connection is dropped.
const linger = time.Second

// do sends req and reads the answer to its end, or until the time limit or ctx ends it. The caller
// releases the result.
func (c *client) do(ctx context.Context, req *request) *result {
	sent := time.Now()
	origin := sent
	if _, closed := c.spec.Loop.(Closed); !closed {
		origin = req.intended
	}
	res := &result{sent: sent, rec: record.Request{
		RunID: c.spec.RunID, Stack: c.spec.Stack, Model: c.spec.Model, Workload: c.spec.Workload,
		ContextTokens: req.prompt.Tokens, Concurrency: c.spec.users(),
		User: req.user, Seq: req.seq, Session: req.prompt.Session, Turn: req.prompt.Turn, Reusable: req.prompt.Reusable,
		Adapter: req.adapter,
		Phase:   req.phase, AskedTokens: req.tokens,
		TS: c.ts(sent), IntendedTS: c.ts(req.intended), SendLagMS: millis(sent.Sub(req.intended)),
	}}
	res.answer = c.answers.Get().(*answer)
	res.answer.reset(nil)

	limit := origin.Add(c.spec.Timeout)
	rctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(limit.Sub(sent), func() { cancel(errTimeLimit) })
	defer timer.Stop()

	rc, err := c.exchange(rctx, req, res, origin, limit, timer)
	res.gaps, res.chunked = res.answer.gaps, res.answer.chunked()
	if !res.end.Before(limit) {
		rc, err = record.RCTimeout, errTimeLimit
	} else if rc == record.RCCut || rc == record.RCUnanswered || rc == record.RCRefused {
		// A cancelled request fails like a broken one.
		if ctx.Err() != nil {
			rc, err = record.RCCancelled, context.Cause(ctx)
		}
	}
	c.conclude(res, rc, err, origin)
	return res
}

// exchange does the HTTP part and returns the result code with its reason. It sets res.end, and leaves
// time limit and cancellation to the caller wherever they look like a broken connection.
func (c *client) exchange(ctx context.Context, req *request, res *result, origin, limit time.Time, timer *time.Timer) (rc string, err error) {
	resp, rc, err := c.post(ctx, req, res)
	res.end = time.Now()
	if err != nil && rc != record.RCHTTP {
		return rc, err
	}
	headers := millis(res.end.Sub(origin))
	res.rec.HeadersMS = &headers
	if err != nil {
		return rc, err // a redirect
	}
	defer resp.Body.Close()

	if resp.StatusCode != http.StatusOK {
		return c.refusal(resp)
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(strings.ToLower(kind), "text/event-stream") {
		return c.unstreamed(resp, kind, res)
	}
	a := res.answer
	a.reset(resp.Body)
	a.frames.left = maxStream(req.tokens)
	if c.spec.observe != nil {
		a.observe = c.spec.observe(req)
	}
	err = a.read(limit)
	if err != nil {
		res.end = time.Now()
		if errors.Is(err, errMalformed) {
			return record.RCMalformed, err
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("the stream ended without [DONE]")
		}
		if rest := a.frames.rest(); len(rest) > 0 {
			err = fmt.Errorf("%w, behind %s", err, rest[:min(len(rest), 4<<10)])
		}
		return record.RCCut, err
	}
	res.end = a.end
	// The connection can be used again only if its response is read to the end.
	timer.Reset(linger)
	_, _ = io.CopyN(io.Discard, resp.Body, 1<<20)
	if a.failed != "" {
		return record.RCServer, errors.New(a.failed)
	}
	if lack := a.shortfall(req.tokens, c.spec.AnyLength); lack != "" {
		return record.RCShort, errors.New(lack)
	}
	return record.RCOK, nil
}

// refusal is an answer with another status than 200.
func (c *client) refusal(resp *http.Response) (rc string, err error) {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	err = fmt.Errorf("HTTP %d: %s", resp.StatusCode, text)
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, 529: // 529 is Dynamo's "Overloaded"
		return record.RCRejected, err
	}
	return record.RCHTTP, err
}

// unstreamed is an answer of another kind than a stream, with status 200.
func (c *client) unstreamed(resp *http.Response, kind string, res *result) (rc string, err error) {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	res.end = time.Now()
	if said := failureIn(text); said != "" {
		return record.RCServer, fmt.Errorf("HTTP 200 with an error: %s", said)
	}
	return record.RCMalformed, fmt.Errorf("content type %q instead of text/event-stream: %s", kind, text)
}

// conclude fills in the record.
func (c *client) conclude(res *result, rc string, err error, origin time.Time) {
	rec, a := &res.rec, res.answer
	rec.RC = rc
	rec.Censored = rc == record.RCTimeout
	if err != nil {
		text := c.spec.HTTP.Quote(err.Error()) // may quote the server
		rec.Error = &text
	}
	if !a.first.IsZero() {
		ttft := millis(a.first.Sub(origin))
		rec.TTFTms = &ttft
	}
	switch rc {
	case record.RCOK, record.RCShort, record.RCTimeout:
		e2e := millis(res.end.Sub(origin))
		rec.E2Ems = &e2e
	}
	if n := a.texts(); n > 0 && a.usage.output >= 0 {
		share := float64(a.usage.output) / float64(n)
		rec.TokensPerChunk = &share
	}
	if n := len(a.gaps); n > 0 {
		p50, most := a.gapStats()
		if a.chunked() {
			rec.ChunkGapP50MS, rec.ChunkGapMaxMS = &p50, &most
			n = a.usage.output - 1
		} else {
			rec.ITLp50ms, rec.ITLmaxMS = &p50, &most
		}
		if n > 0 {
			mean := millis(a.last.Sub(a.first)) / float64(n)
			rec.ITLmeanMS = &mean
		}
	}
	rec.PromptTokens = counted(a.usage.prompt)
	rec.CachedTokens = counted(a.cached())
	rec.OutputTokens = counted(a.usage.output)
	if !a.waited && a.hasComputed && !a.first.IsZero() {
		// The server does not tell the wait, but what it did since it ended: the first token comes with the prompt's end.
		a.wait, a.waited = max(0, millis(a.first.Sub(res.sent))-a.computed), a.computed >= 0
	}
	if wait := a.wait; a.waited && wait >= 0 && wait <= millis(res.end.Sub(res.sent)) {
		rec.ServerWaitMS = &wait // no server can have let a request wait for longer than it took
	}
}

func counted(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// release gives the buffers of a result back.
func (c *client) release(res *result) {
	res.gaps = nil
	res.answer.reset(nil)
	c.answers.Put(res.answer)
	res.answer = nil
}

// ts is t on the cell's clock, Unix seconds.
func (c *client) ts(t time.Time) float64 { return unix(c.spec.Start, t) }

// unix is the wall time of start plus the monotonic time from start to t, s.
func unix(start, t time.Time) float64 {
	return float64(start.UnixNano()+int64(t.Sub(start))) / 1e9
}
