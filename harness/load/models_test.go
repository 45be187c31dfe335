package load

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

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
		{"no name", `{"object":"list","data":[{"object":"model"}]}`, 200, "", "lists no model"},
		{"not there yet", `loading`, 503, "", "HTTP 503: loading (wait until the server is ready, or correct its URL)"},
		{"a list with an error", `{"data":[{"id":"llama"}]}`, 500, "", "HTTP 500"},
		{"something else", `<html>`, 200, "", "not a list of models"},
		{"the longest", `{"data":[{"id":"llama"}]}` + strings.Repeat(" ", maxModels-25), 200, "llama", ""},
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
				}
			})
		})
	}
}

func TestServedModelWithoutServer(t *testing.T) {
	e := nobody()
	_, err := ServedModel(t.Context(), e.http, e.url)
	require.ErrorContains(t, err, "no server at http://127.0.0.1:1 (start it, or correct its URL): ")
	assert.NotContains(t, err.Error(), "\n")
}
