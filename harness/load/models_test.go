package load

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
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
