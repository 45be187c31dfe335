package health

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// written is a series of n seconds: level of each, times noise of so many percent that remembers the second before (AR(1)
// with that coefficient), with dips of single seconds to a fifth in so many percent.
func written(rng *rand.Rand, n int, level func(i int) float64, noise, memory, dips float64) []Rate {
	out := make([]Rate, n)
	var ar float64
	for i := range out {
		ar = memory*ar + math.Sqrt(1-memory*memory)*rng.NormFloat64()
		bw := level(i) * math.Exp(noise*ar)
		if rng.Float64() < dips {
			bw /= 5
		}
		out[i] = Rate{Seconds: 1, Bytes: bw}
	}
	return out
}

func flat(int) float64 { return 3e9 }

// cliff falls from 3 GB/s by a factor after 40 s.
func cliff(factor float64) func(int) float64 {
	return func(i int) float64 {
		if i < 40 {
			return 3e9
		}
		return 3e9 / factor
	}
}

func TestSteadiness(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	s := Steadiness(written(rng, 120, cliff(3), 0.05, 0.3, 0.02), nil)
	require.NotNil(t, s)
	assert.Equal(t, record.CacheCliff, s.Cause)
	assert.InDelta(t, 40, *s.AtS, 2)
	assert.InDelta(t, 40*3e9/(1<<30), *s.AfterGiB, 8)
	assert.InDelta(t, 3e9, *s.BeforeBs, 2e8)
	assert.InDelta(t, 1e9, *s.AfterBs, 1e8)
	assert.Nil(t, s.MarginC)

	hot := written(rng, 120, cliff(3), 0.05, 0.3, 0)
	for i := range hot {
		hot[i].MarginC = new(max(2, 40-float64(i)))
	}
	s = Steadiness(hot, nil)
	assert.Equal(t, record.ThermalLimit, s.Cause)
	assert.EqualValues(t, 2, *s.MarginC)
	for i := range hot {
		hot[i].MarginC = new(20.0)
	}
	assert.Equal(t, record.CacheCliff, Steadiness(hot, nil).Cause)
	assert.Equal(t, record.CacheCliff, Steadiness(hot, new(false)).Cause)
	assert.Equal(t, record.ThermalLimit, Steadiness(hot, new(true)).Cause, "by its own word")

	saw := func(i int) float64 {
		if i < 40 || (i/4)%2 == 0 && i%3 == 0 {
			return 3e9
		}
		return []float64{2e8, 9e8, 1.6e9}[i%3]
	}
	assert.Equal(t, record.UnknownFall, Steadiness(written(rng, 120, saw, 0.05, 0, 0), nil).Cause)
	for name, level := range map[string]func(int) float64{
		"rises":              func(i int) float64 { return 9e18 / cliff(3)(i) },
		"drifts":             func(i int) float64 { return 3e9 * (1 - 0.2*float64(i)/120) },
		"recovers":           func(i int) float64 { return cliff(1 + 2*math.Max(0, math.Min(1, float64(95-i))))(i) },
		"a third of the way": cliff(1.3),
	} {
		s := Steadiness(written(rng, 120, level, 0.05, 0.3, 0), nil)
		assert.Equal(t, record.SteadyRate, s.Cause, name)
		assert.Nil(t, s.AtS, name)
	}
	assert.Nil(t, Steadiness(written(rng, 15, flat, 0, 0, 0), nil))
	assert.Equal(t, record.SteadyRate, Steadiness(written(rng, 16, flat, 0, 0, 0), nil).Cause)
	none := func(int) float64 { return 0 }
	assert.Equal(t, record.SteadyRate, Steadiness(written(rng, 16, none, 0, 0, 0), nil).Cause, "nothing was written")
	assert.Nil(t, Steadiness(make([]Rate, 16), nil), "in no time")
}

// How often it is wrong, on noise that is kind, that remembers, and that is cut by pauses of single seconds.
func TestHowOftenSteadinessIsWrong(t *testing.T) {
	const series = 2000
	for name, tc := range map[string]struct {
		noise, memory, dips float64
		alarms, missed, off int // at most, of 2000
	}{
		"10 % white":          {0.10, 0, 0, 0, 0, 10},
		"15 %, pauses":        {0.15, 0.3, 0.05, 0, 4, 40},
		"20 % that remembers": {0.20, 0.8, 0, 2, 100, 200},
		"30 % that remembers": {0.30, 0.8, 0.05, 40, 400, 400},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 6))
			alarms, missed, off := 0, 0, 0
			for range series {
				if Steadiness(written(rng, 120, flat, tc.noise, tc.memory, tc.dips), nil).Cause != record.SteadyRate {
					alarms++
				}
				s := Steadiness(written(rng, 120, cliff(2), tc.noise, tc.memory, tc.dips), nil)
				switch {
				case s.AtS == nil:
					missed++
				case math.Abs(*s.AtS-40) > 5:
					off++
				}
			}
			t.Logf("%s: of %d series each, %d false alarms; of falls to a half %d missed, %d placed more than 5 s off", name, series, alarms, missed, off)
			assert.LessOrEqual(t, alarms, tc.alarms)
			assert.LessOrEqual(t, missed, tc.missed)
			assert.LessOrEqual(t, off, tc.off)
		})
	}
}
