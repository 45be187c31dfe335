package load

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var ramps = map[string]struct {
	p Ramp
	n int // sends of a run, enough to come past the ramp
}{
	"up":            {Ramp{2, 20, time.Minute}, 1000},
	"from nothing":  {Ramp{0, 5, 3 * time.Minute}, 1000},
	"down":          {Ramp{30, 1, time.Minute}, 1000},
	"nearly level":  {Ramp{10, 10.0000001, time.Minute}, 1000},
	"level":         {Ramp{10, 10, time.Minute}, 1000},
	"in few sends":  {Ramp{0, 2, 4 * time.Second}, 6},
	"before a send": {Ramp{0.5, 2, time.Second}, 3},
	"nearly to 0":   {Ramp{2, 0.01, 3 * time.Second}, 4},
}

// expected is the integral of the rate up to t seconds, by Simpson's rule, which is exact for
// straight lines, up to the end of the ramp.
func (p Ramp) expected(t float64) float64 {
	over := p.Over.Seconds()
	ramp := min(t, over)
	rate := func(x float64) float64 { return p.From + (p.To-p.From)*x/over }
	sum := ramp / 6 * (rate(0) + 4*rate(ramp/2) + rate(ramp))
	return sum + max(0, t-over)*p.To
}

// Counted in requests expected instead of seconds, a Poisson process has exponential gaps of mean 1,
// whatever its rate does.
func TestRampPacerIsAPoissonProcess(t *testing.T) {
	for name, tc := range ramps {
		t.Run(name, func(t *testing.T) {
			var units []float64
			for seed := range uint64(60_000 / tc.n) {
				at, before := 0.0, 0.0
				for _, gap := range gaps(t, tc.p, seed, tc.n) {
					at += gap
					so := tc.p.expected(at)
					units = append(units, so-before)
					before = so
				}
			}
			mean, cv, _ := moments(units)
			n := float64(len(units))
			assert.InDelta(t, 1, mean, 4/math.Sqrt(n))
			assert.InDelta(t, 1, cv, 0.03)
			slices.Sort(units)
			far := 0.0
			for i, x := range units {
				far = max(far, math.Abs(1-math.Exp(-x)-(float64(i)+0.5)/n))
			}
			assert.Less(t, far, 1.95/math.Sqrt(n), "Kolmogorov-Smirnov at 0.1 %%")
		})
	}
}

func TestRampPacerFollowsItsRate(t *testing.T) {
	p := Ramp{2, 40, time.Minute}
	const seeds = 200
	var counts [9]float64 // a sixth of a minute each
	for seed := range uint64(seeds) {
		rng := generator(seed)
		for at := p.Next(rng, 0); at < 90*time.Second; at = p.Next(rng, at) {
			counts[at/(10*time.Second)]++
		}
	}
	for i, n := range counts {
		rate := min(40, 2+38*(float64(i)+0.5)/6)
		assert.InEpsilon(t, rate, n/seeds/10, 0.03, "from %d0 s", i)
	}
}

func TestRampPacerIsDeterministic(t *testing.T) {
	p := Ramp{1, 5, time.Minute}
	assert.Equal(t, gaps(t, p, 1, 500), gaps(t, p, 1, 500))
	assert.NotEqual(t, gaps(t, p, 1, 500), gaps(t, p, 2, 500))
}

func TestRampPacerRefuses(t *testing.T) {
	for want, bad := range map[string][]Ramp{
		"rate":           {{1, 0, 1000}, {1, -1, 1000}, {1, math.NaN(), 1000}, {1, MaxRPS + 1, 1000}},
		"a ramp from":    {{-1, 1, 1000}, {math.NaN(), 1, 1000}, {MaxRPS + 1, 1, 1000}},
		"a ramp over 0s": {{1, 2, 0}},
		"a ramp over 1n": {{1, 2, 1}},
		"a ramp over -":  {{1, 2, -time.Second}},
	} {
		for _, p := range bad {
			assert.ErrorContains(t, Open{p}.check(), want, "%+v", p)
		}
	}
	for name, tc := range ramps {
		assert.NoError(t, Open{tc.p}.check(), name)
	}
}
