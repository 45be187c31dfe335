package stats

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A closedQueue is what the intervals and the steady-state gate are measured on: users of a closed loop with
// exponential think times before one FIFO server. Requests wait behind each other, so that latencies are
// correlated over busy periods, and a percentile of few repetitions is that of few busy periods.
type closedQueue struct {
	users          int
	service, think float64 // s, means
	lognormal      float64 // sigma of the service time's logarithm; 0: exponential
}

// closedQueueAt has 32 users with think times that load the server to about the given utilisation: exactly so
// for the throughput law X = N/(R+Z) of the mean response time that the long run finds.
func closedQueueAt(utilisation, service, lognormal float64) closedQueue {
	q := closedQueue{users: 32, service: service, lognormal: lognormal}
	least, most := 0.0, 200*32*service
	for range 14 {
		q.think = (least + most) / 2
		if q.utilisation() > utilisation {
			least = q.think
		} else {
			most = q.think
		}
	}
	return q
}

func (q closedQueue) String() string {
	kind := "exponential"
	if q.lognormal > 0 {
		kind = fmt.Sprintf("log-normal, sigma %g", q.lognormal)
	}
	return fmt.Sprintf("%s service of %g s", kind, q.service)
}

func (q closedQueue) utilisation() float64 {
	rng := rand.New(rand.NewPCG(1, 2))
	busy, from, end := 0.0, 0.0, 0.0
	q.run(rng, 20000*q.service, func(arrived, start, done float64) {
		if end == 0 {
			from = start
		}
		busy += done - start
		end = done
	})
	return busy / (end - from)
}

// serve draws one service time, s.
func (q closedQueue) serve(rng *rand.Rand) float64 {
	if q.lognormal == 0 {
		return q.service * rng.ExpFloat64()
	}
	return q.service * math.Exp(q.lognormal*rng.NormFloat64()-q.lognormal*q.lognormal/2)
}

// run calls each for every request that arrives in the given time, in order of arrival.
func (q closedQueue) run(rng *rand.Rand, seconds float64, each func(arrived, start, done float64)) {
	next := make(arrivals, q.users)
	for i := range next {
		next[i] = q.think * rng.ExpFloat64()
	}
	heap.Init(&next)
	free := 0.0
	for next[0] < seconds {
		arrived := next[0]
		start := max(arrived, free)
		free = start + q.serve(rng)
		each(arrived, start, free)
		next[0] = free + q.think*rng.ExpFloat64()
		heap.Fix(&next, 0)
	}
}

// reps are the response times of repetitions of the given length after a warm-up of a minute, as the user of a
// report has them.
func (q closedQueue) reps(rng *rand.Rand, n int, seconds float64) []Rep {
	const warmup = 60
	out := make([]Rep, n)
	for r := range out {
		q.run(rng, warmup+seconds, func(arrived, _, done float64) {
			if arrived >= warmup {
				out[r] = append(out[r], Point{T: arrived - warmup, V: done - arrived})
			}
		})
	}
	return out
}

// truth are percentiles of a long run.
func (q closedQueue) truth(requests float64, ps ...float64) []float64 {
	rng := rand.New(rand.NewPCG(7, 7))
	var all []float64
	q.run(rng, requests*(q.think+q.service)/float64(q.users)*1.2, func(arrived, _, done float64) { all = append(all, done-arrived) })
	return quantilesOf(all, ps)
}

type arrivals []float64

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i] < a[j] }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(v any)        { *a = append(*a, v.(float64)) }
func (a *arrivals) Pop() any {
	v := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return v
}

func quantilesOf(xs, ps []float64) []float64 {
	sorted := slices.Sorted(slices.Values(xs))
	out := make([]float64, len(ps))
	for i, p := range ps {
		out[i] = Quantile(sorted, p)
	}
	return out
}
