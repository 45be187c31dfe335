package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/memnet"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// closer is a server that says it keeps connections alive and closes each as its second request arrives.
type closer struct {
	listener net.Listener
	wg       sync.WaitGroup
	hold     time.Duration // before it closes
	whole    bool          // reads the second request first; otherwise its first byte
	deaf     bool          // answers nothing at all once it has answered the first request

	mu       sync.Mutex
	answered map[string]int // answers by request id
	closed   int            // connections closed on a request
	conns    []net.Conn
}

func (c *closer) start() {
	c.answered = map[string]int{}
	c.wg.Go(func() {
		for {
			conn, err := c.listener.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.conns = append(c.conns, conn)
			c.mu.Unlock()
			c.wg.Go(func() { c.serve(conn) })
		}
	})
}

// stop closes the listener and what connections are open, and waits for their goroutines.
func (c *closer) stop() {
	_ = c.listener.Close()
	c.mu.Lock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.wg.Wait()
}

// serve answers a connection's first request with a token and closes it on the second.
func (c *closer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 16)
	c.mu.Lock()
	deaf := c.deaf && len(c.answered) > 0
	c.mu.Unlock()
	if !deaf {
		req, err := http.ReadRequest(bufio.NewReader(r))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		c.mu.Lock()
		c.answered[req.Header.Get("X-Request-Id")]++
		c.mu.Unlock()
		text := stream(finished("a"), counts(`"completion_tokens":1`), "[DONE]")
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	}
	if c.whole {
		req, err := http.ReadRequest(bufio.NewReader(r))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
	} else if _, err := r.ReadByte(); err != nil {
		return
	}
	time.Sleep(c.hold)
	c.mu.Lock()
	c.closed++
	c.mu.Unlock()
}

// closers are such a server on TCP and on the network in memory, with its client.
func closers(t *testing.T, network string) (*closer, endpoint) {
	t.Helper()
	var mem memnet.Network
	var e endpoint
	c := new(closer)
	var err error
	if network == "tcp" {
		c.listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		e.http = outgoing.New(outgoing.Options{})
	} else {
		c.listener, err = mem.Listen("127.0.0.1:8355")
		e.http = outgoing.New(outgoing.Options{Dial: mem.DialContext})
	}
	require.NoError(t, err)
	e.url = "http://" + c.listener.Addr().String()
	return c, e
}

// asks sends requests with bodies of so many bytes, one after the other.
func asks(t *testing.T, spec Spec, n, bytes int) (out []record.Request) {
	t.Helper()
	c := newClient(&spec)
	whole, err := encodeBody(&spec, strings.Repeat("x", bytes), 1)
	require.NoError(t, err)
	for i := range n {
		one := &body{head: whole.head, rest: whole.rest, tail: whole.tail} // it is released when it has been sent
		res := c.do(t.Context(), &request{user: 0, seq: i, tokens: 1, body: one, intended: time.Now(), phase: record.PhaseMeasure})
		c.release(res)
		out = append(out, res.rec)
	}
	return out
}

