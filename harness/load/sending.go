package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// closing is how long after a request a connection may end and still have been on its way to be closed when the
// request came: a round trip, and what busy machines add to it. A server that takes longer had the request.
const closing = 5 * time.Second

// sending is one try to have a request answered, as its connection saw it. A transport's goroutines set it.
type sending struct {
	connected, reused, answered atomic.Bool // the last is a first byte of an answer
}

// post sends req and returns the head of the answer. A request that came on a kept connection as the server was
// closing it, so that no byte of an answer came, is sent once more, on a connection of its own: net/http does so
// with requests that may be repeated without asking, and a POST is none.
//
// An error comes with the result code of a request that was not answered.
func (c *client) post(ctx context.Context, req *request, res *result) (resp *http.Response, rc string, err error) {
	begin := time.Now()
	resp, s, err := c.send(ctx, req, c.spec.HTTP.Do)
	reused := s.reused.Load()
	if err != nil && reused && !s.answered.Load() && time.Since(begin) < closing && ctx.Err() == nil {
		var again *sending
		first := err
		if resp, again, err = c.send(ctx, req, c.spec.HTTP.DoFresh); err != nil {
			err = fmt.Errorf("%w; sent before on a kept connection: %w", err, first)
		}
		s, res.rec.SentAgain, res.rec.ConnReused = again, true, &reused
	}
	var refusal *outgoing.Refusal
	switch {
	case err == nil:
		return resp, "", nil
	case errors.As(err, &refusal) && refusal.Status != 0:
		return nil, record.RCHTTP, err
	case !s.connected.Load():
		return nil, record.RCRefused, err
	case s.answered.Load():
		return nil, record.RCCut, fmt.Errorf("no response: %w", err)
	}
	res.rec.ConnReused = &reused
	return nil, record.RCUnanswered, fmt.Errorf("no response: %w", err)
}

// send makes one try, in the given way.
func (c *client) send(ctx context.Context, req *request, do func(*http.Request) (*http.Response, error)) (*http.Response, *sending, error) {
	s := new(sending)
	var hold *time.Timer
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			s.connected.Store(true)
			if s.reused.Store(info.Reused); info.Reused && hold == nil {
				hold = time.AfterFunc(closing, req.body.release)
			}
		},
		WroteRequest: func(w httptrace.WroteRequestInfo) {
			if w.Err == nil && !s.reused.Load() {
				req.body.release() // it will not be sent again
			}
		},
		GotFirstResponseByte: func() {
			s.answered.Store(true)
			req.body.release()
		},
	})
	defer func() {
		if hold != nil {
			hold.Stop()
		}
	}()
	content, err := req.body.open()
	if err != nil {
		return nil, s, err
	}
	hreq, err := c.spec.HTTP.Request(ctx, http.MethodPost, c.url, content)
	if err != nil {
		return nil, s, err
	}
	// As net/http sets them for a body that it knows: it may have to send it on another connection.
	hreq.ContentLength, hreq.GetBody = req.body.size(), req.body.open
	hreq.Header.Set("Content-Type", "application/json")
	hreq.Header.Set("Accept", "text/event-stream")
	hreq.Header.Set("X-Request-Id", req.id())
	resp, err := do(hreq)
	return resp, s, err
}
