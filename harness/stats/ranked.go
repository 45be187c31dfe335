package stats

import (
	"cmp"
	"math"
	"slices"
)

// ranked is an arm whose statistics are percentiles.
type ranked struct {
	timeline
	low  *ladder // censored points at their lower bounds
	high *ladder // censored points at +Inf; nil if there is none
	n    int
}

// ladder holds the pooled values of an arm in ascending order and how often the resample has each.
type ladder struct {
	values []float64
	rank   [][]int32 // of each repetition's points in order of time: index into values
	count  []uint32
}

func newRanked(reps []Rep) *ranked {
	sorted, t := byTime(reps)
	a := &ranked{timeline: t, low: newLadder(sorted, func(p Point) float64 { return p.V })}
	for _, rep := range reps {
		if slices.ContainsFunc(rep, func(p Point) bool { return p.Censored }) {
			a.high = newLadder(sorted, func(p Point) float64 {
				if p.Censored {
					return math.Inf(1)
				}
				return p.V
			})
			break
		}
	}
	return a
}

func newLadder(reps []Rep, value func(Point) float64) *ladder {
	type place struct{ rep, i int }
	var places []place
	l := &ladder{rank: make([][]int32, len(reps))}
	for r, rep := range reps {
		l.rank[r] = make([]int32, len(rep))
		for i := range rep {
			places = append(places, place{r, i})
		}
	}
	at := func(p place) float64 { return value(reps[p.rep][p.i]) }
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(at(a), at(b)) })
	l.values = make([]float64, len(places))
	l.count = make([]uint32, len(places))
	for k, p := range places {
		l.values[k] = at(p)
		l.rank[p.rep][p.i] = int32(k)
	}
	return l
}

func (a *ranked) size() int { return a.n }

func (a *ranked) reset() {
	a.n = 0
	clear(a.low.count)
	if a.high != nil {
		clear(a.high.count)
	}
}

func (a *ranked) take(rep int, from, to float64) {
	i, j := a.between(rep, from, to)
	if i >= j {
		return
	}
	a.n += j - i
	a.low.add(rep, i, j)
	if a.high != nil {
		a.high.add(rep, i, j)
	}
}

func (l *ladder) add(rep, i, j int) {
	count := l.count
	for _, k := range l.rank[rep][i:j] {
		count[k]++
	}
}

// percentile is the type 7 p-quantile of the resample.
func (a *ranked) percentile(p float64) estimate {
	v := a.low.quantile(p, a.n)
	e := estimate{at: v, lo: v, hi: v}
	if a.high != nil {
		e.hi = a.high.quantile(p, a.n)
	}
	return e
}

// quantile is Quantile of the resample's n values, walked from the nearer end.
func (l *ladder) quantile(p float64, n int) float64 {
	i, f := position(n, p)
	// upTo is the number of resampled values at rank k and below.
	var k, upTo int
	if i < n/2 {
		for k = 0; ; k++ {
			upTo += int(l.count[k])
			if upTo > i {
				break
			}
		}
	} else {
		upTo = n
		for k = len(l.count) - 1; ; k-- {
			below := upTo - int(l.count[k])
			if below <= i {
				break
			}
			upTo = below
		}
	}
	v := l.values[k]
	if f == 0 || upTo > i+1 {
		return v
	}
	for k++; l.count[k] == 0; k++ {
	}
	return interpolate(v, l.values[k], f)
}
