package stats

import (
	"fmt"
	"math"
	"slices"
)

const (
	// mostTailSlices is how many pieces of a repetition are compared at most; a piece that is shorter than what
	// correlates would only repeat its neighbour.
	mostTailSlices = 20
	// fewestTailSlices is the least number of them from which their own correlation can be estimated.
	fewestTailSlices = 6
	// perTailSlice is how many values a piece should have: the slowest of ten stands for the slowest tenth.
	perTailSlice = 10
	// leastTailed is the least number of values of a repetition that counts.
	leastTailed = 30
)

// TailTrend tests whether the slow end of latencies drifts in repetitions that share a trend but not a level.
// Each repetition, in order of time, is cut into 6 to 20 pieces of equally many values, ten each where there are
// enough; the slowest of each piece are tested for a trend (SeasonalKendall, counting with their
// Autocorrelation). Medians of pieces cannot see a tail that grows, and a high percentile of a piece is more
// scattered than its extreme, whose logarithm scatters alike however heavy the tail is. growth is how many
// times as large the slowest are at the end as at the start, by Theil-Sen slopes of their logarithms, the mean
// over repetitions; p is two-sided.
//
// Repetitions of fewer than 30 values are left out; none left is an error, and so is a value of 0 or less.
// What it catches in a simulated queue, and how often it errs there, is in hypotheses/VALIDATION.md.
func TailTrend(reps [][]float64) (p, growth float64, err error) {
	var series [][]float64
	slope := 0.0
	for r, rep := range reps {
		if len(rep) < leastTailed {
			continue
		}
		logs, err := slowestOf(rep)
		if err != nil {
			return 0, 0, fmt.Errorf("repetition %d: %w", r+1, err)
		}
		ts := make([]float64, len(logs))
		for i := range ts {
			ts[i] = float64(i) / float64(len(ts))
		}
		s, err := TheilSen(ts, logs)
		if err != nil {
			return 0, 0, fmt.Errorf("repetition %d: %w", r+1, err)
		}
		series, slope = append(series, logs), slope+s
	}
	if len(series) == 0 {
		return 0, 0, fmt.Errorf("trend of the tail: %w: a repetition of %d values is needed", ErrNoData, leastTailed)
	}
	if p, err = SeasonalKendall(series, Autocorrelation(series)); err != nil {
		return 0, 0, err
	}
	return p, math.Exp(slope / float64(len(series))), nil
}

// slowestOf are the logarithms of the greatest value of each piece.
func slowestOf(rep []float64) ([]float64, error) {
	pieces := min(mostTailSlices, max(fewestTailSlices, len(rep)/perTailSlice))
	logs := make([]float64, pieces)
	for i := range logs {
		v := slices.Max(rep[i*len(rep)/pieces : (i+1)*len(rep)/pieces])
		if !(v > 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("trend of the tail: piece %d has %g as its slowest: latencies are above 0", i+1, v)
		}
		logs[i] = math.Log(v)
	}
	return logs, nil
}
