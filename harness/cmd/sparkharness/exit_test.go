package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// completions is a server of one model whose completions h answers; those of which first says that it has are left to it.
func completions(t *testing.T, h http.HandlerFunc, first ...func(w http.ResponseWriter, body []byte) bool) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			_, _ = io.WriteString(w, `{"data": [{"id": "some-model"}]}`)
			return
		}
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		for _, answers := range first {
			if answers(w, body) {
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// answered gives the ten tokens that each request of brief asks for.
func answered(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"length\"}],\"usage\":{\"completion_tokens\":10}}\n\ndata: [DONE]\n\n")
}

// brief is a trace of n requests, ten milliseconds apart.
func brief(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"timestamp\": %d, \"input_length\": 20, \"output_length\": 10, \"hash_ids\": [0]}\n", 10*i)
	}
	return traceFile(t, b.String())
}

// The share of failed requests decides; without one a single answer is enough.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		ok, failed, timeouts int
		share                *float64
		good                 bool
	}{
		{4, 0, 0, nil, true}, {1, 2, 1, nil, true}, {0, 2, 2, nil, false}, {0, 0, 0, nil, true},
		{4, 0, 0, new(0.), true}, {3, 1, 0, new(0.), false}, {3, 0, 1, new(0.), false}, {0, 0, 0, new(0.), true},
		{3, 1, 0, new(0.25), true}, {2, 1, 1, new(0.25), false}, {3, 1, 0, new(0.2499), false},
		{0, 4, 0, new(0.99), false}, {0, 4, 0, new(1.), true},
	} {
		counts := tally{ok: tt.ok, failed: tt.failed, timeouts: tt.timeouts, cancelled: 3}
		err := counts.judge(tt.share, "lines")
		assert.Equal(t, tt.good, err == nil, "%+v: %v", tt, err)
		if err != nil {
			assert.Equal(t, exitNotWell, exitStatus(err))
		}
	}
}

func TestMaxFailed(t *testing.T) {
	for _, tt := range []struct {
		failing int // of four
		share   string
		status  int
	}{
		{3, "", 0}, {4, "", exitNotWell}, {1, "0", exitNotWell}, {1, "0.25", 0},
	} {
		t.Run(fmt.Sprintf("%d of 4, %q", tt.failing, tt.share), func(t *testing.T) {
			var n atomic.Int32
			server := completions(t, func(w http.ResponseWriter, _ *http.Request) {
				if n.Add(1) <= int32(tt.failing) {
					http.Error(w, "no blocks\x1b[2J", http.StatusInternalServerError)
					return
				}
				answered(w)
			})
			dir := t.TempDir()
			args := []string{"replay", brief(t, 4), "--url", server.URL, "--dialect", "trtllm", "--out", dir}
			if tt.share != "" {
				args = append(args, "--max-failed", tt.share)
			}
			out, err := runTrace(t, args...)
			assert.Contains(t, out, fmt.Sprintf("\nmeasured       4: %d ok, %d failed, 0 timed out\n", 4-tt.failing, tt.failing))
			if tt.status == 0 {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			assert.Equal(t, tt.status, exitStatus(err))
			assert.ErrorContains(t, err, fmt.Sprintf("%d of 4 measured requests failed, where ", tt.failing))
			assert.ErrorContains(t, err, `HTTP 500: no blocks\x1b[2J (the first;`)
			assert.ErrorContains(t, err, filepath.Join(dir, metricsFile))
		})
	}
}

// A server that sends its completions elsewhere is not timed, and neither prompt nor key leave.
func TestReplayIsNotRedirected(t *testing.T) {
	var asked atomic.Int32
	other := completions(t, func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); answered(w) })
	server := completions(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/v1/completions", http.StatusTemporaryRedirect)
	})
	t.Setenv("REPLAY_KEY", "a-key")
	_, err := runTrace(t, "replay", brief(t, 2), "--url", server.URL, "--dialect", "trtllm", "--api-key-env", "REPLAY_KEY", "--out", t.TempDir())
	require.ErrorContains(t, err, "HTTP 307, a redirect to "+other.URL+"/v1/completions, which is not followed: name the final URL")
	assert.Equal(t, exitNotWell, exitStatus(err))
	assert.Zero(t, asked.Load())
}

// Package net/http logs what a server sends unasked, with whatever that echoes.
func TestReplayLogsNoKey(t *testing.T) {
	var n atomic.Int32
	server := completions(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) > 1 {
			answered(w)
			return
		}
		conn, buf, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		fmt.Fprintf(buf, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 14\r\n\r\ndata: [DONE]\n\n")
		assert.NoError(t, buf.Flush())
		fmt.Fprintf(buf, "%s\x1b[2J", r.Header.Get("Authorization"))
		assert.NoError(t, buf.Flush())
		t.Cleanup(func() { _ = conn.Close() }) // the client may have closed it
	})
	before := log.Writer()
	t.Setenv("REPLAY_KEY", "a-key")
	// The second request comes when the first one's connection has been spoilt.
	path := traceFile(t, strings.ReplaceAll(halfMinute, "0000,", "00,"))
	out, err := runTrace(t, "replay", path, "--url", server.URL, "--dialect", "trtllm", "--api-key-env", "REPLAY_KEY", "--out", t.TempDir(), "--max-failed", "1")
	require.NoError(t, err)
	assert.Contains(t, out, `Unsolicited response received on idle HTTP channel starting with "Bearer [redacted]\x1b[2J"`)
	assert.NotContains(t, out, "a-key")
	assert.Equal(t, before, log.Writer())
}

func TestExitStatus(t *testing.T) {
	assert.Equal(t, 1, exitStatus(errors.New("no server")))
	assert.Equal(t, 3, exitStatus(fmt.Errorf("replay: %w", tooManyFailed{})))
	help, err := runTrace(t, "replay", "--help")
	require.NoError(t, err)
	for _, status := range []int{0, exitFailure, exitNotWell} {
		assert.Regexp(t, fmt.Sprintf(`(?s)Exit status:.*\n  %d  `, status), help)
	}
	assert.Contains(t, help, "--max-failed share")
}
