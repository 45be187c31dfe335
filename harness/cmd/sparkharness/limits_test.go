package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// short are limits that a test can wait for; one of them is the one that it tests.
func short(set func(l *limits)) limits {
	l := limits{header: time.Hour, body: time.Hour, idle: time.Hour, write: time.Hour, stop: 50 * time.Millisecond, headerBytes: 4 << 10}
	set(&l)
	return l
}

// A client that is slower than the limits is cut, whatever it sends meanwhile.
func TestSlowClientsAreCut(t *testing.T) {
	const wait = 100 * time.Millisecond
	header := short(func(l *limits) { l.header = wait })
	body := short(func(l *limits) { l.body = wait })
	idle := short(func(l *limits) { l.idle = wait })
	request := completion(1, "")
	half, _, _ := strings.Cut(request, `"prompt"`)
	get := "GET /v1/models HTTP/1.1\r\nHost: x\r\n"
	for name, tc := range map[string]struct {
		limits      limits
		sends, drip string
		answer      string
	}{
		"says nothing":              {header, "", "", ""},
		"headers, bit by bit":       {header, "POST /v1/completions HTTP/1.1\r\nX: ", "x", ""},
		"body stops":                {body, half, "", " 408 "},
		"body, bit by bit":          {body, half, " ", " 408 "},
		"chunks, bit by bit":        {body, post + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", " 408 "},
		"body that nobody asks for": {body, get + "Content-Length: 100000\r\n\r\n", " ", " 200 "},
		"idle after an answer":      {idle, get + "\r\n", "", " 200 "},
	} {
		for _, file := range []string{stackA, stackB} {
			t.Run(name+"/"+file[:6], func(t *testing.T) {
				t.Parallel()
				_, addr := serving(t, file, tc.limits)
				c := dial(t, addr, tc.sends)
				stop := make(chan struct{})
				defer close(stop)
				if tc.drip != "" {
					go func() {
						for {
							select {
							case <-stop:
								return
							case <-time.After(wait / 20):
								_, _ = io.WriteString(c, tc.drip)
							}
						}
					}()
				}
				require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
				got, err := io.ReadAll(c)
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "it is still open")
				assert.Contains(t, string(got), tc.answer)
			})
		}
	}
}

// The time of a body ends with the body, and the pause before a request is not part of the next: an answer may
// take longer than either, and a connection serve many.
func TestLongAnswersAreNotCut(t *testing.T) {
	for _, file := range []string{stackA, stackB} {
		t.Run(file[:6], func(t *testing.T) {
			t.Parallel()
			_, addr := serving(t, file, short(func(l *limits) { l.header, l.body = 500*time.Millisecond, 500*time.Millisecond }))
			c := dial(t, addr, "")
			answers := bufio.NewReader(c)
			for range 2 {
				_, err := io.WriteString(c, completion(20, `,"stream":true`)) // some 1,000 ms
				require.NoError(t, err)
				resp, err := http.ReadResponse(answers, nil)
				require.NoError(t, err)
				text, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				assert.Contains(t, string(text), "[DONE]")
				time.Sleep(600 * time.Millisecond) // idle for longer than a header may take
			}
		})
	}
}

// More headers than there is room for.
func TestHeadersAreLimited(t *testing.T) {
	_, addr := serving(t, stackA, short(func(*limits) {}))
	c := dial(t, addr, "GET /health HTTP/1.1\r\nHost: x\r\nX: ")
	go func() { _, _ = io.WriteString(c, strings.Repeat("a", 1<<20)+"\r\n\r\n") }()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	line, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, line, " 431 ")
}

// A body that is announced as too long is refused before any of it has come.
func TestTooLongIsRefusedAtOnce(t *testing.T) {
	for _, file := range []string{stackA, stackB} {
		_, addr := serving(t, file, short(func(*limits) {}))
		c := dial(t, addr, post+"Content-Length: 50000000\r\n\r\n{")
		require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
		text, err := io.ReadAll(c)
		require.NoError(t, err)
		assert.Contains(t, string(text), " 413 ")
		assert.Contains(t, string(text), `"code":413`)
	}
}

// A write to a client that does not read fails in time.
func TestUnreadWritesFail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dial(t, l.Addr().String(), "")
	c, err := patientListener{l.(*net.TCPListener), 50 * time.Millisecond}.Accept()
	require.NoError(t, err)
	defer c.Close()
	failed := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Write(make([]byte, 1<<20)); err != nil {
				failed <- err
				return
			}
		}
	}()
	select {
	case err := <-failed:
		assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(patience):
		t.Fatal("it waits for ever")
	}
}
