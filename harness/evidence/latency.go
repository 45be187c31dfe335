package evidence

import (
	"slices"

	"sparkharness/harness/stats"
)

// Latency are percentiles in ms: Hyndman-Fan type 7 with distribution-free order-statistic bounds.
type Latency struct {
	P50 *Percentile `json:"p50"`
	P95 *Percentile `json:"p95"`
	P99 *Percentile `json:"p99"`
	// P99Bound is the MLPerf early-stopping bound: with 99 % confidence p99 is below it; null if n is
	// too small.
	P99Bound *float64 `json:"p99_mlperf_bound"`
}

// Percentile is an estimate with its bounds; a nil bound is open at this n.
type Percentile struct {
	stats.Estimate
	AtLeast bool `json:"at_least"` // a timed-out request decides the value: the true one is not smaller
}

// ITL are the pooled gaps between text chunks, ms.
type ITL struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
	Gaps int64   `json:"gaps"`
}

// latency estimates the percentiles of a pooled cell.
func latency(obs []stats.Obs) Latency {
	var l Latency
	for _, e := range []struct {
		p    float64
		into **Percentile
	}{{0.5, &l.P50}, {0.95, &l.P95}, {0.99, &l.P99}} {
		if v, err := stats.EstimatePercentile(obs, e.p, Confidence); err == nil {
			*e.into = &Percentile{stats.Estimate{Value: &v.Value, Lo: v.Lo, Hi: v.Hi}, v.AtLeast}
		}
	}
	values := make([]float64, len(obs))
	censored := false
	for i, o := range obs {
		values[i], censored = o.V, censored || o.Censored
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
