package hypotheses

import (
	"fmt"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// cost is what telemetry may take from requests.
type cost struct {
	name      string
	threshold string // of the margin
	of        func(c *evidence.Cell) (v float64, err error)
}

var costs = []cost{
	{"completed rps", "rps_margin", completedRPS},
	{"mean E2E latency", "e2e_margin", func(c *evidence.Cell) (float64, error) {
		if ms, ok := single(c).MeanE2E(); ok {
			return ms, nil
		}
		return 0, fmt.Errorf("%s has no answer", c.Key)
	}},
}

// completedRPS are the answers that were complete in the measure phase, per second.
func completedRPS(c *evidence.Cell) (float64, error) {
	sum, bins := 0.0, single(c).CompletionReps()[0]
	if len(bins) == 0 {
		return 0, fmt.Errorf("%s was measured for %.0f s, less than one of the spans in which answers are counted: raise run.duration", c.Key, c.Seconds())
	}
	for _, bin := range bins {
		sum += bin.V
	}
	if sum <= 0 {
		return 0, fmt.Errorf("%s has no answer", c.Key)
	}
	return sum / float64(len(bins)), nil
}

// over is a cost in one group over that in another, one ratio a block.
func (x cost) over(ev *evidence.Evidence, g, under *evidence.Group) (stats.Blocks, error) {
	return ev.Blocks(stats.Log, func(rep int) (float64, error) {
		var v [2]float64
		for i, g := range []*evidence.Group{g, under} {
			c, err := g.In(rep)
			if err != nil {
				return 0, err
			}
			if v[i], err = x.of(c); err != nil {
				return 0, err
			}
		}
		return v[0] / v[1], nil
	})
}

// telemetryIsFree tests that completed requests per second and the mean E2E latency are the same at every cadence as at the
// slowest.
func telemetryIsFree(ev *evidence.Evidence, groups []*evidence.Group) verdict.Check {
	const name = "telemetry_is_free"
	a := verdict.AlphaOf(ev)
	levels := ev.Exp.Hypothesis.Sweep.Cadence
	last := levels[len(levels)-1].Seconds() * 1e3
	slowest := cadenceArm(ev, last)
	if slowest == nil {
		return verdict.Open(name, fmt.Sprintf("no cell was sampled every %v", levels[len(levels)-1]))
	}
	var each []verdict.Check
	for _, g := range groups {
		if g.Cells[0].CadenceMS == last {
			continue
		}
		for _, x := range costs {
			what := fmt.Sprintf("%s, sampled every %v", x.name, cadenceOf(g))
			b, err := x.over(ev, g, slowest)
			if err != nil {
				each = append(each, verdict.Open(name, fmt.Sprintf("the ratio of %s is not known: %v", what, err)))
				continue
			}
			margin := ev.Threshold(x.threshold)
			c := a.Inside(verdict.Check{N: len(g.Observations()) + len(slowest.Observations()), Of: "requests"}, b, 1/(1+margin), 1+margin)
			lo, hi := ends(c)
			c.Detail = fmt.Sprintf("%s: %.4f [%.4f, %.4f] (%s interval over %d blocks, margin %.0f %%)", what, *c.Value, lo, hi, percent(a),
				c.Blocks, margin*100)
			each = append(each, c)
		}
	}
	c := a.All(name, each, "no other cadence was measured")
	if len(each) > 0 {
		c.Detail = fmt.Sprintf("completed rps and mean E2E latency at %d cadences against sampling every %v; decided by %s",
			len(each)/len(costs), levels[len(levels)-1], c.Detail)
	}
	return c
}

// costPerCadence is each cost at each cadence over that at the slowest.
func costPerCadence(ev *evidence.Evidence, groups []*evidence.Group) []verdict.Finding {
	last := groups[len(groups)-1]
	var out []verdict.Finding
	for _, g := range groups[:len(groups)-1] {
		for _, x := range costs {
			f := verdict.Finding{Name: fmt.Sprintf("%s, sampled every %v", x.name, cadenceOf(g)),
				Detail: fmt.Sprintf("over that of sampling every %v", cadenceOf(last))}
			if b, err := x.over(ev, g, last); err != nil {
				f.Detail += ": " + err.Error()
			} else {
				f.Estimate = b.Estimate(evidence.OneSided)
			}
			out = append(out, f)
		}
	}
	return out
}
