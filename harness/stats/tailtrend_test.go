package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tailing is how the tail of a queue's latencies changes over a repetition.
type tailing int

const (
	steadyTail  tailing = iota
	excessGrows         // what is above the median is stretched away from it, from once to three times
	tenthGrows          // the slowest tenth is multiplied by one to three
)

func (k tailing) String() string {
	return [...]string{"steady", "excess over the median triples", "slowest tenth triples"}[k]
}

// a tailQueue is a queue with the percentiles from which its tail is made to grow.
type tailQueue struct {
	closedQueue
	median, p90 float64
}

func tailQueues() []tailQueue {
	var out []tailQueue
	for _, lognormal := range []float64{0, 1} {
		for _, utilisation := range []float64{0.5, 0.65, 0.8} {
			q := closedQueueAt(utilisation, 0.3, lognormal)
			ps := q.truth(200_000, 0.5, 0.9)
			out = append(out, tailQueue{q, ps[0], ps[1]})
		}
	}
	return out
}

// latencies are those of repetitions of 420 s in order of time.
func (q tailQueue) latencies(rng *rand.Rand, reps int, kind tailing) [][]float64 {
	out := make([][]float64, reps)
	for r, rep := range q.reps(rng, reps, 420) {
		for _, p := range rep {
			by := 1 + 2*p.T/420
			switch {
			case kind == excessGrows && p.V > q.median:
				p.V = q.median + (p.V-q.median)*by
			case kind == tenthGrows && p.V > q.p90:
				p.V *= by
			}
			out[r] = append(out[r], p.V)
		}
	}
	return out
}

// medianTrend is what a test of slices' medians makes of the same latencies.
func medianTrend(reps [][]float64) float64 {
	const pieces = 10
	var series [][]float64
	for _, rep := range reps {
		var medians []float64
		for i := range pieces {
			medians = append(medians, quantilesOf(rep[i*len(rep)/pieces:(i+1)*len(rep)/pieces], []float64{0.5})[0])
		}
		series = append(series, medians)
	}
	p, err := SeasonalKendall(series, Autocorrelation(series))
	if err != nil {
		panic(err)
	}
	return p
}

const (
	tailAlpha = 0.03 // as configs/gates.yaml has them
	tailDrift = 0.5
)

// found reports whether any of the cells drifts, by Holm over them.
func found(ps, growths []float64) bool {
	for i, p := range Holm(ps) {
		if p < tailAlpha && math.Abs(math.Log(growths[i])) > math.Log(1+tailDrift) {
			return true
		}
	}
	return false
}

// tailRuns counts the runs of twelve cells, two of each queue, in which a tail is found: of each kind, in all
// cells or in one.
type tailRuns struct{ all, one, medians int }

func countTails(queues []tailQueue, reps, runs int, kind tailing) (c tailRuns) {
	for run := range runs {
		var ps, growths, onePs, oneGrowths, medians, none []float64
		for i := range 12 {
			q := queues[i%len(queues)]
			cell := q.latencies(rand.New(rand.NewPCG(uint64(run+1), uint64(i))), reps, kind)
			p, growth, err := TailTrend(cell)
			if err != nil {
				panic(err)
			}
			ps, growths = append(ps, p), append(growths, growth)
			medians, none = append(medians, medianTrend(cell)), append(none, math.Inf(1))
			if kind != steadyTail && i != run%12 {
				cell = q.latencies(rand.New(rand.NewPCG(uint64(run+1), uint64(i))), reps, steadyTail)
				if p, growth, err = TailTrend(cell); err != nil {
					panic(err)
				}
			}
			onePs, oneGrowths = append(onePs, p), append(oneGrowths, growth)
		}
		if found(ps, growths) {
			c.all++
		}
		if found(onePs, oneGrowths) {
			c.one++
		}
		if found(medians, none) {
			c.medians++
		}
	}
	return c
}

