package telemetry

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// scrape is the error of reading an engine's page at that path of a server on loopback, with a key, and what
// stands on the newest page.
func scrape(t *testing.T, path string, h http.HandlerFunc) (page []byte, err error) {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	client := outgoing.New(outgoing.Options{})
	defer client.CloseIdleConnections()
	client, err = client.For(server.URL, "sk-very-secret")
	require.NoError(t, err)
	e := NewEngine(client, server.URL+path)
	err = e.Sample(t.Context(), &record.SysSample{})
	return e.LastScrape(), err
}

// A page of another server says nothing about this one.
func TestScrapeIsNotRedirected(t *testing.T) {
	asked := 0
	_, err := scrape(t, "/metrics?key=sekret", func(w http.ResponseWriter, r *http.Request) {
		if asked++; r.URL.Path == "/elsewhere" {
			_, _ = io.WriteString(w, "num_requests_running 3\n")
			return
		}
		http.Redirect(w, r, "/elsewhere?token=sekret", http.StatusTemporaryRedirect)
	})
	require.ErrorIs(t, err, ErrScrape)
	assert.ErrorContains(t, err, "/metrics?key=[redacted]: HTTP 307, a redirect to http://")
	assert.ErrorContains(t, err, "/elsewhere?token=[redacted], which is not followed: name the final URL")
	assert.NotContains(t, err.Error(), "sekret")
	assert.Equal(t, 1, asked)
}

// Errors stand in coverage and samples: they have no secret, no escape sequence and an end.
func TestScrapeErrorsAreClean(t *testing.T) {
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_, _ = io.WriteString(conn, strings.ReplaceAll(text, "KEY", r.Header.Get("Authorization")))
				assert.NoError(t, conn.Close())
			}
		}
	}
	for name, tt := range map[string]struct {
		h    http.HandlerFunc
		want string
	}{
		"status":      {raw("HTTP/1.1 503 no \x1b[2J KEY\r\nContent-Length: 0\r\n\r\n"), `status 503 no \x1b[2J Bearer [redacted]`},
		"long status": {raw("HTTP/1.1 503 " + strings.Repeat("no ", 5000) + "\r\nContent-Length: 0\r\n\r\n"), "no no ..."},
		"header":      {raw("HTTP/1.1 200 OK\r\n\x1b[2J KEY\r\n\r\n"), `\x1b[2J Bearer [redacted]`},
		"headers":     {raw("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20_000) + "\r\n"), "headers exceeded 65536 bytes"},
		"page":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\x1b[2J\n") }, `format: "\x1b[2J"`},
		"page too big": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("\n", maxPage+1))
		}, "page longer than 4194304 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := scrape(t, "/metrics?key=sekret", tt.h)
			require.ErrorIs(t, err, ErrScrape)
			assert.ErrorContains(t, err, tt.want)
			assert.Contains(t, err.Error(), "/metrics?key=[redacted]: ")
			assert.Equal(t, outgoing.Clean(err.Error(), 2*outgoing.MaxQuote), err.Error())
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestScrapeQuotesNoBadURL(t *testing.T) {
	for _, url := range []string{"http://u:sec#ret@127.0.0.1:1/metrics", "http://u:secret@127.0.0.1:1/metrics", "http://10.0.0.1/metrics?a=secret"} {
		err := NewEngine(outgoing.New(outgoing.Options{}), url).Sample(t.Context(), &record.SysSample{})
		require.ErrorIs(t, err, ErrScrape)
		assert.NotContains(t, err.Error(), "sec")
	}
}

// The newest page is kept with a cell; a server that echoes what it was sent puts the key there.
func TestLastPageHasNoKey(t *testing.T) {
	page, err := scrape(t, "/metrics", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `num_requests_running{who="`+r.Header.Get("Authorization")+`"} 1`+"\n")
	})
	require.NoError(t, err)
	assert.Equal(t, `num_requests_running{who="Bearer [redacted]"} 1`+"\n", string(page))
}
