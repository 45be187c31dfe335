package hypotheses

import (
	"fmt"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H4A: on Stack A a degraded NVMe hardly moves p99.
//
// Mechanism: no request waits for the drive. What another program does to it reaches inference only through
// what they share otherwise: on a unified-memory machine the drive's DMA takes memory bandwidth from the GPU,
// 15 of 273 GB/s at most.
//
// Falsifier: a p99 of TTFT or of E2E latency that differs by 10 % or more between two fio profiles.
//
// The claim is "no effect", so it is shown by equivalence (two one-sided tests), in every pair of
// arms and for both latencies; all have to hold, so no correction is due. The arms of a block share the load's
// randomness and are compared in pairs. That the drive was degraded at all is a gate: a read of the probe takes
// at least twice as long with heavy as with none.
var h4a = harness.Hypothesis{
	ID:          "H4A",
	Claim:       "A degraded NVMe hardly moves p99 on a server whose KV cache is in unified memory only",
	Mechanism:   "no request waits for the drive; its DMA takes at most a few percent of the memory bandwidth",
	Falsifier:   "p99 TTFT or E2E latency that differs by 10 % or more between fio profiles",
	Config:      "h4a.yaml",
	Requires:    []string{"r_await_ratio", "equivalence_margin"},
	OneLevel:    []string{"ctx", "conc"},
	Equivalence: true,
	Validate:    twoFioArms,
	Deciding:    []string{"ttft_p99_equivalent", "e2e_p99_equivalent"},
	Decide:      decideH4A,
}

func TestH4A(t *testing.T) { harness.Run(t, h4a) }

func decideH4A(ev *evidence.Evidence) verdict.Conclusion {
	out := verdict.Conclusion{Gates: []gate.Gate{gate.FioReached(ev, ev.Threshold("r_await_ratio"))}}
	arms, ok := fioArms(ev)
	if !ok {
		const missing = "an arm or a repetition was not measured"
		out.Checks = []verdict.Check{verdict.Open("ttft_p99_equivalent", missing), verdict.Open("e2e_p99_equivalent", missing)}
		return out
	}
	ttft, effect := armsEquivalent(ev, arms, "ttft_p99_equivalent", "TTFT", (*evidence.Cell).TTFT)
	e2e, _ := armsEquivalent(ev, arms, "e2e_p99_equivalent", "E2E latency", (*evidence.Cell).E2E)
	out.Checks, out.Effect = []verdict.Check{ttft, e2e}, effect
	out.Figures = []verdict.Figure{h4aFigure(ev, arms)}
	return out
}

// armsEquivalent tests that the p99 of a latency is the same in every pair of arms. The effect is that of the
// heaviest arm against the lightest; the check's figures are those of the pair that is furthest from equivalent.
func armsEquivalent(ev *evidence.Evidence, arms []*evidence.Group, name, what string, of func(*evidence.Cell) stats.Rep) (verdict.Check, *verdict.Effect) {
	margin, alpha := ev.Threshold("equivalence_margin"), verdict.AlphaOf(ev)
	var pairs []verdict.Check
	var effect *verdict.Effect
	for i, a := range arms {
		for _, b := range arms[i+1:] {
			ratio, err := percentileRatio(ev, b, a, 0.99, of)
			if err != nil {
				return verdict.Open(name, fmt.Sprintf("the ratio of p99 %s has no interval: %v", what, err)), nil
			}
			n := latencies(a, of) + latencies(b, of)
			c := alpha.Inside(verdict.Check{N: n, Of: "requests"}, ratio, 1/(1+margin), 1+margin)
			lo, hi := ends(c)
			c.Detail = fmt.Sprintf("p99 %s of %d pairs of arms; furthest from alike is %s over %s: %.3f [%.3f, %.3f] (%s interval over %d blocks, as two one-sided tests need; margin %.0f %%)",
				what, len(arms)*(len(arms)-1)/2, b.Cells[0].Fio, a.Cells[0].Fio, *c.Value, lo, hi, percent(alpha), ratio.N(), margin*100)
			pairs = append(pairs, c)
			if i == 0 && b == arms[len(arms)-1] {
				effect = effectOf(fmt.Sprintf("p99 %s, fio %s / %s", what, b.Cells[0].Fio, a.Cells[0].Fio), "", ratio, n, "requests")
			}
		}
	}
	return alpha.All(name, pairs, "no pair of arms"), effect
}

// latencies is how many values a group has.
func latencies(g *evidence.Group, of func(*evidence.Cell) stats.Rep) int {
	n := 0
	for _, c := range g.Cells {
		n += len(of(c))
	}
	return n
}

func h4aFigure(ev *evidence.Evidence, arms []*evidence.Group) verdict.Figure {
	ttft := verdict.Panel{XLabel: "r_await of the NVMe, ms", YLabel: "TTFT p99, ms", LogX: true}
	e2e := verdict.Panel{XLabel: "r_await of the NVMe, ms", YLabel: "E2E latency p99, ms", LogX: true}
	for _, g := range arms {
		row := ev.Row(g)
		if row.RAwaitMS == nil || *row.RAwaitMS <= 0 {
			continue
		}
		a, b := verdict.NewSeries("fio "+g.Cells[0].Fio), verdict.NewSeries("fio "+g.Cells[0].Fio)
		a.Percentile(*row.RAwaitMS, row.TTFT.P99)
		b.Percentile(*row.RAwaitMS, row.E2E.P99)
		ttft.Series, e2e.Series = append(ttft.Series, *a), append(e2e.Series, *b)
	}
	for _, p := range []*verdict.Panel{&ttft, &e2e} {
		if len(p.Series) > 0 && len(p.Series[0].Y) > 0 {
			undisturbed, margin := p.Series[0].Y[0], ev.Threshold("equivalence_margin")
			p.Levels = []verdict.Level{
				{Y: undisturbed * (1 + margin), Label: fmt.Sprintf("%s + %.0f %%", p.Series[0].Name, margin*100)},
				{Y: undisturbed / (1 + margin), Label: fmt.Sprintf("%s / %.2f", p.Series[0].Name, 1+margin)}}
		}
	}
	return verdict.Figure{Name: "p99_and_r_await", Title: "H4A: tail latency against what fio does to the drive", Panels: []verdict.Panel{ttft, e2e}}
}
