package load

import (
	"math"
	"time"

	"sparkharness/harness/record"
)

// tick is the grid on which the ends of warm-up and measure are looked for.
const tick = time.Second

// stages decides when warm-up and measure end; it is arithmetic on offsets from the start of the run.
//
// Warm-up may end at Min, Min + 1 s, Min + 2 s ... and at Max; measure at Duration, Duration + 1 s ...
// and at MaxDuration after its start. What is decided at an instant rests only on events before it,
// because whoever reports an event, or asks for a label, first advances to the event's own instant. So
// neither the order of simultaneous events nor who is first at a boundary changes anything.
type stages struct {
	warmMin, warmMax  time.Duration
	measMin, measMax  time.Duration
	minRequests       int
	left              int           // requests of measure that may still be sent
	next              time.Duration // the next instant at which something is decided
	measureAt, endAt  time.Duration // -1 until decided
	warming, answered int           // users that still lack passes; complete answers of measure
	capped            bool          // warm-up ended at Max with users lacking passes
}

func newStages(s *Spec) *stages {
	st := &stages{
		warmMin: s.Warmup.Min, warmMax: s.Warmup.Max, measMin: s.Duration, measMax: s.MaxDuration,
		minRequests: s.MinRequests, warming: s.users(), measureAt: -1, endAt: -1,
		left: math.MaxInt,
	}
	if s.MaxRequests > 0 {
		st.left = s.MaxRequests
	}
	if st.warming == 0 {
		st.warmMax = st.warmMin
	}
	if _, replay := s.Loop.(Replay); replay {
		st.measMin, st.minRequests = min(tick, st.measMax), math.MaxInt // until exhausted
	}
	st.next = st.warmMin
	return st
}

// advance decides everything that is due at or before to.
func (s *stages) advance(to time.Duration) {
	for s.endAt < 0 && s.next <= to {
		at := s.next
		switch {
		case s.measureAt >= 0:
			last := s.measureAt + s.measMax
			if s.answered >= s.minRequests || at == last {
				s.endAt = at
				return
			}
			s.next = min(at+tick, last)
		case s.warming == 0 || at == s.warmMax:
			s.capped = s.warming > 0
			s.measureAt = at
			s.next = at + s.measMin
		default:
			s.next = min(at+tick, s.warmMax)
		}
	}
}

// label is the phase of a request that is due at the given offset; due is false if measure has ended by
// then, or has had its requests, and it is not to be sent.
func (s *stages) label(at time.Duration) (phase string, due bool) {
	s.advance(at)
	switch {
	case s.endAt >= 0 && at >= s.endAt:
		return "", false
	case s.measureAt >= 0 && at >= s.measureAt:
		if s.left == 0 {
			return "", false
		}
		if s.left--; s.left == 0 {
			s.minRequests = 0 // users that think have nothing to wake up for
		}
		return record.PhaseMeasure, true
	}
	return record.PhaseWarmup, true
}

// exhausted reports that no request is due after the given offset, so that measure has nothing to wait for.
func (s *stages) exhausted(at time.Duration) {
	s.advance(at)
	s.minRequests = 0
}

// passed reports that a user has had its passes by the given offset.
func (s *stages) passed(at time.Duration) {
	s.advance(at)
	s.warming--
}

// complete reports a complete answer, at the given offset, to a request of the given phase.
func (s *stages) complete(at time.Duration, phase string) {
	s.advance(at)
	if phase == record.PhaseMeasure {
		s.answered++
	}
}