// A server may close a kept connection just as a request arrives on it. No request fails of that, and each is answered
// once.
func TestClosingConnection(t *testing.T) {
	for _, network := range []string{"tcp", "mem"} {
		for _, tt := range []struct {
			name  string
			bytes int
			whole bool
		}{
			{"short request", 100, false}, {"short request that is read", 100, true},
			{"long request", 2 << 20, false}, {"long request that is read", 2 << 20, true},
		} {
			t.Run(network+"/"+tt.name, func(t *testing.T) {
				test := func(t *testing.T) {
					server, e := closers(t, network)
					server.whole = tt.whole
					server.start()
					defer server.stop()
					defer e.http.CloseIdleConnections()
					const n = 120
					again := 0
					for i, rec := range asks(t, e.spec(t), n, tt.bytes) {
						require.Equal(t, record.RCOK, rec.RC, "request %d: %s", i, text(rec.Error))
						assert.Nil(t, rec.Error)
						if rec.SentAgain {
							again++
							require.NotNil(t, rec.ConnReused)
							assert.True(t, *rec.ConnReused)
						} else {
							assert.Nil(t, rec.ConnReused)
						}
					}
					assert.GreaterOrEqual(t, again, n/3, "the server closed connections on requests")
					assert.LessOrEqual(t, again, n/2)
					assert.Len(t, server.answered, n)
					for id, answers := range server.answered {
						assert.Equal(t, 1, answers, id)
					}
				}
				if network == "mem" {
					synctest.Test(t, test)
				} else {
					test(t)
				}
			})
		}
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// In virtual time the same requests leave the same lines, and a request that was sent again counts from its first
// sending.
func TestClosingConnectionInVirtualTime(t *testing.T) {
	var runs [2]string
	for i := range runs {
		synctest.Test(t, func(t *testing.T) {
			server, e := closers(t, "mem")
			server.hold, server.whole = 40*time.Millisecond, true
			server.start()
			defer server.stop()
			defer e.http.CloseIdleConnections()
			spec := e.spec(t)
			spec.Loop = Closed{Users: 4, Think: must[Dist](t)(NewExponential(0.05))}
			spec.Output = must[Dist](t)(NewConstant(1))
			_, err := Run(t.Context(), spec, func(rec *record.Request) error {
				want := 0.0
				if rec.SentAgain {
					want = 40
				}
				if rec.RC != record.RCOK || *rec.TTFTms != want || rec.SendLagMS != 0 {
					return fmt.Errorf("%s after %v ms, sent again %v", rec.RC, *rec.TTFTms, rec.SentAgain)
				}
				lines, err := record.AppendLine(nil, rec)
				runs[i] += string(lines)
				return err
			}, func(string) {})
			require.NoError(t, err)
		})
	}
	assert.Greater(t, strings.Count(runs[0], `"sent_again":true,"conn_reused":true`), 300)
	assert.Equal(t, runs[0], runs[1])
}

// What is not answered on a new connection, or not for so long that the server must have had it, fails with a code of
// its own, and is not sent again.
func TestUnanswered(t *testing.T) {
	yes, no := true, false
	for _, tt := range []struct {
		name   string
		set    func(*closer)
		reused *bool
		again  bool
		ms     int // until it is given up
	}{
		{"nor on a new connection", func(c *closer) { c.deaf = true }, &yes, true, 0},
		{"after a while", func(c *closer) { c.hold = closing }, &yes, false, int(closing / time.Millisecond)},
		{"first of all", func(c *closer) { c.deaf = true; c.answered["other"] = 1 }, &no, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, e := closers(t, "mem")
				server.whole = true
				server.start()
				defer server.stop()
				defer e.http.CloseIdleConnections()
				tt.set(server)
				if *tt.reused {
					require.Equal(t, record.RCOK, asks(t, e.spec(t), 1, 100)[0].RC)
				}
				begin := time.Now()
				rec := asks(t, e.spec(t), 1, 100)[0]
				assert.Equal(t, record.RCUnanswered, rec.RC)
				assert.Equal(t, tt.reused, rec.ConnReused)
				assert.Equal(t, tt.again, rec.SentAgain)
				assert.Contains(t, text(rec.Error), "no response: ")
				assert.Equal(t, tt.again, strings.Contains(text(rec.Error), "sent before on a kept connection"))
				assert.Equal(t, time.Duration(tt.ms)*time.Millisecond, time.Since(begin))
				assert.Nil(t, rec.TTFTms)
				assert.Nil(t, rec.E2Ems)
				assert.Nil(t, rec.HeadersMS)
			})
		})
	}
}

// An answer that breaks off in its head is cut, and the server is not asked again: it had the request.
func TestHeadIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				generate(w, r, 1, 0, 0)
				return
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-")
				_ = conn.Close()
			}
		})
		defer stop()
		recs := asks(t, e.spec(t), 2, 100)
		assert.Equal(t, record.RCOK, recs[0].RC)
		assert.Equal(t, record.RCCut, recs[1].RC)
		assert.False(t, recs[1].SentAgain)
		assert.EqualValues(t, 2, calls.Load())
	})
}

// A server that has gone away behind a kept connection refuses the second sending.
func TestGoneBehindAKeptConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, e := closers(t, "mem")
		server.whole = true
		server.start()
		defer server.stop()
		defer e.http.CloseIdleConnections()
		require.Equal(t, record.RCOK, asks(t, e.spec(t), 1, 100)[0].RC)
		_ = server.listener.Close()
		rec := asks(t, e.spec(t), 1, 100)[0]
		assert.Equal(t, record.RCRefused, rec.RC)
		assert.True(t, rec.SentAgain)
		assert.Contains(t, text(rec.Error), "connection refused")
	})
}

// A request whose run was interrupted is cancelled and not sent again.
func TestCancelledIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				generate(w, r, 1, 0, 0)
				return
			}
			<-r.Context().Done()
		})
		defer stop()
		spec := e.spec(t)
		c := newClient(&spec)
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		for i, want := range []string{record.RCOK, record.RCCancelled} {
			body, err := encodeBody(&spec, "x", 1)
			require.NoError(t, err)
			if i == 1 {
				time.AfterFunc(time.Second, func() { cancel(errors.New("interrupt")) })
			}
			res := c.do(ctx, &request{seq: i, tokens: 1, body: body, intended: time.Now(), phase: record.PhaseMeasure})
			c.release(res)
			assert.Equal(t, want, res.rec.RC)
			assert.False(t, res.rec.SentAgain)
		}
		assert.EqualValues(t, 2, calls.Load())
	})
}
