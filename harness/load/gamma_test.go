package load

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gaps are n gaps of the pacer in seconds.
func gaps(t *testing.T, p Pacer, seed uint64, n int) []float64 {
	rng := generator(seed)
	var at time.Duration
	out := make([]float64, n)
	for i := range out {
		next := p.Next(rng, at)
		if next < at || next%time.Microsecond != 0 {
			require.Failf(t, "bad send", "%v after %v", next, at)
		}
		out[i], at = (next - at).Seconds(), next
	}
	return out
}

// moments are the mean, the coefficient of variation and the skewness.
func moments(values []float64) (mean, cv, skew float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	var square, cube float64
	for _, v := range values {
		square += math.Pow(v-mean, 2) / n
		cube += math.Pow(v-mean, 3) / n
	}
	return mean, math.Sqrt(square) / mean, cube / math.Pow(square, 1.5)
}

func TestGammaPacerHasItsMoments(t *testing.T) {
	const rps = 12.0
	for _, cv := range []float64{0.05, 0.3, 0.8, 1, 1.5, 3, 6} {
		t.Run(fmt.Sprint("cv ", cv), func(t *testing.T) {
			mean, got, skew := moments(gaps(t, Gamma{rps, cv}, 3, 100_000))
			assert.InEpsilon(t, 1/rps, mean, 0.01*(1+3*cv))
			assert.InEpsilon(t, cv, got, 0.01*(1+3*cv))
			// The skewness of a gamma distribution is twice its coefficient of variation.
			assert.InDelta(t, 2*cv, skew, 0.02+0.1*cv)
		})
	}
}

// The largest distance between the distribution of draws and the one known in closed form.
func TestGammaHasKnownDistributions(t *testing.T) {
	const n = 100_000
	for name, tc := range map[string]struct {
		shape float64
		below func(x float64) float64
	}{
		"exponential":       {1, func(x float64) float64 { return 1 - math.Exp(-x) }},
		"Erlang of 2":       {2, func(x float64) float64 { return 1 - math.Exp(-x)*(1+x) }},
		"half a chi-square": {0.5, func(x float64) float64 { return math.Erf(math.Sqrt(x)) }},
	} {
		rng := generator(8)
		draws := make([]float64, n)
		for i := range draws {
			draws[i] = gamma(rng, tc.shape)
		}
		slices.Sort(draws)
		far := 0.0
		for i, x := range draws {
			far = max(far, math.Abs(tc.below(x)-(float64(i)+0.5)/n))
		}
		assert.Less(t, far, 1.95/math.Sqrt(n), "%s: Kolmogorov-Smirnov at 0.1 %%", name)
	}
}

func TestGammaPacerIsDeterministic(t *testing.T) {
	assert.Equal(t, gaps(t, Gamma{5, 2}, 1, 500), gaps(t, Gamma{5, 2}, 1, 500))
	assert.NotEqual(t, gaps(t, Gamma{5, 2}, 1, 500), gaps(t, Gamma{5, 2}, 2, 500))
}

func TestGammaPacerRefuses(t *testing.T) {
	for want, bad := range map[string][]Gamma{
		"rate":                     {{0, 1}, {-1, 1}, {math.NaN(), 1}, {MaxRPS + 1, 1}},
		"coefficient of variation": {{1, 0}, {1, -1}, {1, math.NaN()}, {1, math.Inf(1)}, {1, MaxCV + 1}, {1, MinCV / 2}},
	} {
		for _, p := range bad {
			assert.ErrorContains(t, Open{p}.check(), want, "%+v", p)
		}
	}
	for _, p := range []Gamma{{2, 1}, {2, MinCV}, {2, MaxCV}} {
		assert.NoError(t, Open{p}.check())
		gaps(t, p, 1, 1000)
	}
}
