package load

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

func TestUnreachable(t *testing.T) {
	for name, loop := range map[string]Loop{
		"closed": Closed{Users: 3, Think: must[Dist](t)(NewConstant(0))},
		"open":   Open{Poisson{50}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := nobody().spec(t)
				spec.Loop = loop
				o := launch(t.Context(), spec)
				require.ErrorIs(t, o.err, ErrUnreachable)
				assert.ErrorContains(t, o.err, "http://127.0.0.1:1")
				assert.ErrorContains(t, o.err, "start the server")
				assert.NotContains(t, o.err.Error(), "\n")
				assert.Less(t, o.took, 3*time.Second)
				assert.Nil(t, o.sum.MeasureStart)
			})
		})
	}
}

// A server that goes away during the run ends it too, but a few refusals do not.
func TestServerGoesAway(t *testing.T) {
	for _, tt := range []struct {
		name string
		down time.Duration
		err  error
	}{{"for good", time.Hour, ErrUnreachable}, {"for a second", time.Second, nil}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				e, stop := serve(t, steady(1))
				defer stop()
				spec := e.spec(t)
				spec.HTTP = between(begin.Add(4*time.Second), begin.Add(4*time.Second+tt.down), e.http)
				spec.Duration = 20 * time.Second
				o := launch(t.Context(), spec)
				if tt.err != nil {
					require.ErrorIs(t, o.err, tt.err)
					assert.GreaterOrEqual(t, o.sum.Counts[record.PhaseMeasure][record.RCRefused], refusalsLater)
					return
				}
				require.NoError(t, o.err)
				assert.Positive(t, o.sum.Counts[record.PhaseMeasure][record.RCRefused])
				assert.Positive(t, o.sum.Counts[record.PhaseMeasure][record.RCOK])
			})
		})
	}
}

// Refusals with answers in between are an overloaded server, not an absent one.
func TestEverySecondConnectionIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, steady(1))
		defer stop()
		n := 0
		spec := e.spec(t)
		spec.Loop = Closed{Users: 1, Think: must[Dist](t)(NewConstant(0.1))}
		spec.Duration = 60 * time.Second
		spec.HTTP = through(func(r *http.Request) (*http.Response, error) {
			if n++; n%2 == 0 {
				return nil, errors.New("dial: connection refused")
			}
			return e.http.Do(r)
		})
		o := launch(t.Context(), spec)
		require.NoError(t, o.err)
		assert.Greater(t, o.sum.Counts[record.PhaseMeasure][record.RCRefused], refusalsLater)
	})
}

// between refuses between two instants.
func between(from, to time.Time, next *outgoing.Client) *outgoing.Client {
	return through(func(r *http.Request) (*http.Response, error) {
		if now := time.Now(); !now.Before(from) && now.Before(to) {
			return nil, errors.New("dial: connection refused")
		}
		return next.Do(r)
	})
}

// Users that do not think pause after a refusal, or they would stop the clock in virtual time and hammer
// the server in real time.
func TestRejectedUsersPause(t *testing.T) {
	o := drive(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(529) }, func(s *Spec) {
		s.Loop = Closed{Users: 2, Think: must[Dist](t)(NewConstant(0))}
		s.Warmup.Max = 3 * time.Second
	})
	require.NoError(t, o.err)
	assert.True(t, o.sum.WarmupCapped)
	assert.Equal(t, map[string]int{record.RCRejected: 2 * 100 * 6}, o.sum.Counts[record.PhaseMeasure], "10 a second for each user, to the maximum of 60 s")
}

func TestRunInterrupted(t *testing.T) {
	for name, loop := range map[string]Loop{
		"closed": Closed{Users: 3, Think: must[Dist](t)(NewExponential(0.1))},
		"open":   Open{Constant{4}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) { generate(w, r, 10, time.Second, time.Second) })
				defer stop()
				ctx, cancel := context.WithTimeout(t.Context(), 5500*time.Millisecond)
				defer cancel()
				spec := e.spec(t)
				spec.Loop = loop
				o := launch(ctx, spec)
				require.ErrorIs(t, o.err, context.DeadlineExceeded)
				assert.Equal(t, 5500*time.Millisecond, o.took)
				cancelled := 0
				for _, r := range o.recs {
					if r.RC == record.RCCancelled {
						cancelled++
					}
				}
				assert.GreaterOrEqual(t, cancelled, 3)
				assert.Equal(t, cancelled, o.sum.Counts["warmup"]["cancelled"]+o.sum.Counts["measure"]["cancelled"])
			})
		})
	}
}

func TestSinkErrorEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, steady(1))
		defer stop()
		full := errors.New("no space left on device")
		calls := 0
		begin := time.Now()
		_, err := Run(t.Context(), e.spec(t), func(*record.Request) error {
			if calls++; calls == 5 {
				return full
			}
			return nil
		}, func(string) {})
		require.ErrorIs(t, err, full)
		assert.Equal(t, 5, calls, "a sink that failed is not called again")
		assert.Less(t, time.Since(begin), 5*time.Second)
	})
}

func TestPromptErrorEndsTheRun(t *testing.T) {
	for name, loop := range map[string]Loop{
		"closed": Closed{Users: 3, Think: must[Dist](t)(NewExponential(1))},
		"open":   Open{Constant{4}},
	} {
		t.Run(name, func(t *testing.T) {
			broken := errors.New("no prose of that length")
			o := drive(t, steady(1), func(s *Spec) {
				s.Loop = loop
				s.Prompter = FixedContext{Body: func(int, string) (string, error) { return "", broken }}
			})
			require.ErrorIs(t, o.err, broken)
			assert.Empty(t, o.recs)
		})
	}
}

func TestOverrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := nobody().spec(t)
		spec.Loop = Open{Constant{5000}}
		spec.HTTP = through(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done() // takes requests, answers none
			return nil, r.Context().Err()
		})
		o := launch(t.Context(), spec)
		require.ErrorIs(t, o.err, ErrOverrun)
		assert.ErrorContains(t, o.err, "lower the rate")
		assert.Equal(t, maxOutstanding, len(o.recs), "all are recorded")
		assert.Equal(t, 4000200*time.Microsecond, o.took, "the arrival after number 20,000")
	})
}
