package rig

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/outgoing"
)

// local is a client, and a server on loopback that answers so.
func local(t *testing.T, h http.HandlerFunc) (*outgoing.Client, string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	client := outgoing.New(outgoing.Options{})
	t.Cleanup(client.CloseIdleConnections)
	return client, server.URL
}

func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		h    http.HandlerFunc
		want string
	}{
		"one token": {func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			assert.JSONEq(t, `{"model":"m","prompt":"ready?","max_tokens":1}`, string(body))
			_, _ = io.WriteString(w, `{"choices":[{"text":"a"}]}`)
		}, ""},
		"not ready": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, "answers 503 Service Unavailable after"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/v2?k=sekret", http.StatusTemporaryRedirect)
		}, "/v2?k=[redacted], which is not followed: name the final URL"},
		"no end": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("a", maxAnswer+1))
		}, "answers with more than 1048576 bytes after"},
		"escapes": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_, _ = io.WriteString(conn, "HTTP/1.1 500 \x1b[2J\r\nContent-Length: 0\r\n\r\n")
				assert.NoError(t, conn.Close())
			}
		}, `answers 500 \x1b[2J after`},
	} {
		t.Run(name, func(t *testing.T) {
			client, url := local(t, tt.h)
			err := Answers(t.Context(), client, url, "m")
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "the server at "+url)
			assert.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "sekret")
		})
	}
}

// What is read back is what this server says, not one that it points to.
func TestReadBackIsNotRedirected(t *testing.T) {
	asked := 0
	client, url := local(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	st := &config.Stack{Endpoint: config.Endpoint{URL: url, EngineMetrics: url + "/metrics"}}
	_, err := ReadBack(t.Context(), client, st, Model{BlockBytes: 1}, "")
	require.ErrorContains(t, err, "endpoint.url of the stack file: "+url+"/v1/models: HTTP 302, a redirect to "+url+"/elsewhere")
	assert.Equal(t, 1, asked)
}
