package load

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// said is the record of a request for five tokens whose server answers so, with a key.
func said(t *testing.T, h http.HandlerFunc) (rec record.Request) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, h)
		defer stop()
		spec := e.spec(t)
		spec.HTTP = keyed(t, e)
		rec, _ = ask(t, t.Context(), spec, 5)
	})
	return rec
}

// answering is a whole answer of five tokens after a second, with the given usage and fields in each chunk.
func answering(usage, fields string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		wait(r.Context(), time.Second)
		fmt.Fprintf(w, "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":\"length\"}]%s}\n\n", fields)
		fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":%s}\n\ndata: [DONE]\n\n", usage)
	}
}

// The prompt and the key stay here, and no other server's time is taken.
func TestRedirectIsAnError(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		paths := []string{}
		rec := said(t, func(w http.ResponseWriter, r *http.Request) {
			paths = append(paths, r.URL.Path)
			if r.URL.Path == "/elsewhere" {
				generate(w, r, 5, 0, 0)
				return
			}
			wait(r.Context(), time.Second)
			http.Redirect(w, r, "http://u:pw@127.0.0.1:8355/elsewhere?token=sekret", status)
		})
		assert.Equal(t, []string{"/v1/completions"}, paths)
		assert.Equal(t, record.RCHTTP, rec.RC)
		assert.Equal(t, fmt.Sprintf("HTTP %d, a redirect to http://[redacted]@127.0.0.1:8355/elsewhere?token=[redacted], which is not followed: name the final URL", status), *rec.Error)
		assert.Equal(t, 1000.0, *rec.HeadersMS)
		assert.Nil(t, rec.TTFTms)
		assert.Nil(t, rec.E2Ems)
	}
}

// The body of a 101 is the connection itself, and no time limit ends reading from it.
func TestSwitchOfProtocolsEnds(t *testing.T) {
	rec := said(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until the client goes away
		_ = conn.Close()
	})
	assert.Equal(t, record.RCHTTP, rec.RC)
	assert.Contains(t, *rec.Error, "HTTP 101")
}

// A name that turns out to be another machine's was never asked.
func TestRefusedDialIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := nobody()
		spec := e.spec(t)
		spec.HTTP = through(func(*http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("dial: %w", e.http.Permits("http://10.0.0.1"))
		})
		rec, _ := ask(t, t.Context(), spec, 5)
		assert.Equal(t, record.RCRefused, rec.RC)
		assert.Contains(t, *rec.Error, "dial: the host is not loopback")
		assert.Nil(t, rec.HeadersMS)
	})
}

// A count that cannot be is not recorded; one that is none is a malformed answer.
func TestCountsAreBounded(t *testing.T) {
	const most = 999_999_999
	for _, tt := range []struct {
		usage                  string
		rc                     string
		prompt, cached, output *int
	}{
		{`{"prompt_tokens":32,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":32}}`, record.RCOK, num(32), num(32), num(5)},
		{`{"prompt_tokens":999999999,"completion_tokens":5}`, record.RCOK, num(most), nil, num(5)},
		{`{"prompt_tokens":1000000000,"completion_tokens":5}`, record.RCOK, nil, nil, num(5)},
		{`{"prompt_tokens":9223372036854775807,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":9223372036854775807}}`, record.RCOK, nil, nil, num(5)},
		{`{"prompt_tokens":-1,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":-9223372036854775808}}`, record.RCOK, nil, nil, num(5)},
		{`{"prompt_tokens":32,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":33}}`, record.RCOK, num(32), nil, num(5)},
		{`{"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":33}}`, record.RCOK, nil, num(33), num(5)},
		{`{"prompt_tokens":32,"completion_tokens":9223372036854775807}`, record.RCShort, num(32), nil, nil},
		{`{"prompt_tokens":32,"completion_tokens":-5}`, record.RCShort, num(32), nil, nil},
		{`{"prompt_tokens":32,"completion_tokens":9223372036854775808}`, record.RCMalformed, nil, nil, nil},
		{`{"prompt_tokens":32,"completion_tokens":5.5}`, record.RCMalformed, nil, nil, nil},
		{`{"prompt_tokens":32,"completion_tokens":1e999}`, record.RCMalformed, nil, nil, nil},
	} {
		t.Run(tt.usage, func(t *testing.T) {
			rec := said(t, answering(tt.usage, ""))
			assert.Equal(t, tt.rc, rec.RC)
			assert.Equal(t, tt.prompt, rec.PromptTokens, "prompt")
			assert.Equal(t, tt.cached, rec.CachedTokens, "cached")
			assert.Equal(t, tt.output, rec.OutputTokens, "output")
			if tt.rc == record.RCShort {
				assert.Equal(t, "no completion_tokens from 0 to 999999999 in usage", *rec.Error)
			}
		})
	}
}

