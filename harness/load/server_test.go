package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/memnet"
	"sparkharness/harness/outgoing"
)

// endpoint is an HTTP server on an in-memory network and a client for it, inside a bubble.
type endpoint struct {
	url  string
	http *outgoing.Client
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// serve starts a server; it and its connections end with the returned function, before the bubble does.
func serve(t *testing.T, h http.HandlerFunc) (endpoint, func()) {
	t.Helper()
	var network memnet.Network
	l, err := network.Listen("127.0.0.1:8355")
	require.NoError(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The server notices a client that goes away only after it has read the request.
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		h(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	client := outgoing.New(outgoing.Options{Dial: network.DialContext})
	return endpoint{"http://127.0.0.1:8355", client, network.DialContext}, func() {
		client.CloseIdleConnections()
		_ = srv.Close()
		<-done
	}
}

// nobody is an endpoint that nothing listens on.
func nobody() endpoint {
	var network memnet.Network
	return endpoint{"http://127.0.0.1:1", outgoing.New(outgoing.Options{Dial: network.DialContext}), network.DialContext}
}

// spec is a small valid closed-loop spec against e.
func (e endpoint) spec(t *testing.T) Spec {
	dist := must[Dist](t)
	return Spec{
		RunID: "r1", Stack: "A", Model: "L8B", Workload: "fixed_context", ContextTokens: 32,
		Loop:   Closed{Users: 4, Think: dist(NewExponential(0.5))},
		Output: dist(NewLognormal(6, 0.7)), Nonce: NoncePerRequest,
		Prompter: FixedContext{Seed: 1, Body: testBody}, Timeout: 30 * time.Second, Seed: 1,
		BaseURL: e.url, API: APICompletions, Dialect: DialectTRTLLM, ModelID: "llama", HTTP: e.http,
		Warmup:   Warmup{Min: 2 * time.Second, Max: 60 * time.Second, Passes: 1},
		Duration: 10 * time.Second, MaxDuration: 60 * time.Second, MinRequests: 1,
		Start: time.Now(),
	}
}

// wait sleeps unless the client goes away.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// generate answers a completion: prefill, then a token each step, then usage and [DONE].
func generate(w http.ResponseWriter, r *http.Request, tokens int, prefill, step time.Duration) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	for n := range tokens {
		pause := step
		if n == 0 {
			pause = prefill
		}
		if !wait(r.Context(), pause) {
			return
		}
		fin := ""
		if n == tokens-1 {
			fin = `,"finish_reason":"length"`
		}
		fmt.Fprintf(w, `data: {"object":"text_completion","choices":[{"index":0,"text":" a"%s}]}`+"\n\n", fin)
		_ = flush()
	}
	fmt.Fprintf(w, `data: {"choices":[],"usage":{"prompt_tokens":32,"completion_tokens":%d}}`+"\n\ndata: [DONE]\n\n", tokens)
}

// replay sends the frames of an SSE transcript, each after step, and ends the response.
func replay(w http.ResponseWriter, r *http.Request, text string, step time.Duration) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	_ = flush()
	blank := "\n\n"
	if strings.Contains(text, "\r\n\r\n") {
		blank = "\r\n\r\n"
	}
	for frame := range strings.SplitAfterSeq(text, blank) {
		if frame == "" {
			continue
		}
		if !wait(r.Context(), step) {
			return
		}
		fmt.Fprint(w, frame)
		_ = flush()
	}
}
