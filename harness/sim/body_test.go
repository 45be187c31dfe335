package sim

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// posted is a request with a body of an announced length; -1 announces none.
func posted(body io.Reader, length int64) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/completions", body)
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = length
	return r
}

// Memory is taken for what has come, and not for what was announced.
func TestPromisedBodyTakesNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		_, bad := decodeCompletion(httptest.NewRecorder(), posted(strings.NewReader(`{"model":"m","prompt":"a"}`), maxBody), false, serde{})
		require.Nil(t, bad)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

// The buffer of a body that is much longer than usual is not kept.
func TestLongBodiesBufferIsNotKept(t *testing.T) {
	for _, length := range []int{1 << 10, 3 << 20} {
		body := `{"model":"m","prompt":"` + strings.Repeat("a", length) + `"}`
		c, bad := decodeCompletion(httptest.NewRecorder(), posted(strings.NewReader(body), -1), false, serde{})
		require.Nil(t, bad)
		require.Len(t, c.Prompt.text, length)
		for range 10 {
			assert.LessOrEqual(t, bodies.Get().(*bytes.Buffer).Cap(), keptBody)
		}
	}
}

// What cannot be read is refused in the server's form: too long, announced so or found so; cut off; not in time.
func TestUnreadBodies(t *testing.T) {
	for name, tc := range map[string]struct {
		body   io.Reader
		length int64
		a, b   string
		status int
	}{
		"announced": {iotest.ErrReader(errors.New("must not be read")), maxBody + 1,
			"longer than 47185920 bytes: send less", "Request body exceeds the limit of 45 MB set by DYN_HTTP_BODY_LIMIT_MB", http.StatusRequestEntityTooLarge},
		"found": {io.MultiReader(strings.NewReader(`{"prompt":"`), io.LimitReader(zeros{}, maxBody)), -1,
			"longer than 47185920 bytes: send less", "Request body exceeds the limit of 45 MB set by DYN_HTTP_BODY_LIMIT_MB", http.StatusRequestEntityTooLarge},
		"cut off": {io.MultiReader(strings.NewReader(`{"pro`), iotest.ErrReader(io.ErrUnexpectedEOF)), 100,
			"the body ended early: unexpected EOF", "the body ended early: unexpected EOF", http.StatusBadRequest},
		"not in time": {io.MultiReader(strings.NewReader(`{"pro`), iotest.ErrReader(os.ErrDeadlineExceeded)), 100,
			"did not come in time", "did not come in time", http.StatusRequestTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			for _, as := range []reading{pydantic{}, serde{}} {
				body := tc.body
				if name == "found" {
					body = io.MultiReader(strings.NewReader(`{"prompt":"`), io.LimitReader(zeros{}, maxBody))
				}
				rec := httptest.NewRecorder()
				_, bad := decodeCompletion(rec, posted(body, tc.length), false, as)
				require.NotNil(t, bad)
				bad.send(rec)
				assert.Equal(t, tc.status, rec.Code)
				assert.Contains(t, rec.Body.String(), `"message":`)
				if as == (pydantic{}) {
					assert.Contains(t, rec.Body.String(), tc.a)
				} else {
					assert.Contains(t, rec.Body.String(), tc.b)
				}
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
