package load

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Gamma sends with gamma-distributed gaps of mean 1/RPS seconds and coefficient of variation CV: 1 is
// Poisson, above 1 requests come in bursts with lulls between them, near 0 they come evenly.
type Gamma struct{ RPS, CV float64 }

// Next draws one gap.
func (p Gamma) Next(r *rand.Rand, prev time.Duration) time.Duration {
	shape := 1 / (p.CV * p.CV)
	return prev + micros(gamma(r, shape)/(shape*p.RPS))
}

// MinCV keeps the shape within what floats hold apart; MaxCV keeps a run of some thousand sends near its
// mean rate, as most gaps are 0 from there on.
const MinCV, MaxCV = 0.001, 20

func (p Gamma) check() error {
	if !(p.CV >= MinCV && p.CV <= MaxCV) {
		return fmt.Errorf("pacer: coefficient of variation %v of the gaps is not from %v to %v", p.CV, MinCV, MaxCV)
	}
	return checkRPS(p.RPS)
}

// gamma draws from the gamma distribution of that shape and scale 1 (Marsaglia and Tsang, "A simple method
// for generating gamma variables", 2000).
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(r.Float64(), 1/shape)
	}
	d := shape - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
