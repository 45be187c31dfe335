package evidence

import (
	"slices"

	"sparkharness/harness/stats"
)

// Latency are percentiles in ms: Hyndman-Fan type 7 with 95 % intervals that count with the correlation of requests
// and with the scatter of repetitions (stats.Percentiles).
type Latency struct {
	P50 *Percentile `json:"p50"`
	P95 *Percentile `json:"p95"`
	P99 *Percentile `json:"p99"`
	// P99Bound is the MLPerf early-stopping bound, for comparison with others' figures: with 99 % confidence p99
	// is below it if requests are independent, which those of a queue are not; null if n is too small.
	P99Bound *float64 `json:"p99_mlperf_bound"`
}

// Percentile is an estimate with its bounds; a nil bound is open at this n.
type Percentile struct {
	stats.Estimate
	AtLeast bool `json:"at_least"` // a timed-out request decides the value: the true one is not smaller
}

// ITL are pooled gaps, ms: between tokens, or between chunks with text that hold another number of tokens than one each.
type ITL struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
	Gaps int64   `json:"gaps"`
}

// latency estimates the percentiles of a pooled cell.
func latency(reps []stats.Rep) Latency {
	var l Latency
	ps, err := stats.Percentiles(reps, (1+Confidence)/2, 0.5, 0.95, 0.99)
	if err != nil {
		return l // no observation
	}
	for i, into := range []**Percentile{&l.P50, &l.P95, &l.P99} {
		v := &ps[i]
		*into = &Percentile{stats.Estimate{Value: &v.Value, Lo: v.Lo, Hi: v.Hi}, v.AtLeast}
	}
	var values []float64
	censored := false
	for _, rep := range reps {
		for _, pt := range rep {
			values, censored = append(values, pt.V), censored || pt.Censored
		}
	}
	if !censored { // a bound over lower bounds would be none
		slices.Sort(values)
		if b, ok := stats.EarlyStopping(values, 0.99, 0.99); ok {
			l.P99Bound = &b
		}
	}
	return l
}

// CoVP99 is the coefficient of variation of p99 TTFT over repetitions; nil with fewer than two.
func CoVP99(g *Group) *float64 {
	var p99s []float64
	for _, c := range g.Cells {
		if v, ok := (&Group{Cells: []*Cell{c}}).Percentile(0.99); ok {
			p99s = append(p99s, v)
		}
	}
	v, err := stats.CoV(p99s)
	if err != nil || len(p99s) < 2 {
		return nil
	}
	return &v
}
