package stats

import (
	"cmp"
	"slices"
	"sort"
)

// An arm is the repetitions of one cell, prepared so that a resample is a sum over stretches of time:
// nothing is sorted or copied per draw.
type arm interface {
	// reset empties the resample.
	reset()
	// take adds the points of repetition rep with from <= T < to.
	take(rep int, from, to float64)
	// size is the number of points in the resample.
	size() int
}

// timeline finds points by time.
type timeline struct {
	times [][]float64 // of each repetition, ascending
}

func (t timeline) between(rep int, from, to float64) (i, j int) {
	ts := t.times[rep]
	return sort.SearchFloat64s(ts, from), sort.SearchFloat64s(ts, to)
}

// byTime returns the repetitions with their points in order of time, the order within an instant being
// that of the input.
func byTime(reps []Rep) ([]Rep, timeline) {
	sorted := make([]Rep, len(reps))
	times := make([][]float64, len(reps))
	for r, rep := range reps {
		sorted[r] = slices.Clone(rep)
		slices.SortStableFunc(sorted[r], func(a, b Point) int { return cmp.Compare(a.T, b.T) })
		times[r] = make([]float64, len(rep))
		for i, p := range sorted[r] {
			times[r][i] = p.T
		}
	}
	return sorted, timeline{times}
}
