package load

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		require.NoError(t, err)
		return v
	}
}

func TestDistMeanAndResidual(t *testing.T) {
	dist := must[Dist](t)
	tests := []struct {
		name   string
		dist   Dist
		mean   float64
		second float64 // E[X^2]
	}{
		{"constant", dist(NewConstant(20)), 20, 400},
		{"zero", dist(NewConstant(0)), 0, 0},
		{"uniform", dist(NewUniform(80, 160)), 120, (160*160*160 - 80*80*80) / 3. / 80},
		{"exponential", dist(NewExponential(20)), 20, 800},
		{"lognormal", dist(NewLognormal(48, 0.7)), 48 * math.Exp(0.245), 48 * 48 * math.Exp(2*0.49)},
	}
	const n = 400_000
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.InDelta(t, tt.mean, tt.dist.Mean(), 1e-9)
			rng := generator(1, 2)
			var sum, square, rest, least float64
			for range n {
				x := tt.dist.Draw(rng)
				least = min(least, x)
				sum += x
				square += x * x
				rest += residual(tt.dist, rng)
			}
			assert.GreaterOrEqual(t, least, 0.0)
			assert.InEpsilon(t, tt.mean+1, sum/n+1, 0.01)
			assert.InEpsilon(t, tt.second+1, square/n+1, 0.03)
			if tt.mean > 0 {
				// The mean residual life of a renewal process is E[X^2] / 2 E[X].
				assert.InEpsilon(t, tt.second/2/tt.mean, rest/n, 0.02)
			}
		})
	}
}

func TestDistRefusesNonsense(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for name, build := range map[string]func() (Dist, error){
		"constant below 0":     func() (Dist, error) { return NewConstant(-1) },
		"constant NaN":         func() (Dist, error) { return NewConstant(nan) },
		"uniform reversed":     func() (Dist, error) { return NewUniform(2, 1) },
		"uniform empty":        func() (Dist, error) { return NewUniform(2, 2) },
		"uniform below 0":      func() (Dist, error) { return NewUniform(-1, 1) },
		"uniform infinite":     func() (Dist, error) { return NewUniform(0, inf) },
		"exponential zero":     func() (Dist, error) { return NewExponential(0) },
		"exponential infinite": func() (Dist, error) { return NewExponential(inf) },
		"lognormal median 0":   func() (Dist, error) { return NewLognormal(0, 1) },
		"lognormal sigma 0":    func() (Dist, error) { return NewLognormal(1, 0) },
		"lognormal NaN":        func() (Dist, error) { return NewLognormal(1, nan) },
	} {
		t.Run(name, func(t *testing.T) {
			d, err := build()
			require.Error(t, err)
			assert.Nil(t, d)
		})
	}
}