// No request waits at the server for longer than it takes.
func TestServerWaitIsBounded(t *testing.T) {
	whole := 1000.0
	for wait, want := range map[string]*float64{
		"0": new(float64), "1000": &whole, "1000.001": nil, "-0.001": nil, "1e300": nil, "-1e300": nil, "null": nil,
	} {
		rec := said(t, answering(`{"completion_tokens":5}`, `,"nvext":{"timing":{"prefill_wait_time_ms":`+wait+`}}`))
		require.Equal(t, record.RCOK, rec.RC, wait)
		assert.Equal(t, want, rec.ServerWaitMS, wait)
	}
	rec := said(t, answering(`{"completion_tokens":5}`, `,"nvext":{"timing":{"prefill_wait_time_ms":1e999}}`))
	assert.Equal(t, record.RCMalformed, rec.RC)
	assert.Nil(t, rec.ServerWaitMS)
}

// A server that goes on and on ends as malformed long before the time limit.
func TestStreamIsBounded(t *testing.T) {
	for name, piece := range map[string]string{
		"text": "data: {\"choices\":[{\"text\":\"a\"}]}\n\n", "comments": ": hm\n\n", "blank lines": "\n", "annotations": "event: x\ndata: y\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			sent := 0
			rec := said(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				junk := strings.Repeat(piece, 1<<20/len(piece))
				for int64(sent) < 4*maxStream(5) {
					n, err := io.WriteString(w, junk)
					sent += n
					if err != nil {
						return
					}
				}
			})
			assert.Equal(t, record.RCMalformed, rec.RC)
			assert.Equal(t, "malformed stream: more bytes than the tokens that were asked for can need", *rec.Error)
			assert.Greater(t, int64(sent), maxStream(5))
			assert.Less(t, int64(sent), 2*maxStream(5))
		})
	}
}

// Nothing that a server sends reaches a record's error as it came.
func TestErrorsAreClean(t *testing.T) {
	const evil = "\x1b[2J\u202e\x00\xff"
	const clean = `\x1b[2J\u202e\x00`
	stream := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, text)
		}
	}
	for name, tt := range map[string]struct {
		h  http.HandlerFunc
		rc string
	}{
		"body": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, evil+r.Header.Get("Authorization")+strings.Repeat("long", 100))
		}, record.RCHTTP},
		"error frame":   {stream(`data: {"error":"\u001b[2J\u202e\u0000"}` + "\n\n"), record.RCServer},
		"error event":   {stream("event: error\n: " + evil + "\n\n"), record.RCServer},
		"not JSON":      {stream("data: " + evil + "\n\n"), record.RCMalformed},
		"not a chunk":   {stream(`data: {"x":"` + "\u202e" + `"}` + "\n\n"), record.RCMalformed},
		"endless digit": {stream(`data: {"choices":[],"usage":{"prompt_tokens":` + strings.Repeat("1", 1<<20) + "}}\n\n"), record.RCMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			rec := said(t, tt.h)
			require.Equal(t, tt.rc, rec.RC)
			assert.LessOrEqual(t, len(*rec.Error), outgoing.MaxQuote+4)
			for _, r := range *rec.Error {
				assert.NotContains(t, "\x1b\u202e\x00\ufffd", string(r))
			}
			assert.NotContains(t, *rec.Error, "secret")
			if name == "body" || strings.HasPrefix(name, "error ") {
				assert.Contains(t, *rec.Error, clean)
			}
		})
	}
}

// What a run says of its server has no secret of the URL.
func TestBaseURLIsNotQuoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for url, want := range map[string]string{
			"http://u:pw@127.0.0.1:1":    `base url "http://[redacted]@127.0.0.1:1" is not http(s)://host:port`,
			"http://127.0.0.1:1?k=pw":    `base url "http://127.0.0.1:1?k=[redacted]" is not`,
			"http://127.0.0.1:1#pw":      `base url "http://127.0.0.1:1" is not`,
			"http://127.0.0.1:1/?":       "is not http(s)://host:port",
			"http://u:pw#x@127.0.0.1:1":  `base url "[not a URL]" is not`,
			"ftp://127.0.0.1:1":          `base url "ftp://127.0.0.1:1": not a URL, such as`,
			"http://10.0.0.1:1":          `base url "http://10.0.0.1:1": the host is not loopback`,
			"http://127.0.0.1.evil.com/": "the host is not loopback",
		} {
			spec := nobody().spec(t)
			spec.BaseURL = url
			err := spec.Check()
			require.ErrorContains(t, err, want, url)
			assert.NotContains(t, err.Error(), "pw")
			_, merr := ServedModel(t.Context(), spec.HTTP, url)
			require.ErrorContains(t, merr, want, url)
			assert.NotContains(t, merr.Error(), "pw")
		}
	})
}
