package load

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
)

func TestServedModel(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		id, error  string
	}{
		{"one", `{"object":"list","data":[{"id":"Llama-3.3-70B","object":"model"}]}`, 200, "Llama-3.3-70B", ""},
		{"none", `{"object":"list","data":[]}`, 200, "", "lists no model"},
		{"no name", `{"object":"list","data":[{"object":"model"}]}`, 200, "", "lists no model"},
		{"not there yet", `loading`, 503, "", "HTTP 503: loading (wait until the server is ready, or correct its URL)"},
		{"no key", `who?`, 401, "", "HTTP 401: who? (name the API key that it wants)"},
		{"another key", `no`, 403, "", "HTTP 403: no (name the API key that it wants)"},
		{"a list with an error", `{"data":[{"id":"llama"}]}`, 500, "", "HTTP 500"},
		{"something else", `<html>`, 200, "", "not a list of models"},
		{"the longest", `{"data":[{"id":"llama"}]}` + strings.Repeat(" ", maxModels-25), 200, "llama", ""},
		{"escapes", "\x1b[2J\x1b]0;owned\a", 503, "", `HTTP 503: \x1b[2J\x1b]0;owned\a (wait`},
		{"escapes in the id", `{"data":[{"id":"m\u001b[2J"}]}`, 200, "", `a model id that is no name, m\x1b[2J: give`},
		{"a line break in the id", `{"data":[{"id":"m\nn"}]}`, 200, "", "a model id that is no name, m n: give"},
		{"the longest id", `{"data":[{"id":"` + strings.Repeat("m", outgoing.MaxQuote) + `"}]}`, 200, strings.Repeat("m", outgoing.MaxQuote), ""},
		{"a longer id", `{"data":[{"id":"m` + strings.Repeat("m", outgoing.MaxQuote) + `"}]}`, 200, "", "mm ...: give"},
		{"not there, at length", strings.Repeat("x", 1<<20), 404, "", "xx ... (wait"},
		{"too long", `{"data":[{"id":"llama"}]}` + strings.Repeat(" ", maxModels-24), 200, "", "longer than 1048576 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
					assert.Equal(t, "/v1/models", r.URL.Path)
					w.WriteHeader(tt.status)
					_, _ = io.WriteString(w, tt.body)
				})
				defer stop()
				id, err := ServedModel(t.Context(), e.http, e.url+"/")
				assert.Equal(t, tt.id, id)
				if tt.error == "" {
					assert.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, tt.error)
					assert.Less(t, len(err.Error()), 2*outgoing.MaxQuote)
				}
			})
		})
	}
}

// Neither the key nor the question goes where a server points.
func TestServedModelIsNotRedirected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			http.Redirect(w, r, "/elsewhere?token=sekret", http.StatusFound)
		})
		defer stop()
		_, err := ServedModel(t.Context(), keyed(t, e), e.url)
		require.EqualError(t, err, "http://127.0.0.1:8355/v1/models: HTTP 302, a redirect to http://127.0.0.1:8355/elsewhere?token=[redacted], which is not followed: name the final URL")
		assert.Equal(t, 1, asked)
	})
}

func TestServedModelDoesNotQuoteTheKey(t *testing.T) {
	for status, want := range map[int]string{401: "HTTP 401: {\"data\":[{\"id\":\"Bearer [redacted]\"}]}", 200: "a model id that is no name, Bearer [redacted]"} {
		synctest.Test(t, func(t *testing.T) {
			e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				_, _ = io.WriteString(w, `{"data":[{"id":"`+r.Header.Get("Authorization")+`"}]}`)
			})
			defer stop()
			_, err := ServedModel(t.Context(), keyed(t, e), e.url)
			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "secret")
		})
	}
}

// FuzzServedModel: whatever a server lists, there is an id that can be printed, or an error that can.
func FuzzServedModel(f *testing.F) {
	for _, list := range []string{
		`{"object":"list","data":[{"id":"Llama-3.3-70B","object":"model","created":1767225600,"owned_by":"tensorrt_llm"}]}`,
		`{"object":"list","data":[{"id":"nvidia/Llama-3.3-70B-Instruct-NVFP4","object":"object","created":1767225600,"owned_by":"nvidia"},{"id":"adapter-0"}]}`,
		`{"object":"list","data":[]}`, `{"data":null}`, `{"data":[null]}`, `{"data":[{"id":null}]}`, `{"data":[{"id":7}]}`, `{"DATA":[{"ID":"x"}]}`,
		`{"data":[{"id":"\u001b[2J"}]}`, `{"data":[{"id":"\ud800"}]}`, `{"data":[{"id":" a  b "}]}`, `{"data":[{"id":"a"}],"data":[]}`,
		`{"data":{"id":"a"}}`, `[]`, `<html>`, "", "\xff", `{"data":[{"id":"a"}]} x`, strings.Repeat("[", 20_000),
	} {
		f.Add([]byte(list))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		client, err := through(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(list))}, nil
		}).For("http://127.0.0.1:8355", "sk-very-secret")
		require.NoError(t, err)
		id, err := ServedModel(t.Context(), client, "http://127.0.0.1:8355")
		require.Equal(t, err == nil, id != "")
		shown := id
		if err != nil {
			shown = err.Error()
		}
		require.LessOrEqual(t, len(shown), 2*outgoing.MaxQuote)
		require.Equal(t, outgoing.Clean(shown, len(shown)), shown)
	})
}

func TestServedModelWithoutServer(t *testing.T) {
	e := nobody()
	_, err := ServedModel(t.Context(), e.http, e.url)
	require.ErrorContains(t, err, "no server at http://127.0.0.1:1 (start it, or correct its URL): ")
	assert.NotContains(t, err.Error(), "\n")
}

// A server that hangs is there.
func TestServedModelOfServerThatHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	client, err := through(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}).For("http://127.0.0.1:8355", "")
	require.NoError(t, err)
	_, err = ServedModel(ctx, client, "http://127.0.0.1:8355")
	require.ErrorContains(t, err, "http://127.0.0.1:8355/v1/models: no answer in time (look at the server's log")
	assert.NotContains(t, err.Error(), "no server")
}
