package stats

import "math"

// summed is an arm whose statistic is the mean.
type summed struct {
	timeline
	sums     [][]float64 // of each repetition: sums[i] is the sum of the first i values
	censored [][]int     // likewise the number of censored ones
	sum      float64
	open, n  int
}

func newSummed(reps []Rep) *summed {
	sorted, t := byTime(reps)
	a := &summed{timeline: t}
	for _, rep := range sorted {
		sums, censored := make([]float64, len(rep)+1), make([]int, len(rep)+1)
		for i, p := range rep {
			sums[i+1], censored[i+1] = sums[i]+p.V, censored[i]
			if p.Censored {
				censored[i+1]++
			}
		}
		a.sums, a.censored = append(a.sums, sums), append(a.censored, censored)
	}
	return a
}

func (a *summed) size() int { return a.n }
func (a *summed) reset()    { a.sum, a.open, a.n = 0, 0, 0 }

func (a *summed) take(rep int, from, to float64) {
	i, j := a.between(rep, from, to)
	a.n += j - i
	a.sum += a.sums[rep][j] - a.sums[rep][i]
	a.open += a.censored[rep][j] - a.censored[rep][i]
}

// mean is the mean of the resample.
func (a *summed) mean() estimate {
	v := a.sum / float64(a.n)
	e := estimate{at: v, lo: v, hi: v}
	if a.open > 0 {
		e.hi = math.Inf(1)
	}
	return e
}
