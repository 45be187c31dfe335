package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Ramp is a Poisson process whose rate (requests a second) goes linearly from From, at the start of the
// run, to To after Over, and stays there. From may be 0.
type Ramp struct {
	From, To float64
	Over     time.Duration
}

// Next draws how many requests the process is to expect until its next one (exponential with mean 1) and
// finds when the integral of the rate from prev on reaches that. The integral is inverted in closed form, so
// the process is exact up to the microsecond grid, at any slope.
func (p Ramp) Next(r *rand.Rand, prev time.Duration) time.Duration {
	expected := r.ExpFloat64()
	left := (p.Over - prev).Seconds()
	if left <= 0 {
		return prev + micros(expected/p.To)
	}
	slope := (p.To - p.From) / p.Over.Seconds()
	rate := p.To - slope*left
	if onRamp := left * (rate + p.To) / 2; expected > onRamp {
		return p.Over + micros((expected-onRamp)/p.To)
	}
	if expected == 0 {
		return prev // below it would be 0/0 where the rate is 0
	}
	// The root of rate*x + slope*x*x/2 = expected, in the form that loses no digits where the slope is near 0.
	// Under the square root is the square of the rate at the time sought, which rounding may put below 0.
	then := math.Sqrt(max(0, rate*rate+2*slope*expected))
	return prev + micros(2*expected/(rate+then))
}

func (p Ramp) check() error {
	if !(p.From >= 0 && p.From <= MaxRPS) {
		return fmt.Errorf("pacer: a ramp from %v is not from 0 to %d requests a second", p.From, MaxRPS)
	}
	if p.Over <= 0 || p.Over%time.Microsecond != 0 {
		return fmt.Errorf("pacer: a ramp over %v: whole microseconds above 0 are needed", p.Over)
	}
	return checkRPS(p.To)
}
