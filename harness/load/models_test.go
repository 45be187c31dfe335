package load

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestServedModel(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		id, error  string
	}{
		{"one", `{"object":"list","data":[{"id":"Llama-3.3-70B","object":"model"}]}`, 200, "Llama-3.3-70B", ""},
		{"none", `{"object":"list","data":[]}`, 200, "", "lists no model"},
		{"not there yet", `loading`, 503, "", "HTTP 503: loading"},
		{"something else", `<html>`, 200, "", "not a list of models"},
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
				}
			})
		})
	}
}

// The list is served, gone, served, served: a worker that dies and comes back is not ready in between.
func TestReadyAsksTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		e, stop := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if calls++; calls == 2 {
				_, _ = io.WriteString(w, `{"data":[]}`)
				return
			}
			_, _ = io.WriteString(w, `{"data":[{"id":"llama"}]}`)
		})
		defer stop()
		begin := time.Now()
		id, err := Ready(t.Context(), e.http, e.url)
		require.NoError(t, err)
		assert.Equal(t, "llama", id)
		assert.Equal(t, 4, calls)
		assert.Equal(t, 3*readyEvery, time.Since(begin))
	})
}

func TestReadyGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := nobody()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := Ready(ctx, e.http, e.url)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "connection refused")
		assert.ErrorContains(t, err, "start the server")
	})
}
