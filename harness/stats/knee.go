package stats

import "fmt"

// Level is one step of a concurrency sweep. Steps are given in ascending X, and only those whose
// percentiles were measured.
type Level struct {
	X          float64 // concurrency or offered rate
	P50, P99   float64 // TTFT, ms
	Throughput float64 // completed requests/s
}

// RuleFirings returns the indices at which the tail rule fires: from each of them on, P99 > ratio * P50
// holds for at least consecutive steps, itself included. It panics if ratio or consecutive is not
// positive.
func RuleFirings(levels []Level, ratio float64, consecutive int) []int {
	if !(ratio > 0) || consecutive < 1 {
		panic(fmt.Sprintf("stats: RuleFirings with ratio %g over %d steps", ratio, consecutive))
	}
	var firings []int
	run := 0
	for i, l := range levels {
		if !(l.P99 > ratio*l.P50) {
			run = 0
			continue
		}
		if run++; run >= consecutive {
			firings = append(firings, i-consecutive+1)
		}
	}
	return firings
}

// SaturationKnee returns N* = X_max (R_0 + Z), the number of users at which the two asymptotes of a
// closed interactive system cross: throughput N/(R_0+Z) without queueing and X_max at saturation
// (Denning & Buzen 1978; Lazowska et al. 1984, Quantitative System Performance, ch. 5). xmax is in
// requests/s, the response time r0 without contention and the think time z in s.
func SaturationKnee(xmax, r0, z float64) float64 { return xmax * (r0 + z) }
