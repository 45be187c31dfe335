package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// student returns one quantile of Student's t for each draw: evenly spread probabilities in random
// order, because a thousand random t of two degrees of freedom would make the interval's ends noisy.
func (b Bootstrap) student(stream uint64, df int) []float64 {
	out := slices.Clone(studentQuantiles(df, b.Draws))
	rng := rand.New(rand.NewPCG(b.Seed, stream))
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// quantiles of Student's t by degrees of freedom and number; a verdict asks for the same ones hundreds
// of times, and gonum's inversion takes some 10 µs each.
var quantiles sync.Map

type quantileKey struct{ df, n int }

// studentQuantiles are those at the middles of n equal parts of the probability. They must not be changed.
func studentQuantiles(df, n int) []float64 {
	key := quantileKey{df, n}
	if known, ok := quantiles.Load(key); ok {
		return known.([]float64)
	}
	dist := distuv.StudentsT{Sigma: 1, Nu: float64(df)}
	out := make([]float64, n)
	for i := range out {
		out[i] = dist.Quantile((float64(i) + 0.5) / float64(n))
	}
	quantiles.Store(key, out)
	return out
}

// widen moves each draw by t times the standard error that the repetitions add to that of the blocks;
// reps are the statistic of each repetition alone.
func (d draws) widen(reps, t []float64, log bool) {
	scale := func(v float64) float64 { return v }
	move := func(v, by float64) float64 { return v + by }
	if log {
		scale = math.Log
		move = func(v, by float64) float64 { return v * math.Exp(by) }
	}
	among := make([]float64, len(reps))
	for i, v := range reps {
		among[i] = scale(v)
	}
	within := make([]float64, len(d.each))
	for i, e := range d.each {
		within[i] = scale(e.at)
	}
	n := float64(len(reps))
	extra := stat.Variance(among, nil)/n - stat.Variance(within, nil)
	if extra <= 0 {
		return
	}
	se := math.Sqrt(extra)
	for i, e := range d.each {
		by := t[i] * se
		d.each[i] = estimate{at: move(e.at, by), lo: move(e.lo, by), hi: move(e.hi, by)}
	}
}