// BenchmarkTailTrend writes the table of hypotheses/VALIDATION.md:
//
//	go test -run - -bench TailTrend -benchtime 1x ./harness/stats
func BenchmarkTailTrend(b *testing.B) {
	for range b.N {
		var out strings.Builder
		queues := tailQueues()
		for _, reps := range []int{3, 5} {
			for _, kind := range []tailing{steadyTail, excessGrows, tenthGrows} {
				runs := 100
				if kind == steadyTail {
					runs = 300
				}
				c := countTails(queues, reps, runs, kind)
				share := func(n int) float64 { return float64(n) / float64(runs) }
				fmt.Fprintf(&out, "| %v | %d | %d | %.3f | %.3f | %.3f |\n", kind, reps, runs, share(c.all), share(c.one), share(c.medians))
			}
		}
		fmt.Print("\n" + out.String())
	}
}

// In queues that are steady the test errs in no more runs of twelve cells than its level says; a tail that triples
// in all of them is found, where a test of medians sees nothing.
func TestTailTrendInAQueue(t *testing.T) {
	simulation(t)
	const runs = 40
	queues := tailQueues()
	steady := countTails(queues, 3, runs, steadyTail)
	t.Logf("steady: %+v", steady)
	assert.LessOrEqual(t, steady.all, 3, "of 40; at 0.05 more than 4 have a probability of 5 %")
	for _, kind := range []tailing{excessGrows, tenthGrows} {
		c := countTails(queues, 3, runs, kind)
		t.Logf("%v: %+v", kind, c)
		assert.GreaterOrEqual(t, float64(c.all), 0.8*runs)
	}
}

// The slowest of pieces grow threefold: that is what is said, whatever the unit and the direction.
func TestTailTrendSaysHowMuch(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	reps, falling, scaledUp := make([][]float64, 3), make([][]float64, 3), make([][]float64, 3)
	for r := range reps {
		const n = 400
		for i := range n {
			v := 1.0
			if i%5 == 0 {
				v = math.Exp(math.Log(3)*float64(i)/n) * (10 + rng.Float64()) * float64(r+1)
			}
			reps[r], scaledUp[r] = append(reps[r], v), append(scaledUp[r], 1000*v)
		}
		for i := range reps[r] {
			falling[r] = append(falling[r], reps[r][n-1-i])
		}
	}
	p, growth, err := TailTrend(reps)
	require.NoError(t, err)
	assert.Less(t, p, 1e-6)
	assert.InDelta(t, 3, growth, 0.2)
	p, growth, err = TailTrend(falling)
	require.NoError(t, err)
	assert.Less(t, p, 1e-6)
	assert.InDelta(t, 1.0/3, growth, 0.03)
	_, same, err := TailTrend(scaledUp)
	require.NoError(t, err)
	assert.InDelta(t, 1/growth, same, 0.2)
}

func TestTailTrendEdges(t *testing.T) {
	_, _, err := TailTrend([][]float64{make([]float64, 29)})
	assert.ErrorIs(t, err, ErrNoData)
	_, _, err = TailTrend([][]float64{make([]float64, 30)})
	assert.ErrorContains(t, err, "repetition 1: trend of the tail: piece 1 has 0")
	ones := make([]float64, 30)
	for i := range ones {
		ones[i] = 1
	}
	p, growth, err := TailTrend([][]float64{ones, nil})
	require.NoError(t, err)
	assert.Equal(t, []float64{1, 1}, []float64{p, growth}, "equal values have no trend")
}

// Tails that wander from piece to piece look like trends: at 0.05 the test says so in a tenth of steady
// cells, one that takes pieces for independent in a quarter.
func TestTailTrendMayWander(t *testing.T) {
	const cells = 400
	rng := rand.New(rand.NewPCG(2, 1))
	called := 0
	for range cells {
		reps := make([][]float64, 3)
		for r := range reps {
			level := rng.NormFloat64()
			for i := range 400 {
				if i%20 == 0 {
					level = 0.7*level + math.Sqrt(1-0.7*0.7)*rng.NormFloat64()
				}
				reps[r] = append(reps[r], math.Exp(level+0.1*rng.NormFloat64()))
			}
		}
		p, _, err := TailTrend(reps)
		require.NoError(t, err)
		if p < 0.05 {
			called++
		}
	}
	t.Logf("%.3f", float64(called)/cells)
	assert.LessOrEqual(t, float64(called)/cells, 0.12)
}
