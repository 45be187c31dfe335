package sim

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
)

// maxBody is the longest request body, bytes: Dynamo's default (DYN_HTTP_BODY_LIMIT_MB, 45). trtllm-serve has no
// limit of its own; here it has the same one.
const maxBody = 45 << 20

// keptBody is the largest buffer that is kept for later requests, bytes: twice what the longest prompt takes.
const keptBody = 1 << 20

// bodies are buffers for request bodies: what is decoded from one shares no memory with it.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// fewLarge are the requests that decode or tokenize more than keptBody at a time: that takes several times the memory of
// the body, which many clients together could make more than there is.
var fewLarge = make(chan struct{}, 1)

// among waits until work on n bytes may begin, and returns what ends it.
func among(n int) (end func()) {
	if n <= keptBody {
		return func() {}
	}
	fewLarge <- struct{}{}
	return func() { <-fewLarge }
}

// withBody reads the body of a request and hands it to do, which may not keep it. What keeps it from being read is
// refused as the server that reads it does; do is not called then.
func withBody(w http.ResponseWriter, r *http.Request, as reading, do func(body []byte) *refusal) *refusal {
	if !isJSON(r.Header.Get("Content-Type"), as) {
		return as.notJSON()
	}
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close") // or net/http would wait for some of it before it answers
		return as.tooLarge()
	}
	body := bodies.Get().(*bytes.Buffer)
	defer func() {
		if body.Cap() <= keptBody {
			bodies.Put(body)
		}
	}()
	body.Reset()
	// The buffer grows with what comes: the length that a client announces is a promise.
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return as.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return as.unread(http.StatusRequestTimeout, "the body did not come in time")
	case err != nil:
		return as.unread(http.StatusBadRequest, "the body ended early: "+err.Error())
	}
	defer among(body.Len())()
	return do(body.Bytes())
}

// isJSON reports whether a body of that content type is read as JSON: application/json and application/*+json with
// both servers, whatever their parameters.
func isJSON(contentType string, as reading) bool {
	switch contentType {
	case "application/json":
		return true
	case "":
		return as.undeclaredIsJSON()
	}
	kind, _, err := mime.ParseMediaType(contentType)
	format, application := strings.CutPrefix(kind, "application/")
	return err == nil && application && (format == "json" || strings.HasSuffix(format, "+json"))
}
