package sim

import (
	"encoding/json"
	"net/http"
)

// refusal is the answer to a request that is not served.
type refusal struct {
	status int
	body   any // JSON
}

func (f *refusal) send(w http.ResponseWriter) { writeJSON(w, f.status, f.body) }

// writeJSON answers with a JSON body.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}
