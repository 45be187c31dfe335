package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func onePercentile(t *testing.T, reps []Rep, p float64) Percentile {
	t.Helper()
	ps, err := Percentiles(reps, 0.975, p)
	require.NoError(t, err)
	return ps[0]
}

func observations(reps []Rep) []Obs {
	var out []Obs
	for _, rep := range reps {
		for _, p := range rep {
			out = append(out, Obs{V: p.V, Censored: p.Censored})
		}
	}
	return out
}

// What is estimated is what EstimatePercentile estimates; only the bounds are others.
func TestPercentilesEstimateThePool(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		reps := make([]Rep, 1+rng.IntN(4))
		for r := range reps {
			for range 1 + rng.IntN(60) {
				reps[r] = append(reps[r], Point{T: 100 * rng.Float64(), V: math.Floor(40 * rng.ExpFloat64()), Censored: rng.Float64() < 0.03})
			}
		}
		ps, err := Percentiles(reps, 0.975, 0.5, 0.95, 0.99)
		require.NoError(t, err)
		require.Len(t, ps, 3)
		for _, got := range ps {
			want, err := EstimatePercentile(observations(reps), got.P, 0.975)
			require.NoError(t, err)
			require.LessOrEqual(t, got.NEff, float64(got.N))
			for _, b := range []struct {
				bound *float64
				sign  float64
			}{{got.Lo, -1}, {got.Hi, 1}} {
				if b.bound != nil {
					require.GreaterOrEqual(t, b.sign*(*b.bound-got.Value), 0.0)
				}
			}
			got.Lo, got.Hi, got.NEff = want.Lo, want.Hi, 0
			require.Equal(t, want, got)
		}
	}
}

// Units scale the bounds, and neither the order of points nor that of repetitions counts.
func TestPercentilesLaws(t *testing.T) {
	reps := closedQueue{users: 8, service: 0.5, think: 6}.reps(rand.New(rand.NewPCG(2, 1)), 3, 300)
	want := onePercentile(t, reps, 0.95)
	got := onePercentile(t, scaled(reps, 1000), 0.95)
	assert.InEpsilon(t, 1000**want.Lo, *got.Lo, 1e-9)
	assert.InEpsilon(t, 1000**want.Hi, *got.Hi, 1e-9)
	rand.New(rand.NewPCG(3, 1)).Shuffle(len(reps[0]), func(i, j int) { reps[0][i], reps[0][j] = reps[0][j], reps[0][i] })
	got = onePercentile(t, []Rep{reps[2], reps[0], nil, reps[1]}, 0.95)
	assert.InEpsilon(t, *want.Lo, *got.Lo, 1e-9)
	assert.InEpsilon(t, *want.Hi, *got.Hi, 1e-9)
	assert.InEpsilon(t, want.NEff, got.NEff, 1e-9)
}

// The same values in another order in time are known much better: what matters is the correlation.
func TestPercentilesCountTheCorrelation(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	reps := closedQueueAt(0.8, 0.3, 0).reps(rng, 3, 420)
	correlated := onePercentile(t, reps, 0.95)
	for _, rep := range reps {
		rng.Shuffle(len(rep), func(i, j int) { rep[i].V, rep[j].V = rep[j].V, rep[i].V })
	}
	shuffled := onePercentile(t, reps, 0.95)
	assert.Greater(t, shuffled.NEff, 5*correlated.NEff)
	assert.Greater(t, shuffled.NEff, 0.5*float64(shuffled.N))
}

// Repetitions that differ are known no better than Student's t of them allows.
func TestPercentilesCountTheRepetitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	reps := make([]Rep, 3)
	for r := range reps {
		for i := range 1000 {
			reps[r] = append(reps[r], Point{T: float64(i), V: math.Exp(float64(r-1)*0.3 + 0.01*rng.NormFloat64())})
		}
	}
	got := onePercentile(t, reps, 0.5)
	assert.LessOrEqual(t, *got.Lo, math.Exp(-4.303*0.3/math.Sqrt(3))+0.01)
	assert.GreaterOrEqual(t, *got.Hi, math.Exp(4.303*0.3/math.Sqrt(3))-0.01)
	alone := onePercentile(t, reps[1:2], 0.5)
	assert.Less(t, *alone.Hi / *alone.Lo, 1.02, "each is known well")
}

// near are values that scatter by 30 % around levels, one of each stretch of 1000.
func near(rng *rand.Rand, levels ...float64) Rep {
	var out Rep
	for _, level := range levels {
		for range 1000 {
			out = append(out, Point{T: float64(len(out)), V: math.Exp(level + 0.3*rng.NormFloat64())})
		}
	}
	return out
}

// The scatter of repetitions decides where it is larger than what each of them knows, at both ends.
func TestPercentilesOfTwoRepetitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	reps := []Rep{near(rng, -0.03), near(rng, 0.03)}
	got := onePercentile(t, reps, 0.5)
	a, b := onePercentile(t, reps[:1], 0.5).Value, onePercentile(t, reps[1:], 0.5).Value
	half := 12.706 * math.Abs(math.Log(b/a)) / 2
	assert.InEpsilon(t, got.Value*math.Exp(-half), *got.Lo, 0.01)
	assert.InEpsilon(t, got.Value*math.Exp(half), *got.Hi, 0.01)
}

