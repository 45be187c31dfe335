package sim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/sim"
)

// broken is a connection that takes some writes, or flushes, and then fails, while the server has not noticed yet
// that its client is gone.
type broken struct {
	*httptest.ResponseRecorder
	writes, flushes int
}

var errBroken = errors.New("broken pipe")

func (b *broken) Write(p []byte) (int, error) {
	if b.writes--; b.writes < 0 {
		return 0, errBroken
	}
	return b.ResponseRecorder.Write(p)
}

func (b *broken) FlushError() error {
	if b.flushes--; b.flushes < 0 {
		return errBroken
	}
	return nil
}

// stream sends a streamed request to a client that may break or go away. It returns when the handler has.
func (m *machine) stream(ctx context.Context, w http.ResponseWriter, id string, tokens int) {
	body := fmt.Sprintf(`{"model":%q,"prompt":%q,"max_tokens":%d,"stream":true}`, m.served, prompt(id, 64), tokens)
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/completions", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-Id", id)
	defer func() {
		if cut := recover(); cut != nil && cut != http.ErrAbortHandler { //nolint:errorlint // a panic's value
			panic(cut)
		}
	}()
	m.handlers["frontend"].ServeHTTP(w, req)
}

// A stream whose client cannot be written to any more gives up its slot and its KV with the iteration under way,
// whichever write it was.
func TestCutStreamFreesItsSlot(t *testing.T) {
	for dialect, spec := range map[string]sim.Spec{"trtllm": specA(t, "L8B"), "dynamo": specB(t, "L8B")} {
		for name, client := range map[string]broken{"first write": {nil, 0, 100}, "third write": {nil, 2, 100}, "third flush": {nil, 100, 2}} {
			t.Run(dialect+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := start(t, spec, sim.DefaultParams())
					var wg sync.WaitGroup
					for i := range 5 {
						w := client
						w.ResponseRecorder = httptest.NewRecorder()
						wg.Go(func() { m.stream(t.Context(), &w, fmt.Sprint("u", i), 10_000) })
					}
					wg.Wait()
					time.Sleep(100 * time.Millisecond) // an iteration takes some 50
					st := m.stats()
					assert.Zero(t, st.Running)
					assert.Zero(t, st.KVUsedBlocks)
					assert.Zero(t, st.Completed)
					assert.Less(t, st.OutputTokens, int64(5*6))
				})
			})
		}
	}
}

// One that is broken or gone while it waits leaves the queue: trtllm-serve writes its headers there, Dynamo's
// frontend writes nothing and learns from the connection.
func TestCutInQueue(t *testing.T) {
	for dialect, spec := range map[string]sim.Spec{"trtllm": specA(t, "L8B"), "dynamo": specB(t, "L8B")} {
		for _, how := range []string{"gone", "broken"} {
			if how == "broken" && dialect == "dynamo" {
				continue
			}
			t.Run(dialect+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					spec.MaxBatchSize = 1
					m := start(t, spec, sim.DefaultParams())
					var wg sync.WaitGroup
					wg.Go(func() { m.stream(t.Context(), httptest.NewRecorder(), "u0", 100) })
					time.Sleep(time.Second)
					ctx, cancel := context.WithCancel(t.Context())
					for i := range 3 {
						w := &broken{httptest.NewRecorder(), 100, 100}
						if how == "broken" {
							w.flushes = 0
						}
						wg.Go(func() { m.stream(ctx, w, fmt.Sprint("u", i+1), 100) })
					}
					if how == "gone" {
						time.Sleep(time.Second)
						assert.Equal(t, 3, m.stats().Waiting)
						cancel()
					}
					time.Sleep(100 * time.Millisecond)
					st := m.stats()
					assert.Equal(t, 1, st.Running)
					assert.Zero(t, st.Waiting)
					wg.Wait()
					cancel()
					assert.EqualValues(t, 1, m.stats().Completed)
					assert.EqualValues(t, 100, m.stats().OutputTokens)
				})
			})
		}
	}
}

// A request's id stands in the answer if it can as it is; another one gets a name like a request without.
func TestRequestIDs(t *testing.T) {
	for id, want := range map[string]string{
		"u0-q1": `"id":"cmpl-u0-q1"`, "": `"id":"cmpl-anon-1"`, `a","x":"y`: `"id":"cmpl-anon-1"`, `a\`: `"id":"cmpl-anon-1"`,
		"a\tb": `"id":"cmpl-anon-1"`, "é": `"id":"cmpl-anon-1"`, strings.Repeat("a", 129): `"id":"cmpl-anon-1"`,
	} {
		synctest.Test(t, func(t *testing.T) {
			for _, spec := range []sim.Spec{specA(t, "L8B"), specB(t, "L8B")} {
				rec := httptest.NewRecorder()
				start(t, spec, sim.DefaultParams()).stream(t.Context(), rec, id, 1)
				assert.Contains(t, rec.Body.String(), want, id)
			}
		})
	}
}
