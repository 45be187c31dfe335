package hypotheses

import (
	"fmt"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// tracks tests that the p99 TTFT of windows follows a reading: Spearman's rank correlation inside blocks, with
// its interval at the confidence above a threshold. It cannot hold where a group has lost most of its windows; it
// can be contradicted by the others.
func tracks(ev *evidence.Evidence, set *evidence.WindowSet, r evidence.Reading, name string, need, confidence float64) verdict.Check {
	c := verdict.Check{Name: name, N: set.N(), Of: "windows"}
	d, err := ev.Bootstrap().Spearman(set.Values(r, false), set.P99(false))
	if err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("the correlation of window p99 with %s has no interval: %v", r.Name, err)
		return c
	}
	lo, hi := d.Interval(confidence)
	c.State = verdict.Above(lo, hi, need)
	c.Estimate, c.Bounds, c.Scale = stats.Between(d.Value, lo, hi), []float64{need}, verdict.Correlation
	c.Detail = fmt.Sprintf("window p99 TTFT follows %s with Spearman's rank correlation %.2f [%.2f, %.2f] (need above %.2f); %s",
		r.Name, d.Value, lo, hi, need, set.LeftOut())
	if lacks := set.Lacks(); lacks != "" {
		c.Detail += "; most windows are missing of " + lacks
		if c.State == verdict.Holds {
			c.State = verdict.Undecided
		}
	}
	return c
}

// scatter is a window's p99 against a reading, a point a window.
func scatter(name string, set *evidence.WindowSet, r evidence.Reading) verdict.Series {
	s := verdict.NewSeries(name)
	x, y := set.Values(r, false), set.P99(false)
	for i := range x {
		for k := range x[i] {
			v := y[i][k].V
			s.Value(x[i][k].V, &v)
		}
	}
	return *s
}
