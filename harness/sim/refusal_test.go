package sim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// post sends one completion request with the given fields beside model and prompt.
func (m *machine) post(words int, fields string) *httptest.ResponseRecorder {
	body := fmt.Sprintf(`{"model":%q,"prompt":%q,%s}`, m.served, prompt("x", words), fields)
	return m.postTo("/v1/completions", "application/json", body)
}

// postTo sends a body to the frontend.
func (m *machine) postTo(path, contentType, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	rec := httptest.NewRecorder()
	m.handlers["frontend"].ServeHTTP(rec, req)
	return rec
}

// A request that can never fit is refused before anything is set aside for its tokens.
func TestTooLong(t *testing.T) {
	for dialect, spec := range map[string]sim.Spec{"trtllm": specA(t, "L8B"), "dynamo": specB(t, "L8B")} {
		for name, context := range map[string]int{"context window": 131072, "KV pool": 0} {
			t.Run(dialect+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					spec.MaxContextTokens = context
					pool := int(spec.Device.CapacityBytes/spec.BlockBytes()) * spec.BlockTokens
					limit := pool
					if context > 0 {
						limit = min(pool, context)
					}
					m := start(t, spec, sim.DefaultParams())
					began := time.Now()
					for _, tokens := range []string{"9e18", "9000000000000000000", "9223372036854775807", "1000000000", fmt.Sprint(limit - 9)} {
						for _, rest := range []string{"", `,"stream":true`} {
							assert.Equal(t, http.StatusBadRequest, m.post(10, `"max_tokens":`+tokens+rest).Code, "%s%s", tokens, rest)
						}
					}
					assert.Less(t, time.Since(began), time.Millisecond, "the machine's time")
					assert.Zero(t, m.stats().Completed)
				})
			})
		}
	}
	t.Run("the longest that fits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			spec := specA(t, "L8B")
			spec.MaxContextTokens = 64
			assert.Equal(t, http.StatusOK, start(t, spec, sim.DefaultParams()).post(10, `"max_tokens":54`).Code)
		})
	})
}

// A machine that stops before the first token answers with an error, not with an empty success.
func TestStoppedBeforeTheFirstToken(t *testing.T) {
	for dialect, spec := range map[string]sim.Spec{"trtllm": specA(t, "L70B"), "dynamo": specB(t, "L70B")} {
		for name, rest := range map[string]string{"whole": "", "stream": `,"stream":true`} {
			t.Run(dialect+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := start(t, spec, sim.DefaultParams())
					code := make(chan int, 1)
					go func() {
						defer func() {
							if r := recover(); r != nil {
								assert.Equal(t, http.ErrAbortHandler, r)
								code <- 0 // the client sees its connection cut
							}
						}()
						code <- m.post(4096, `"max_tokens":4`+rest).Code
					}()
					time.Sleep(time.Second)
					m.Close()
					if dialect == "trtllm" && rest != "" {
						assert.Zero(t, <-code, "trtllm-serve has sent its headers by then")
					} else {
						assert.Equal(t, http.StatusServiceUnavailable, <-code)
					}
					assert.Equal(t, http.StatusServiceUnavailable, m.post(10, `"max_tokens":4`+rest).Code, "after it has stopped")
				})
			})
		}
	}
}
