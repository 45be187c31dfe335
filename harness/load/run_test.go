package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
)

// steady answers every request with as many tokens as it asks for; prefill depends on the request's id
// alone and lies on whole milliseconds, so many events of a run coincide.
func steady(scale float64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			MaxTokens int `json:"max_tokens"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		h := fnv.New32a()
		_, _ = h.Write([]byte(r.Header.Get("X-Request-Id")))
		prefill := time.Duration(100+h.Sum32()%400) * time.Millisecond
		generate(w, r, body.MaxTokens, time.Duration(scale*float64(prefill)), 20*time.Millisecond)
	}
}

// outcome is a run with everything that it said.
type outcome struct {
	recs   []record.Request // by user and seq
	sum    record.LoadSummary
	phases []string
	err    error
	begin  time.Time
	took   time.Duration
}

func (o *outcome) find(t *testing.T, user, seq int) record.Request {
	t.Helper()
	i := slices.IndexFunc(o.recs, func(r record.Request) bool { return r.User == user && r.Seq == seq })
	require.GreaterOrEqual(t, i, 0, "u%d-q%d was never sent", user, seq)
	return o.recs[i]
}

// drive runs a load in a bubble.
func drive(t *testing.T, h http.HandlerFunc, change func(*Spec)) (o outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, h)
		defer stop()
		spec := e.spec(t)
		change(&spec)
		o = launch(t.Context(), spec)
	})
	return o
}

func launch(ctx context.Context, spec Spec) (o outcome) {
	o.begin = time.Now()
	o.sum, o.err = Run(ctx, spec, func(r *record.Request) error {
		o.recs = append(o.recs, *r)
		return nil
	}, func(p string) {
		o.phases = append(o.phases, fmt.Sprintf("%s@%v", p, time.Since(o.begin)))
	})
	o.took = time.Since(o.begin)
	slices.SortFunc(o.recs, func(a, b record.Request) int {
		if a.User != b.User {
			return a.User - b.User
		}
		return a.Seq - b.Seq
	})
	return o
}

func TestClosedLoop(t *testing.T) {
	o := drive(t, steady(1), func(*Spec) {})
	require.NoError(t, o.err)
	require.NotEmpty(t, o.recs)
	assert.Equal(t, []string{"warmup@0s", "measure@2s", "drain@12s"}, o.phases)
	start := float64(o.begin.Unix())
	assert.Equal(t, start+2, *o.sum.MeasureStart)
	assert.Equal(t, start+12, *o.sum.MeasureEnd)
	assert.False(t, o.sum.WarmupCapped)
	assert.Zero(t, o.sum.DrainTimeouts)
	assert.Zero(t, o.sum.MaxSendLag, "virtual time is on time")

	counts := map[string]map[string]int{record.PhaseWarmup: {}, record.PhaseMeasure: {}}
	ends := map[int]float64{}
	seqs := map[int]int{}
	gaps := 0
	var thinks []float64
	for _, r := range o.recs {
		counts[r.Phase][r.RC]++
		require.Equal(t, record.RCOK, r.RC)
		require.Equal(t, seqs[r.User], r.Seq, "a user's seq counts on")
		seqs[r.User]++
		if r.Seq > 0 {
			require.GreaterOrEqual(t, r.IntendedTS, ends[r.User]-1e-6, "one request at a time")
		}
		if r.Phase == record.PhaseMeasure {
			gaps += *r.OutputTokens - 1
			require.GreaterOrEqual(t, r.IntendedTS, start+2)
			if r.Seq > 0 {
				thinks = append(thinks, r.IntendedTS-ends[r.User])
			}
		} else {
			require.Less(t, r.IntendedTS, start+2)
		}
		require.Less(t, r.IntendedTS, start+12)
		require.Equal(t, r.AskedTokens, *r.OutputTokens)
		require.GreaterOrEqual(t, r.AskedTokens, 1)
		require.Equal(t, 4, r.Concurrency)
		ends[r.User] = r.TS + *r.E2Ems/1e3
	}
	assert.Len(t, seqs, 4)
	assert.Equal(t, counts, o.sum.Counts)
	assert.Equal(t, uint64(gaps), o.sum.Gaps.Count())
	p50, _ := o.sum.Gaps.Quantile(0.5)
	assert.InEpsilon(t, 20*time.Millisecond, p50, 0.01)
	mean := 0.0
	for _, v := range thinks {
		mean += v / float64(len(thinks))
	}
	require.NotNil(t, o.sum.MeanThink)
	assert.InDelta(t, mean, o.sum.MeanThink.Seconds(), 1e-5)
	assert.InDelta(t, 0.5, mean, 0.25)
	assert.Equal(t, "r1 A L8B fixed_context 32", fmt.Sprint(o.recs[0].RunID, " ", o.recs[0].Stack, " ", o.recs[0].Model, " ", o.recs[0].Workload, " ", o.recs[0].ContextTokens))
}

// The same spec gives the same records and summary, byte for byte, at any GOMAXPROCS, although many
// events coincide.
func TestRunIsDeterministic(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	constant := must[Dist](t)(NewConstant(0.3))
	for name, change := range map[string]func(*Spec){
		"closed, lockstep": func(s *Spec) {
			s.Loop = Closed{Users: 32, Think: constant}
			s.Output = must[Dist](t)(NewConstant(8))
			s.MinRequests = 500
		},
		"closed, random": func(s *Spec) { s.Loop = Closed{Users: 16, Think: must[Dist](t)(NewExponential(2))} },
		"open":           func(s *Spec) { s.Loop = Open{Poisson{20}} },
		"sessions":       func(s *Spec) { s.Prompter, s.Nonce = chat(t), NonceNone },
		"weights": func(s *Spec) {
			s.Loop = Closed{Users: 16, Think: must[Dist](t)(NewExponential(2)), Weights: ZipfWeights(16, 0.8)}
		},
		"adapters, drawn": func(s *Spec) {
			s.Adapters = &Adapters{Names: names(9), Pick: PickHotSet, HotSet: 0.3, HotShare: 0.7, Dir: "/lora", InWarmup: true}
		},
		"adapters by turns, in lockstep": func(s *Spec) {
			s.Loop, s.Output = Closed{Users: 32, Think: constant}, must[Dist](t)(NewConstant(8))
			s.Adapters = &Adapters{Names: names(9), Pick: PickRoundRobin, Dir: "/lora"}
		},
		"replay": replayed(testItems(600), io.EOF),
		"replay with adapters": func(s *Spec) {
			replayed(testItems(600), io.EOF)(s)
			s.Adapters = &Adapters{Names: names(9), Pick: PickAllOnce, Dir: "/lora"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
			var want string
			for i := range 4 {
				runtime.GOMAXPROCS(1 + 3*(i%2))
				var w wire
				o := drive(t, w.watch(steady(1)), change)
				require.NoError(t, o.err)
				text, err := json.Marshal([]any{o.recs, o.sum, o.phases, w.asks})
				require.NoError(t, err)
				if i == 0 {
					want = string(text)
					require.Greater(t, len(o.recs), 40)
				}
				require.Equal(t, want, string(text), "run %d", i)
			}
		})
	}
}

// Arms with one seed share users, think times and lengths, however fast their servers are.
func TestArmsShareTheLoad(t *testing.T) {
	fast := drive(t, steady(1), func(s *Spec) { s.Nonce = NoncePerUser })
	slow := drive(t, steady(7), func(s *Spec) { s.Nonce = NoncePerUser; s.Stack = "B" })
	other := drive(t, steady(1), func(s *Spec) { s.Seed = 2 })
	shared, differ := 0, 0
	for _, a := range slow.recs {
		b := fast.find(t, a.User, a.Seq)
		require.Equal(t, b.AskedTokens, a.AskedTokens)
		if a.Seq > 0 {
			beforeA, beforeB := slow.find(t, a.User, a.Seq-1), fast.find(t, a.User, a.Seq-1)
			thinkA := a.IntendedTS - beforeA.TS - *beforeA.E2Ems/1e3
			thinkB := b.IntendedTS - beforeB.TS - *beforeB.E2Ems/1e3
			require.InDelta(t, thinkB, thinkA, 3e-6)
			shared++
		} else {
			require.Equal(t, b.IntendedTS, a.IntendedTS)
		}
		if c := other.find(t, a.User, a.Seq); c.AskedTokens != a.AskedTokens {
			differ++
		}
	}
	assert.Greater(t, shared, 5)
	assert.Greater(t, differ, 3, "another seed is another load")
}

// labelled is a workload whose prompts say of themselves all that a prompt can say.
type labelled struct{}

func (labelled) Prompt(req PromptRequest) (Prompt, error) {
	return Prompt{Text: "x", Tokens: 100*req.User + req.Seq + 1, Session: num(req.User), Turn: num(req.Seq), Reusable: num(req.Seq / 2)}, nil
}

func TestRecordsCarryWhatThePromptSays(t *testing.T) {
	o := drive(t, steady(1), func(s *Spec) { s.Prompter = labelled{} })
	require.NoError(t, o.err)
	for _, r := range o.recs {
		require.Equal(t, 100*r.User+r.Seq+1, r.ContextTokens, "of this prompt, not of the spec")
		require.Equal(t, []*int{num(r.User), num(r.Seq), num(r.Seq / 2)}, []*int{r.Session, r.Turn, r.Reusable})
		require.Nil(t, r.Adapter)
	}
	plain := drive(t, steady(1), func(*Spec) {}).recs[0]
	assert.Equal(t, []*int{nil, nil, nil}, []*int{plain.Session, plain.Turn, plain.Reusable})
}

func TestOpenLoop(t *testing.T) {
	o := drive(t, steady(1), func(s *Spec) { s.Loop = Open{Poisson{5}} })
	require.NoError(t, o.err)
	assert.Equal(t, []string{"warmup@0s", "measure@2s", "drain@12s"}, o.phases)
	assert.Nil(t, o.sum.MeanThink)
	rng := generator(domainArrivals, 1)
	start := float64(o.begin.Unix())
	var at time.Duration
	n := 0
	for ; ; n++ {
		if at = (Poisson{5}).Next(rng, at); at >= 12*time.Second {
			break
		}
		r := o.find(t, n, 0)
		require.InDelta(t, start+at.Seconds(), r.IntendedTS, 1e-6)
		require.Equal(t, at >= 2*time.Second, r.Phase == record.PhaseMeasure)
		require.Zero(t, r.Concurrency)
	}
	assert.Equal(t, n, len(o.recs), "every arrival before the end of measure, and no other")
	assert.Greater(t, n, 30)
}

// Arrivals of an open loop do not wait for a server that stands still.
func TestOpenLoopDoesNotWait(t *testing.T) {
	o := drive(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		func(s *Spec) { s.Loop, s.MaxDuration = Open{Constant{10}}, s.Duration })
	require.NoError(t, o.err)
	require.Equal(t, 119, len(o.recs))
	for _, r := range o.recs {
		require.Equal(t, record.RCTimeout, r.RC)
		require.True(t, r.Censored)
		require.Equal(t, 30_000.0, *r.E2Ems)
		require.Zero(t, r.SendLagMS)
	}
	assert.Equal(t, 119, o.sum.DrainTimeouts)
	assert.Equal(t, map[string]map[string]int{"warmup": {"timeout": 19}, "measure": {"timeout": 100}}, o.sum.Counts)
	assert.Equal(t, 41900*time.Millisecond, o.took, "the last arrival, at 11.9 s, and its time limit")
}

func TestMeasureIsExtendedForRequests(t *testing.T) {
	tests := []struct {
		name string
		min  int
		end  string
	}{
		{"enough at duration", 4, "drain@12s"},
		{"extended on the grid", 60, ""},
		{"not beyond the maximum", 1_000_000, "drain@1m2s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := drive(t, steady(1), func(s *Spec) { s.MinRequests = tt.min })
			require.NoError(t, o.err)
			span := *o.sum.MeasureEnd - *o.sum.MeasureStart
			if tt.end != "" {
				assert.Equal(t, tt.end, o.phases[2])
				return
			}
			assert.Greater(t, span, 10.0)
			assert.Equal(t, math.Trunc(span), span, "whole seconds")
			ended := func(by float64) (n int) {
				for _, r := range o.recs {
					if r.Phase == record.PhaseMeasure && r.TS+*r.E2Ems/1e3 < by {
						n++
					}
				}
				return n
			}
			assert.GreaterOrEqual(t, ended(*o.sum.MeasureEnd), tt.min)
			assert.Less(t, ended(*o.sum.MeasureEnd-1), tt.min)
		})
	}
}

func TestWarmupWaitsForEveryUser(t *testing.T) {
	slowUser := func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get("X-Request-Id"); id == "u2-q0" || id == "u2-q1" {
			wait(r.Context(), 7*time.Second)
		}
		steady(1)(w, r)
	}
	o := drive(t, slowUser, func(s *Spec) { s.Warmup.Passes = 2 })
	require.NoError(t, o.err)
	second := o.find(t, 2, 1)
	ready := second.TS + *second.E2Ems/1e3
	assert.Equal(t, math.Ceil(ready), *o.sum.MeasureStart)
	assert.False(t, o.sum.WarmupCapped)

	o = drive(t, slowUser, func(s *Spec) { s.Warmup.Passes, s.Warmup.Max = 2, 9*time.Second })
	require.NoError(t, o.err)
	assert.Equal(t, "measure@9s", o.phases[1])
	assert.True(t, o.sum.WarmupCapped)
}

func TestDrainTimeouts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		want    int
	}{{"after the end of measure", 30 * time.Second, 1}, {"within measure", 4 * time.Second, 0}} {
		t.Run(tt.name, func(t *testing.T) {
			o := drive(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("X-Request-Id") == "u1-q3" {
					<-r.Context().Done()
					return
				}
				steady(1)(w, r)
			}, func(s *Spec) { s.Timeout = tt.timeout })
			require.NoError(t, o.err)
			assert.Equal(t, record.RCTimeout, o.find(t, 1, 3).RC)
			assert.Equal(t, tt.want, o.sum.DrainTimeouts)
		})
	}
}

// A connection that hangs is no sign of life: refusals with time limits in between still count as a row.
func TestHangingConnectionsDoNotHideRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := nobody().spec(t)
		spec.Loop = Closed{Users: 1, Think: must[Dist](t)(NewConstant(0.1))}
		spec.Timeout = time.Second
		n := 0
		spec.HTTP = through(func(r *http.Request) (*http.Response, error) {
			if n++; n%2 == 0 {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return nil, errors.New("dial: connection refused")
		})
		o := launch(t.Context(), spec)
		require.ErrorIs(t, o.err, ErrUnreachable)
		assert.Equal(t, refusalsAtFirst, o.sum.Counts[record.PhaseWarmup][record.RCRefused])
	})
}

// Users start as if they had been thinking for ever: no volley of first requests.
func TestUsersStartSpread(t *testing.T) {
	o := drive(t, steady(1), func(s *Spec) {
		s.Loop = Closed{Users: 100, Think: must[Dist](t)(NewConstant(10))}
		s.Warmup.Min = 20 * time.Second
	})
	require.NoError(t, o.err)
	quarters := [4]int{}
	for u := range 100 {
		first := o.find(t, u, 0).IntendedTS - float64(o.begin.Unix())
		quarters[int(first/2.5)]++
	}
	for q, n := range quarters {
		assert.InDelta(t, 25, n, 13, "first sends in quarter %d of the think time", q)
	}
}

// Intended sends lie on whole microseconds of the cell's clock even if the run starts beside them.
func TestSendsLieOnTheGrid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, stop := serve(t, func(w http.ResponseWriter, r *http.Request) { generate(w, r, 1, time.Millisecond+1, 0) })
		defer stop()
		spec := e.spec(t)
		spec.Output = must[Dist](t)(NewConstant(1))
		wait(t.Context(), time.Second+321)
		zero := spec.Start
		offGrid := 0
		spec.HTTP = through(func(r *http.Request) (*http.Response, error) {
			if time.Since(zero)%time.Microsecond != 0 {
				offGrid++
			}
			return e.http.Do(r)
		})
		o := launch(t.Context(), spec)
		require.NoError(t, o.err)
		require.Greater(t, len(o.recs), 30)
		assert.Zero(t, offGrid)
	})
}

type onSend func(*http.Request) (*http.Response, error)

func (f onSend) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// through is a client whose requests are carried by f.
func through(f onSend) *outgoing.Client { return outgoing.New(outgoing.Options{Through: f}) }
