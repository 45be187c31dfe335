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
func Steady(ev *evidence.Evidence, c Claim) Gate {
	const name = "steady state"
	g := ev.Exp.Hypothesis.Gates
	bad := worst{}
	due := 0
	var ps, drifts []float64
	var cells []string
	for _, grp := range ev.Groups() {
		if c.overloads(grp.Cell) {
			continue
		}
		due++
		var series [][]float64
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
		}
		p, err := stats.SeasonalKendall(series, stats.Autocorrelation(series))
		if err != nil {
			continue
		}
		ps, drifts, cells = append(ps, p), append(drifts, drift/float64(len(series))), append(cells, grp.Cell.String())
	}
	tested := len(ps)
	for i, p := range stats.Holm(ps) {
		if p < g.SteadyAlpha {
			bad.high(math.Abs(drifts[i]), fmt.Sprintf("%s: TTFT drifts by %+.0f %% of its median over the measure phase (p %.2g after Holm over %d cells)", cells[i], drifts[i]*100, p, tested))
		}
	}
	switch {
	case tested < due:
		return Fail(name, Inconclusive, "not_testable", fmt.Sprintf("%d of %d cells have too few requests to test for a trend", due-tested, due))
	case bad.value > g.SteadyMaxDrift:
		return Fail(name, Inconclusive, "trend", bad.where+"; measure longer or warm up longer")
	}
	return Pass(name, fmt.Sprintf("no trend above %.0f %% of the median over the measure phase in %d cells", g.SteadyMaxDrift*100, tested))
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
