package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// even answers every request after the same time.
type even struct {
	takes time.Duration
	due   []time.Duration // by id, Never when done
}

func (s *even) Arrive(at time.Duration, _ Ask) { s.due = append(s.due, at+s.takes) }

func (s *even) Next() time.Duration {
	next := Never
	for _, at := range s.due {
		next = min(next, at)
	}
	return next
}

func (s *even) Advance(to time.Duration) (ended []int) {
	for id, at := range s.due {
		if at <= to {
			ended = append(ended, id)
			s.due[id] = Never
		}
	}
	return ended
}

func rehearsed(t *testing.T, change func(*Spec), takes time.Duration) Rehearsed {
	t.Helper()
	s := Spec{ContextTokens: 8, Loop: Closed{Users: 1, Think: constant(8)}, Output: constant(4), Nonce: NoncePerRequest, Seed: 1, Prompter: FixedContext{},
		Warmup: Warmup{Min: 10 * time.Second, Max: time.Hour, Passes: 3}, Duration: 60 * time.Second, MaxDuration: 10 * time.Minute, MinRequests: 12}
	change(&s)
	r, err := Rehearse(s, &even{takes: takes})
	require.NoError(t, err)
	return r
}

// One user that thinks 8 s and waits 2 s asks every 10 s: three passes less what is left of the first think time, then
// as many cycles as the requests that are asked for, each phase on the grid of whole seconds.
func TestRehearsedPhases(t *testing.T) {
	for _, tc := range []struct {
		name                   string
		change                 func(*Spec)
		warmLeast, warmMost    float64 // s
		measureLeast, measured float64
	}{
		{"requests decide", func(*Spec) {}, 22, 31, 118, 123},
		{"the duration decides", func(s *Spec) { s.MinRequests = 1 }, 22, 31, 60, 60},
		{"the longest duration decides", func(s *Spec) { s.MinRequests = 1000 }, 22, 31, 600, 600},
		{"the least warm-up decides", func(s *Spec) { s.Warmup.Min = 50 * time.Second }, 50, 50, 118, 123},
		{"the longest warm-up decides", func(s *Spec) { s.Warmup.Max = 15 * time.Second }, 15, 15, 110, 123},
		{"many requests are not gone through", func(s *Spec) { s.MinRequests, s.MaxDuration = 100*mostRehearsed, 1e7*time.Second }, 22, 31, 5.9e6, 6.1e6},
		{"an open loop", func(s *Spec) { s.Loop = Open{Constant{RPS: 0.1}} }, 10, 10, 110, 125},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rehearsed(t, tc.change, 2*time.Second)
			assert.GreaterOrEqual(t, r.Warmup.Seconds(), tc.warmLeast)
			assert.LessOrEqual(t, r.Warmup.Seconds(), tc.warmMost)
			assert.GreaterOrEqual(t, r.Measure.Seconds(), tc.measureLeast)
			assert.LessOrEqual(t, r.Measure.Seconds(), tc.measured)
			assert.LessOrEqual(t, r.Drain, 2*time.Second)
			assert.Equal(t, r, rehearsed(t, tc.change, 2*time.Second), "it follows from the seed")
		})
	}
}

// An open loop that outruns the server ends with what was seen, and a replay is refused.
func TestRehearsalEnds(t *testing.T) {
	r := rehearsed(t, func(s *Spec) { s.Loop, s.MinRequests = Open{Constant{RPS: 1000}}, 1e6 }, 2*time.Hour)
	assert.Equal(t, 10*time.Minute, r.Measure)
	_, err := Rehearse(Spec{Loop: Replay{}}, &even{})
	require.ErrorContains(t, err, "as long as its trace")
}

// What a user draws in a rehearsal is what it draws in a run, and the prompts of sessions are as long.
func TestRehearsalDrawsAsARun(t *testing.T) {
	var asked []Ask
	s := Spec{ContextTokens: 500, Loop: Closed{Users: 3, Think: exponential(5)}, Output: lognormal{20, 0.5}, Nonce: NoncePerUser, Seed: 7,
		Warmup: Warmup{Min: time.Second, Max: time.Minute, Passes: 1}, Duration: time.Minute, MaxDuration: time.Minute, MinRequests: 1,
		Prompter: &SessionedChat{Seed: 7, Turns: constant(3), Message: constant(20), Answer: constant(10), Fresh: constant(30), Least: 5,
			Text: func(uint64, int) (string, error) { panic("texts are not needed") }}}
	_, err := Rehearse(s, &listening{asked: &asked})
	require.NoError(t, err)
	require.NotEmpty(t, asked)
	turns := map[int]int{}
	for _, a := range asked {
		tokens, _, _ := s.draw(a.User, a.Seq, s.Loop.(Closed).Think, nil)
		assert.Equal(t, tokens, a.Output)
		require.NotNil(t, a.Reusable)
		if turns[a.User] > 0 && *a.Reusable > 0 {
			assert.Positive(t, a.Prompt-*a.Reusable)
		}
		turns[a.User]++
	}
}

// listening answers after a second and keeps what it was asked.
type listening struct {
	even
	asked *[]Ask
}

func (l *listening) Arrive(at time.Duration, a Ask) {
	*l.asked = append(*l.asked, a)
	l.takes = time.Second
	l.even.Arrive(at, a)
}
