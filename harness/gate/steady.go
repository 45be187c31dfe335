package gate

import (
	"fmt"
	"math"
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// steadySlices is how many pieces of the measure phase the trend test compares.
const steadySlices = 10

// Steady fails on a trend of TTFT over the measure phase that is both significant and large: for each
// group, the medians of slices of the phase, repetitions together (seasonal Kendall), and the drift over
// the phase as a share of the median (Theil-Sen, mean over repetitions). Medians of neighbouring slices are
// alike where the state of the machine lasts longer than a slice, as that of a host tier that sessions fill
// does: the test counts with their correlation. The p-values are corrected for the number of groups (Holm):
// without that, six in fifteen runs with sixty steady groups failed at 0.01 each.
//
// Medians do not see a tail: one that triples they find in 0 to 3 % of simulated runs. So the slowest requests are tested,
// too (stats.TailTrend), at a level of their own, again with Holm over the groups.
func Steady(ev *evidence.Evidence, c Claim) Gate {
	const name = "steady state"
	g := ev.Exp.Hypothesis.Gates
	due := 0
	var middle, tail drifts
	for _, grp := range ev.Groups() {
		if c.overloads(grp.Cell) {
			continue
		}
		due++
		var series, values [][]float64
		drift := 0.0
		for _, cell := range grp.Cells {
			if cell.Info.Load.WarmupCapped {
				return Fail(name, Inconclusive, "warmup_capped",
					fmt.Sprintf("%s: warm-up reached its limit of %v before every user had its passes; raise run.warmup.max", cell.Key, ev.Exp.Hypothesis.Run.Warmup.Max))
			}
			medians, d, ok := trend(cell)
			if ok {
				series, drift = append(series, medians), drift+d
			}
			values = append(values, inTime(cell))
		}
		if p, err := stats.SeasonalKendall(series, stats.Autocorrelation(series)); err == nil {
			middle.add(grp, p, drift/float64(len(series)))
		}
		if p, growth, err := stats.TailTrend(values); err == nil {
			tail.add(grp, p, math.Log(growth))
		}
	}
	if len(middle.ps) < due {
		return Fail(name, Inconclusive, "not_testable", fmt.Sprintf("%d of %d cells have too few requests to test for a trend", due-len(middle.ps), due))
	}
	if i, p := middle.worst(g.SteadyAlpha); i >= 0 && math.Abs(middle.sizes[i]) > g.SteadyMaxDrift {
		return Fail(name, Inconclusive, "trend",
			fmt.Sprintf("%s: TTFT drifts by %+.0f %% of its median over the measure phase (p %.2g after Holm over %d cells); measure longer or warm up longer",
				middle.cells[i], middle.sizes[i]*100, p, len(middle.ps)))
	}
	steady := fmt.Sprintf("no trend above %.0f %% of the median over the measure phase in %d cells", g.SteadyMaxDrift*100, len(middle.ps))
	if g.SteadyTailAlpha == 0 {
		return Pass(name, steady)
	}
	if i, p := tail.worst(g.SteadyTailAlpha); i >= 0 && math.Abs(tail.sizes[i]) > math.Log1p(g.SteadyMaxTailDrift) {
		return Fail(name, Inconclusive, "tail_trend",
			fmt.Sprintf("%s: the slowest TTFTs are %.2f times as long at the end of the measure phase as at its start (p %.2g after Holm over %d cells); measure longer or warm up longer",
				tail.cells[i], math.Exp(tail.sizes[i]), p, len(tail.ps)))
	}
	return Pass(name, fmt.Sprintf("%s; the slowest TTFTs change by no more than %.0f %% in %d", steady, g.SteadyMaxTailDrift*100, len(tail.ps)))
}

// drifts are the trends of groups.
type drifts struct {
	ps, sizes []float64
	cells     []string
}

func (d *drifts) add(g *evidence.Group, p, size float64) {
	d.ps, d.sizes, d.cells = append(d.ps, p), append(d.sizes, size), append(d.cells, g.Cell.String())
}

// worst is the largest drift of those that are significant by Holm over all, with its corrected p-value; -1 if
// there is none.
func (d *drifts) worst(alpha float64) (at int, p float64) {
	at = -1
	for i, corrected := range stats.Holm(d.ps) {
		if corrected < alpha && (at < 0 || math.Abs(d.sizes[i]) > math.Abs(d.sizes[at])) {
			at, p = i, corrected
		}
	}
	return at, p
}

// inTime are the cell's TTFTs, ms, in the order of its requests: that of intended send.
func inTime(c *evidence.Cell) []float64 {
	points := c.TTFT()
	out := make([]float64, len(points))
	for i, p := range points {
		out[i] = p.V
	}
	return out
}

// trend returns the medians of TTFT in equal slices of the measure phase and their drift over it as a
// share of the median; ok is false with too few requests to fill half of the slices.
func trend(c *evidence.Cell) (medians []float64, drift float64, ok bool) {
	length := c.Seconds()
	if length <= 0 {
		return nil, 0, false
	}
	var bins [steadySlices][]float64
	for _, pt := range c.TTFT() {
		i := min(steadySlices-1, max(0, int(pt.T/length*steadySlices)))
		bins[i] = append(bins[i], pt.V)
	}
	var ts []float64
	for i, bin := range bins {
		if len(bin) == 0 {
			continue
		}
		slices.Sort(bin)
		ts, medians = append(ts, float64(i)), append(medians, stats.Quantile(bin, 0.5))
	}
	if len(medians) < steadySlices/2 {
		return nil, 0, false
	}
	slope, err := stats.TheilSen(ts, medians)
	if err != nil {
		return nil, 0, false
	}
	mid := stats.Quantile(slices.Sorted(slices.Values(medians)), 0.5)
	if mid <= 0 {
		return nil, 0, false
	}
	return medians, slope * steadySlices / mid, true
}
