package load

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// A run of so many requests sends those and no more, whatever the loop, and tells of each before it is sent.
func TestMaxRequests(t *testing.T) {
	for name, loop := range map[string]Loop{"closed": Closed{Users: 4, Think: constant(0)}, "open": Open{Constant{20}}} {
		for _, warmup := range []time.Duration{0, 2 * time.Second} {
			t.Run(fmt.Sprintf("%s, warm-up of %v", name, warmup), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
						generate(w, r, 5, 100*time.Millisecond, 10*time.Millisecond)
					})
					defer stop()
					s := e.spec(t)
					var began atomic.Int64
					s.Loop, s.Output, s.Warmup, s.Began = loop, constant(5), Warmup{Min: warmup, Max: warmup, Passes: 1}, func() { began.Add(1) }
					s.Duration, s.MaxDuration, s.MinRequests, s.MaxRequests = time.Second, time.Hour, 1<<30, 30
					sent, phases := map[string]int{}, []string{}
					_, err := Run(t.Context(), s, func(r *record.Request) error {
						assert.Equal(t, record.RCOK, r.RC)
						sent[r.Phase]++
						return nil
					}, func(phase string) { phases = append(phases, phase) })
					require.NoError(t, err)
					assert.Equal(t, 30, sent[record.PhaseMeasure])
					assert.Equal(t, warmup > 0, sent[record.PhaseWarmup] > 0, "without a warm-up all are measured")
					assert.EqualValues(t, sent[record.PhaseMeasure]+sent[record.PhaseWarmup], began.Load())
					assert.Less(t, time.Since(s.Start), 10*time.Second)
					assert.Equal(t, []string{record.PhaseWarmup, record.PhaseMeasure, "drain"}, phases)
				})
			})
		}
	}
}

// A server whose answers end when they like has complete answers only where any length will do; more than was asked for,
// and no text, will not.
func TestAnyLength(t *testing.T) {
	for _, tt := range []struct {
		tokens int // of the answer, where 5 are asked for
		usage  bool
		fixed  string
		any    string
	}{
		{5, true, record.RCOK, record.RCOK}, {3, true, record.RCShort, record.RCOK}, {5, false, record.RCShort, record.RCOK},
		{6, true, record.RCShort, record.RCShort}, {0, true, record.RCShort, record.RCShort},
	} {
		for anyLength, want := range map[bool]string{false: tt.fixed, true: tt.any} {
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					for range tt.tokens {
						_, _ = fmt.Fprint(w, `data: {"choices":[{"index":0,"text":" a","finish_reason":"stop"}]}`+"\n\n")
					}
					if tt.usage {
						_, _ = fmt.Fprintf(w, `data: {"choices":[],"usage":{"prompt_tokens":32,"completion_tokens":%d}}`+"\n\n", tt.tokens)
					}
					_, _ = fmt.Fprint(w, "data: [DONE]\n\n")
				})
				defer stop()
				s := e.spec(t)
				s.Output, s.AnyLength, s.MaxRequests = constant(5), anyLength, 1
				s.Loop, s.Warmup = Closed{Users: 1, Think: constant(0)}, Warmup{Passes: 1}
				_, err := Run(t.Context(), s, func(r *record.Request) error {
					assert.Equal(t, want, r.RC, "%+v, any length %v", tt, anyLength)
					return nil
				}, func(string) {})
				require.NoError(t, err)
			})
		}
	}
}