// Repetitions that agree by chance do not make a percentile certain.
func TestPercentilesOfRepetitionsThatAgree(t *testing.T) {
	rep := near(rand.New(rand.NewPCG(9, 1)), 0)
	got := onePercentile(t, []Rep{rep, rep, rep}, 0.5)
	assert.Less(t, *got.Lo, 0.99*got.Value)
	assert.Greater(t, *got.Hi, 1.01*got.Value)
}

// A single repetition is known no better than its quarters allow.
func TestPercentilesOfOneRepetition(t *testing.T) {
	rep := near(rand.New(rand.NewPCG(10, 1)), 0, 0.03, -0.03, 0)
	got := onePercentile(t, []Rep{rep}, 0.5)
	squares := 0.0
	for i := range 4 {
		v := onePercentile(t, []Rep{rep[1000*i : 1000*(i+1)]}, 0.5).Value
		squares += math.Pow(math.Log(v/got.Value), 2)
	}
	half := 3.182 * math.Sqrt(squares/12)
	assert.InEpsilon(t, got.Value*math.Exp(-half), *got.Lo, 1e-3)
	assert.InEpsilon(t, got.Value*math.Exp(half), *got.Hi, 1e-3)
}

func TestPercentilesOpen(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	drawn := func(n int) []Rep {
		reps := make([]Rep, 3)
		for r := range reps {
			for i := range n {
				reps[r] = append(reps[r], Point{T: float64(i), V: rng.ExpFloat64()})
			}
		}
		return reps
	}
	few := onePercentile(t, drawn(100), 0.99)
	assert.NotNil(t, few.Lo)
	assert.Nil(t, few.Hi, "300 independent ones cannot bound p99 at 0.975")
	enough := onePercentile(t, drawn(400), 0.99)
	require.NotNil(t, enough.Hi)

	// One burst holds all that is beyond p99: nobody knows how often bursts come.
	burst := drawn(400)
	for i := 100; i < 130; i++ {
		burst[1][i].V = float64(i)
	}
	assert.Nil(t, onePercentile(t, burst, 0.99).Hi)

	// A censored value above p99 may be anything from there on.
	late := drawn(400)
	for r := range late {
		for i := 0; i < 400; i += 60 {
			late[r][i] = Point{T: float64(i), V: 50, Censored: true}
		}
	}
	got := onePercentile(t, late, 0.99)
	assert.True(t, got.AtLeast)
	assert.Nil(t, got.Hi)
	assert.NotNil(t, got.Lo)
	assert.NotNil(t, onePercentile(t, late, 0.5).Hi, "it is far from the median")
}

func TestPercentilesOfEqualAndOfNegativeValues(t *testing.T) {
	equal := []Rep{flat(200, 7), flat(200, 7)}
	got := onePercentile(t, equal, 0.99)
	assert.Equal(t, []float64{7, 7}, []float64{*got.Lo, *got.Hi})
	rng := rand.New(rand.NewPCG(7, 1))
	shifted := make([]Rep, 3)
	for r := range shifted {
		for i := range 400 {
			shifted[r] = append(shifted[r], Point{T: float64(i), V: rng.NormFloat64()})
		}
	}
	got = onePercentile(t, shifted, 0.5)
	assert.Less(t, *got.Lo, 0.0)
	assert.Greater(t, *got.Hi, 0.0)
}

func TestPercentilesRefuse(t *testing.T) {
	some := []Rep{flat(20, 1)}
	for name, c := range map[string]struct {
		reps       []Rep
		confidence float64
		p          float64
		says       string
	}{
		"none":         {nil, 0.975, 0.5, "too few"},
		"empty":        {[]Rep{{}, nil}, 0.975, 0.5, "too few"},
		"not measured": {[]Rep{{{T: 1, V: math.NaN()}}}, 0.975, 0.5, "repetition 1"},
		"confidence":   {some, 97.5, 0.5, "confidence 97.5"},
		"percentile":   {some, 0.975, 99, "percentile 99"},
	} {
		_, err := Percentiles(c.reps, c.confidence, c.p)
		assert.ErrorContains(t, err, c.says, name)
	}
	one := onePercentile(t, []Rep{{{V: 3}}}, 0.5)
	assert.Equal(t, 3.0, one.Value)
	assert.True(t, one.Lo == nil && one.Hi == nil)
}

// In a queue the 95 % interval of p99 covers, closed or not; one that takes requests for independent covers half.
func TestPercentilesCoverInAQueue(t *testing.T) {
	const runs = 40
	for _, reps := range []int{3, 5} {
		for _, q := range []closedQueue{closedQueueAt(0.5, 0.3, 0), closedQueueAt(0.8, 0.3, 1)} {
			c := q.coverage(0.99, reps, runs)
			t.Logf("%v, %d repetitions: %.3f, independent %.3f", q, reps, c.share(), float64(c.independent)/runs)
			assert.GreaterOrEqual(t, c.share(), 0.9)
			assert.LessOrEqual(t, float64(c.open), 0.2*runs)
			assert.Less(t, float64(c.independent), 0.75*runs)
		}
	}
}
