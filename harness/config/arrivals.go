package config

import "time"

// How an open loop arrives.
const (
	ArrivalsPoisson  = "poisson"  // exponential gaps: independent users
	ArrivalsConstant = "constant" // even gaps
	ArrivalsGamma    = "gamma"    // gamma-distributed gaps of coefficient of variation gap_cv: bursts above 1
	ArrivalsRamp     = "ramp"     // Poisson, at a rate that goes from ramp.from_rps to the level of rate_rps
)

// Ramp is how the rate of an open loop comes to a level of rate_rps: linearly, from the start of the run.
type Ramp struct {
	FromRPS *float64 `yaml:"from_rps"` // requests/s, 0 to 100000
	Over    Duration `yaml:"over"`     // at most run.warmup.min: what is measured is the level
}

// Bounds of an open loop, which package load has too.
const (
	MaxRPS             = 100_000 // requests/s: gaps stay longer than the load's grid of a microsecond
	MinGapCV, MaxGapCV = 0.001, 20
)

// checkArrivals asks for what each kind of arrival needs, and for nothing of another.
func (s *Sweep) checkArrivals(r *reader, warmup Duration) {
	switch {
	case len(s.RateRPS) > 0:
		r.oneOf("sweep.arrivals", s.Arrivals, ArrivalsPoisson, ArrivalsConstant, ArrivalsGamma, ArrivalsRamp)
	case s.Arrivals != "":
		r.refuse("sweep.arrivals", "says how an open loop arrives, but sweep.rate_rps lists no rate")
	}
	if !r.ok("sweep.arrivals") {
		return
	}
	switch gamma := s.Arrivals == ArrivalsGamma; {
	case !gamma && s.GapCV != 0:
		r.refuse("sweep.gap_cv", "belongs to arrivals: gamma")
	case gamma && s.GapCV == 0:
		r.refuse("sweep.gap_cv", "required field of gamma is missing: the coefficient of variation of the gaps, such as 2")
	case gamma && (s.GapCV < MinGapCV || s.GapCV > MaxGapCV):
		r.refuse("sweep.gap_cv", "must be from %v to %v, not %v; 1 is poisson", MinGapCV, MaxGapCV, s.GapCV)
	}
	switch ramp := s.Arrivals == ArrivalsRamp; {
	case !ramp && s.Ramp != nil:
		r.refuse("sweep.ramp", "belongs to arrivals: ramp")
	case ramp && s.Ramp == nil:
		r.refuse("sweep.ramp", "required field of arrivals: ramp is missing, such as {from_rps: 0, over: 60s}")
	case ramp:
		s.Ramp.check(r, warmup)
	}
}

func (p *Ramp) check(r *reader, warmup Duration) {
	switch over := time.Duration(p.Over); {
	case over%time.Microsecond != 0:
		r.refuse("sweep.ramp.over", "must be whole microseconds, not %v", over)
	case r.ok("run.warmup.min") && p.Over > warmup:
		r.refuse("sweep.ramp.over", "must be at most run.warmup.min (%v), not %v: what is measured is the rate of sweep.rate_rps", warmup, over)
	}
}
