package load

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

func testStages(users int) *stages {
	loop := Loop(Open{Constant{1}})
	if users > 0 {
		loop = Closed{Users: users}
	}
	return newStages(&Spec{
		Loop:     loop,
		Warmup:   Warmup{Min: 2500 * time.Millisecond, Max: 10 * time.Second, Passes: 1},
		Duration: 30 * time.Second, MaxDuration: 40500 * time.Millisecond, MinRequests: 3,
	})
}

const msec = time.Millisecond

func TestStages(t *testing.T) {
	tests := []struct {
		name    string
		users   int
		passes  []time.Duration // when users have had their passes
		answers []time.Duration // complete answers to requests of measure
		measure time.Duration
		end     time.Duration
		capped  bool
	}{
		{"all ready before min", 2, []time.Duration{100 * msec, 200 * msec}, []time.Duration{4000 * msec, 5000 * msec, 6000 * msec}, 2500 * msec, 32500 * msec, false},
		{"the last user decides, on the grid", 2, []time.Duration{100 * msec, 4600 * msec}, []time.Duration{6000 * msec, 6000 * msec, 6000 * msec}, 5500 * msec, 35500 * msec, false},
		{"a pass at the instant of a check counts at the next", 1, []time.Duration{3500 * msec}, []time.Duration{6000 * msec, 6000 * msec, 6000 * msec}, 4500 * msec, 34500 * msec, false},
		{"a pass 1 ns before a check counts", 1, []time.Duration{3500*msec - 1}, []time.Duration{6000 * msec, 6000 * msec, 6000 * msec}, 3500 * msec, 33500 * msec, false},
		{"capped", 2, []time.Duration{100 * msec}, []time.Duration{11000 * msec, 11000 * msec, 11000 * msec}, 10000 * msec, 40000 * msec, true},
		{"a pass at the cap is too late", 1, []time.Duration{10000 * msec}, []time.Duration{11000 * msec, 11000 * msec, 11000 * msec}, 10000 * msec, 40000 * msec, true},
		{"extended for requests", 1, []time.Duration{1}, []time.Duration{4000 * msec, 5000 * msec, 34700 * msec}, 2500 * msec, 35500 * msec, false},
		{"an answer at the instant of a check counts at the next", 1, []time.Duration{1}, []time.Duration{4000 * msec, 5000 * msec, 32500 * msec}, 2500 * msec, 33500 * msec, false},
		{"extended to the maximum", 1, []time.Duration{1}, []time.Duration{4000 * msec, 5000 * msec}, 2500 * msec, 43000 * msec, false},
		{"open loop warms up for min", 0, nil, []time.Duration{4000 * msec, 5000 * msec, 6000 * msec}, 2500 * msec, 32500 * msec, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := testStages(tt.users)
			for _, at := range tt.passes {
				s.passed(at)
			}
			for _, at := range tt.answers {
				s.complete(at, record.PhaseWarmup) // says nothing about measure
				s.complete(at, record.PhaseMeasure)
			}
			s.advance(time.Hour)
			assert.Equal(t, tt.measure, s.measureAt, "measure")
			assert.Equal(t, tt.end, s.endAt, "end")
			assert.Equal(t, tt.capped, s.capped)
		})
	}
}

// A replay measures until a check after its last item, or for as long as it may.
func TestStagesOfAReplay(t *testing.T) {
	for _, tt := range []struct {
		name     string
		last, to time.Duration
	}{
		{"at a check", 5500 * msec, 6500 * msec},
		{"1 ns before a check", 5500*msec - 1, 5500 * msec},
		{"within warm-up", 0, 3500 * msec},
		{"after the maximum", time.Minute, 43000 * msec},
	} {
		s := newStages(&Spec{
			Loop: Replay{}, Warmup: Warmup{Min: 2500 * time.Millisecond}, MaxDuration: 40500 * time.Millisecond,
		})
		s.exhausted(tt.last)
		s.advance(time.Hour)
		assert.Equal(t, 2500*msec, s.measureAt, tt.name)
		assert.Equal(t, tt.to, s.endAt, tt.name)
	}
}

func TestStagesLabel(t *testing.T) {
	s := testStages(1)
	s.passed(1)
	for _, at := range []time.Duration{3000, 4000, 5000} {
		s.complete(at*msec, record.PhaseMeasure)
	}
	for _, tt := range []struct {
		at    time.Duration
		phase string
		due   bool
	}{
		{0, record.PhaseWarmup, true}, {2500*msec - 1, record.PhaseWarmup, true}, {2500 * msec, record.PhaseMeasure, true},
		{32500*msec - 1, record.PhaseMeasure, true}, {32500 * msec, "", false}, {time.Hour, "", false},
		{2 * time.Second, record.PhaseWarmup, true}, // late to ask, early to be due
	} {
		phase, due := s.label(tt.at)
		assert.Equal(t, tt.phase, phase, "%v", tt.at)
		assert.Equal(t, tt.due, due, "%v", tt.at)
	}
}

// Whatever the order in which the events of an instant are reported, the decisions are the same.
func TestStagesIgnoreTheOrderWithinAnInstant(t *testing.T) {
	for trial := range uint64(200) {
		rng := generator(trial)
		type ev struct {
			at   time.Duration
			pass bool
		}
		var evs []ev
		for range 3 {
			evs = append(evs, ev{time.Duration(rng.IntN(12)) * 500 * msec, true})
		}
		for range 3 {
			evs = append(evs, ev{time.Duration(20+rng.IntN(70)) * 500 * msec, false})
		}
		var want *stages
		for range 6 {
			rng.Shuffle(len(evs), func(i, j int) { evs[i], evs[j] = evs[j], evs[i] })
			s := testStages(3)
			for at := time.Duration(0); at < 100*time.Second; at += 500 * msec {
				if rng.IntN(2) == 0 {
					s.advance(at) // the conductor may come first or last
				}
				for _, e := range evs {
					if e.at != at {
						continue
					}
					if e.pass {
						s.passed(at)
					} else {
						s.complete(at, record.PhaseMeasure)
					}
				}
				s.advance(at)
			}
			if want == nil {
				want = s
			}
			require.Equal(t, want, s, "trial %d", trial)
		}
	}
}
