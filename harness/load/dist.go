package load

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Dist is a non-negative random quantity in plain units: seconds for think times, tokens for lengths.
type Dist interface {
	Draw(*rand.Rand) float64
	Mean() float64
}

// NewConstant always draws value.
func NewConstant(value float64) (Dist, error) {
	if !finite(value) || value < 0 {
		return nil, fmt.Errorf("constant distribution: value %v is not a number of at least 0", value)
	}
	return constant(value), nil
}

// NewUniform draws from [min, max).
func NewUniform(min, max float64) (Dist, error) {
	if !finite(min) || !finite(max) || min < 0 || max <= min {
		return nil, fmt.Errorf("uniform distribution: need 0 <= min < max, got min %v, max %v", min, max)
	}
	return uniform{min, max}, nil
}

// NewExponential draws with the given mean.
func NewExponential(mean float64) (Dist, error) {
	if !finite(mean) || mean <= 0 {
		return nil, fmt.Errorf("exponential distribution: mean %v is not a positive number", mean)
	}
	return exponential(mean), nil
}

// NewLognormal draws exp(N(ln median, sigma^2)).
func NewLognormal(median, sigma float64) (Dist, error) {
	if !finite(median) || !finite(sigma) || median <= 0 || sigma <= 0 {
		return nil, fmt.Errorf("lognormal distribution: need median > 0 and sigma > 0, got median %v, sigma %v", median, sigma)
	}
	return lognormal{median, sigma}, nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

type constant float64

func (d constant) Draw(*rand.Rand) float64 { return float64(d) }
func (d constant) Mean() float64           { return float64(d) }

type uniform struct{ min, max float64 }

func (d uniform) Draw(r *rand.Rand) float64 { return d.min + (d.max-d.min)*r.Float64() }
func (d uniform) Mean() float64             { return (d.min + d.max) / 2 }

type exponential float64

func (d exponential) Draw(r *rand.Rand) float64 { return float64(d) * r.ExpFloat64() }
func (d exponential) Mean() float64             { return float64(d) }

type lognormal struct{ median, sigma float64 }

func (d lognormal) Draw(r *rand.Rand) float64 { return d.median * math.Exp(d.sigma*r.NormFloat64()) }
func (d lognormal) Mean() float64             { return d.median * math.Exp(d.sigma*d.sigma/2) }

// residual draws the time that is left of d when it is looked at at a random moment: a uniform share of
// a length-biased draw (Cox, Renewal Theory, 1962, section 5.2). Users that begin with it stand as if
// they had been thinking for ever, so a cell starts without the volley of everyone's first request.
// A Dist from elsewhere gets a uniform share of a plain draw.
func residual(d Dist, r *rand.Rand) float64 {
	if d, ok := d.(stretched); ok {
		return d.factor * residual(d.Dist, r)
	}
	share := r.Float64()
	switch d := d.(type) {
	case exponential:
		return d.Draw(r) // memoryless
	case uniform:
		lo, hi := d.min*d.min, d.max*d.max
		return share * math.Sqrt(lo+(hi-lo)*r.Float64())
	case lognormal:
		biased := lognormal{d.median * math.Exp(d.sigma*d.sigma), d.sigma}
		return share * biased.Draw(r)
	default:
		return share * d.Draw(r)
	}
}
