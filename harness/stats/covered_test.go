package stats

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// covered counts simulated reports of one percentile.
type covered struct {
	runs, open     int // of these with an open bound
	covers         int // of those with two bounds
	above          int // of those with two bounds: the truth is above
	independent    int // the truth lies in the interval that takes requests for independent
	hiOverLo, nEff float64
	each           []report
}

// report is one simulated report.
type report struct {
	closed, covers bool
	nEff           float64
}

// share is over closed intervals.
func (c covered) share() float64 { return float64(c.covers) / float64(c.runs-c.open) }

// coverage simulates reports of repetitions of 420 s against the truth of a long run.
func (q closedQueue) coverage(p float64, reps, runs int) covered {
	truth := q.truth(500_000, p)[0]
	c := covered{runs: runs}
	var widths, effective []float64
	for i := range runs {
		data := q.reps(rand.New(rand.NewPCG(uint64(i+1), uint64(reps))), reps, 420)
		ps, err := Percentiles(data, 0.975, p)
		if err != nil {
			panic(err)
		}
		effective = append(effective, ps[0].NEff)
		e := ps[0]
		closed := e.Lo != nil && e.Hi != nil
		c.each = append(c.each, report{closed, closed && *e.Lo <= truth && truth <= *e.Hi, e.NEff})
		switch e := ps[0]; {
		case e.Lo == nil || e.Hi == nil:
			c.open++
		default:
			widths = append(widths, *e.Hi / *e.Lo)
			if *e.Lo <= truth && truth <= *e.Hi {
				c.covers++
			}
			if truth > *e.Hi {
				c.above++
			}
		}
		single, err := EstimatePercentile(observations(data), p, 0.975)
		if err != nil {
			panic(err)
		}
		if single.Lo != nil && single.Hi != nil && *single.Lo <= truth && truth <= *single.Hi {
			c.independent++
		}
	}
	middle := func(xs []float64) float64 {
		if len(xs) == 0 {
			return 0
		}
		return Quantile(slices.Sorted(slices.Values(xs)), 0.5)
	}
	c.hiOverLo, c.nEff = middle(widths), middle(effective)
	return c
}

// BenchmarkPercentileCoverage writes the table of hypotheses/VALIDATION.md:
//
//	go test -run - -bench PercentileCoverage -benchtime 1x ./harness/stats
func BenchmarkPercentileCoverage(b *testing.B) {
	const runs = 200
	for range b.N {
		var out strings.Builder
		fmt.Fprintln(&out, "| service | utilisation | repetitions | requests | effective | p99 covered | open | truth above | upper / lower | if taken for independent |")
		fmt.Fprintln(&out, "|---|---|---|---|---|---|---|---|---|---|")
		for _, service := range []float64{0.3, 1} {
			for _, lognormal := range []float64{0, 1} {
				for _, utilisation := range []float64{0.5, 0.65, 0.8} {
					q := closedQueueAt(utilisation, service, lognormal)
					for _, reps := range []int{1, 3, 5} {
						c := q.coverage(0.99, reps, runs)
						covered, above, width := "-", "-", "-"
						if closed := runs - c.open; closed >= runs/20 {
							covered, above = fmt.Sprintf("%.3f", c.share()), fmt.Sprintf("%.3f", float64(c.above)/float64(closed))
							width = fmt.Sprintf("%.2f", c.hiOverLo)
						}
						fmt.Fprintf(&out, "| %v | %.2f | %d | %.0f | %.0f | %s | %.2f | %s | %s | %.2f |\n", q, utilisation, reps,
							utilisation/service*420*float64(reps), c.nEff, covered, float64(c.open)/runs, above, width, float64(c.independent)/runs)
					}
				}
			}
		}
		fmt.Print("\n" + out.String())
	}
}

// BenchmarkPercentileOpening writes what it costs to leave the upper bound open at more effective observations
// beyond p99 than Percentiles does:
//
//	go test -run - -bench PercentileOpening -benchtime 1x ./harness/stats
func BenchmarkPercentileOpening(b *testing.B) {
	const runs = 200
	least := []float64{1.25, 1.5, 2, 3}
	cs := map[string]covered{}
	for range b.N {
		var out strings.Builder
		for _, reps := range []int{3, 5} {
			for _, beyond := range least {
				open, covers, closed, worst := 0, 0, 0, 1.0
				worstOpen := 0
				for _, service := range []float64{0.3, 1} {
					for _, lognormal := range []float64{0, 1} {
						for _, utilisation := range []float64{0.5, 0.65, 0.8} {
							q := closedQueueAt(utilisation, service, lognormal)
							k := fmt.Sprint(reps, q, utilisation)
							c, ok := cs[k]
							if !ok {
								c = q.coverage(0.99, reps, runs)
								cs[k] = c
							}
							mine, of := 0, 0
							myOpen := 0
							for _, r := range c.each {
								if !r.closed || r.nEff*0.01 < beyond {
									myOpen++
									continue
								}
								of++
								if r.covers {
									mine++
								}
							}
							open, covers, closed = open+myOpen, covers+mine, closed+of
							worst = min(worst, float64(mine)/float64(of))
							worstOpen = max(worstOpen, myOpen)
						}
					}
				}
				fmt.Fprintf(&out, "| %d | %.2f | %.2f | %.2f | %.3f | %.3f |\n", reps, beyond, float64(open)/(12*runs), float64(worstOpen)/runs, float64(covers)/float64(closed), worst)
			}
		}
		fmt.Print("\n" + out.String())
	}
}
