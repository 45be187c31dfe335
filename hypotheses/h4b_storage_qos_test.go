package hypotheses

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H4B: on Stack B a degraded NVMe raises p99 in proportion.
//
// Mechanism: a prefix that does not fit the RAM tiers is read from the NVMe before its request can go on.
// Reads that share the drive with fio take longer, and requests that share the loader wait for each other's
// fetch, so that the queue multiplies what the drive adds. How much a read slows down is decided by the
// loader's queue depth and I/O size: both are printed.
//
// Falsifier: p99 that does not rise from none over moderate to heavy, or does not follow the fetch latency; or fetches that fio
// hardly slows down, as those from another drive, whatever p99 does: then it rises for something else that fio slows down.
//
// The trend is Page's test over blocks (repetitions), because the arms of a block share the load's randomness, at the level
// of the look. How much p99 rises is one ratio of p99, heaviest over lightest arm, a block. That p99 follows fetches is asked
// inside arms, of the slowest request of a window: between arms all that fio changes goes together.
// Gates: a read of the probe takes at least twice as long with heavy as with none, and tier 2 serves a fifth of the
// prefix lookups in every arm; without that there is nothing for fio to slow down.
var h4b = harness.Hypothesis{
	ID:        "H4B",
	Claim:     "A degraded NVMe raises p99 TTFT in proportion where prefixes come from it",
	Mechanism: "fetches share the drive with fio and the loader with each other; the queue multiplies what the drive adds",
	Falsifier: "p99 that does not rise with fio, or does not follow the tier-2 fetch latency, or fetches that grow by much less than p99 does",
	Config:    "h4b.yaml",
	Tier2:     gate.Tier2Read,
	Requires:  []string{"r_await_ratio", "tier2_hit_share", "p99_ratio", "spearman_min", "fetch_share"},
	OneLevel:  []string{"ctx", "conc"},
	Windows:   true,
	Validate:  twoFioArms,
	Deciding:  []string{"p99_rises", "p99_ratio", "p99_tracks_fetch", "in_proportion"},
	Decide:    decideH4B,
}

func TestH4B(t *testing.T) { harness.Run(t, h4b) }

func decideH4B(ev *evidence.Evidence) verdict.Conclusion {
	out := verdict.Conclusion{Gates: []gate.Gate{gate.FioReached(ev, ev.Threshold("r_await_ratio")), gate.Tier2Engaged(ev,
		ev.Threshold("tier2_hit_share"))}}
	arms, ok := fioArms(ev)
	if !ok {
		out.Checks = []verdict.Check{verdict.Open("p99_rises", "an arm or a repetition was not measured")}
		return out
	}
	set := ev.Windows(arms, evidence.FetchP95)
	out.Gates = append(out.Gates, gate.Windows(ev, set))
	ratio, effect := heaviestOverLightest(ev, arms)
	follows := tracks(ev, set, evidence.FetchP95, "p99_tracks_fetch", ev.Threshold("spearman_min"))
	out.Checks = []verdict.Check{p99Rises(ev, arms), ratio, follows.Check, inProportion(ev, arms)}
	out.Effect = effect
	out.Findings = append(steps(ev, arms), follows.together, elasticity(ev, set), loaderFinding(ev))
	out.Figures = []verdict.Figure{h4bFigure(ev, arms, set)}
	return out
}

// p99Rises is Page's trend test: p99 TTFT of each repetition, over the arms in their order. Their geometric means have to be
// in that order, too, because the heaviest arm alone can make the trend. The same test of the reversed order contradicts: a
// trend that is not significant may hide behind few blocks.
func p99Rises(ev *evidence.Evidence, arms []*evidence.Group) verdict.Check {
	const name = "p99_rises"
	a := verdict.AlphaOf(ev)
	var blocks, reversed [][]float64
	for _, c := range arms[0].Cells {
		var block []float64
		for _, g := range arms {
			v, err := percentileIn(g, c.Rep, 0.99, (*evidence.Cell).TTFT)
			if err != nil {
				return verdict.Open(name, fmt.Sprintf("block %d has no p99 of each arm: %v", c.Rep, err))
			}
			block = append(block, v)
		}
		blocks = append(blocks, block)
		back := slices.Clone(block)
		slices.Reverse(back)
		reversed = append(reversed, back)
	}
	l, p, err := stats.Page(blocks)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("the trend cannot be tested: %v", err))
	}
	_, falls, err := stats.Page(reversed)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("the trend cannot be tested: %v", err))
	}
	means, rising := meansInOrder(blocks, arms)
	c := verdict.Check{Name: name, Estimate: stats.Alone(l), N: len(blocks) * len(arms), Of: "cells", Blocks: len(blocks), Detail: fmt.Sprintf(
		"p99 TTFT over %d blocks (geometric means: %s) rises with Page's L %.0f, p %.2g (need %.3g), and falls with p %.2g", len(blocks),
		means, l, p, float64(a), falls)}
	if !rising {
		c.Detail += "; the means are not in that order"
		p = 1
	}
	return a.Tested(c, p, falls)
}

// meansInOrder are the geometric means of the arms over blocks, and whether each is above the one before.
func meansInOrder(blocks [][]float64, arms []*evidence.Group) (text string, rising bool) {
	rising = true
	last := math.Inf(-1)
	var parts []string
	for i, g := range arms {
		sum := 0.0
		for _, b := range blocks {
			sum += math.Log(b[i])
		}
		parts = append(parts, fmt.Sprintf("%s %.3g s", g.Cells[0].Fio, math.Exp(sum/float64(len(blocks)))/1e3))
		rising, last = rising && sum > last, sum
	}
	return strings.Join(parts, ", "), rising
}

// heaviestOverLightest is the size of the effect: one ratio of p99 a block.
func heaviestOverLightest(ev *evidence.Evidence, arms []*evidence.Group) (verdict.Check, *verdict.Effect) {
	const name = "p99_ratio"
	a, need := verdict.AlphaOf(ev), ev.Threshold(name)
	light, heavy := arms[0], arms[len(arms)-1]
	b, err := percentileRatio(ev, heavy, light, 0.99, (*evidence.Cell).TTFT)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("the ratio of p99 is not known: %v", err)), nil
	}
	c := a.Above(verdict.Check{Name: name, N: len(light.Observations()) + len(heavy.Observations()), Of: "requests"}, b, need)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("p99 TTFT with fio %s is %.2f [%.2f, %.2f] times that with fio %s (%s interval over %d blocks, need above %.2f)",
		heavy.Cells[0].Fio, *c.Value, lo, hi, light.Cells[0].Fio, percent(a), c.Blocks, need)
	return c, effectOf(fmt.Sprintf("p99 TTFT, fio %s / %s", heavy.Cells[0].Fio, light.Cells[0].Fio), "", b, c.N, c.Of)
}

// inProportion asks whether p99 grows with the fetches: on the logarithm, heaviest over lightest arm, the mean fetch has to grow by
// more than a share of what p99 grows by, and to grow at all. A queue for the loader makes p99 grow by more than a fetch does, by
// some power of 1 / (1 - utilisation); whatever else fio slows down makes it grow without one. The mean, because fetches of which
// a few are slow have a p95 that tells nothing of the others.
func inProportion(ev *evidence.Evidence, arms []*evidence.Group) verdict.Check {
	const name = "in_proportion"
	a, need := verdict.AlphaOf(ev), ev.Threshold("fetch_share")
	light, heavy := arms[0], arms[len(arms)-1]
	n, fetched, tail := 0, 0.0, 0.0
	b, err := ev.Blocks(stats.Log, func(rep int) (float64, error) {
		var mean, p99 [2]float64
		for i, g := range []*evidence.Group{light, heavy} {
			c, err := g.In(rep)
			if err != nil {
				return 0, err
			}
			k := ev.KV(single(c))
			if k == nil || len(k.FetchMS) == 0 {
				return 0, fmt.Errorf("%s: no fetch from tier 2 is known", g.Cell)
			}
			n += len(k.FetchMS)
			for _, ms := range k.FetchMS {
				mean[i] += ms / float64(len(k.FetchMS))
			}
			if p99[i], err = percentileIn(g, rep, 0.99, (*evidence.Cell).TTFT); err != nil {
				return 0, err
			}
		}
		fetches, growth := math.Log(mean[1]/mean[0]), math.Log(p99[1]/p99[0])
		fetched, tail = fetched+fetches, tail+growth
		return math.Exp(fetches - need*max(growth, 0)), nil
	})
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("what fio does to fetches is not known: %v", err))
	}
	c := a.Above(verdict.Check{Name: name, N: n, Of: "fetches"}, b, 1)
	lo, hi := ends(c)
	blocks := float64(c.Blocks)
	c.Detail = fmt.Sprintf("from fio %s to %s the mean tier-2 fetch grows %.2f-fold and p99 TTFT %.2f-fold: over p99's to the power of %.2f it is %.3f [%.3f, %.3f] (%s interval over %d blocks, need above 1)",
		light.Cells[0].Fio, heavy.Cells[0].Fio, math.Exp(fetched/blocks), math.Exp(tail/blocks), need, *c.Value, lo, hi, percent(a), c.Blocks)
	return c
}

// steps are the ratios of p99 TTFT from each arm to the next.
func steps(ev *evidence.Evidence, arms []*evidence.Group) []verdict.Finding {
	var out []verdict.Finding
	for i, g := range arms[1:] {
		f := verdict.Finding{Name: fmt.Sprintf("p99 TTFT, fio %s / %s", g.Cells[0].Fio, arms[i].Cells[0].Fio), Detail: "one ratio a block"}
		if b, err := percentileRatio(ev, g, arms[i], 0.99, (*evidence.Cell).TTFT); err != nil {
			f.Detail = err.Error()
		} else {
			f.Estimate = b.Estimate(evidence.OneSided)
		}
		out = append(out, f)
	}
	return out
}

// elasticity is by how many percent the slowest request of a window grows when the fetch latency grows by one.
func elasticity(ev *evidence.Evidence, set *evidence.WindowSet) verdict.Finding {
	f := verdict.Finding{Name: "elasticity of slowest TTFT", Detail: "slope of the log of a window's slowest TTFT on log " +
		"tier-2 fetch p95, arms together"}
	slope, _, err := ev.Bootstrap().Slope(set.Values(evidence.FetchP95, true), set.Slowest(true))
	if err != nil {
		f.Detail += ": " + err.Error()
		return f
	}
	f.Estimate = slope.Estimate(evidence.Confidence)
	return f
}

// loaderFinding names what decides how much a read slows down.
func loaderFinding(ev *evidence.Evidence) verdict.Finding {
	for _, name := range ev.Exp.StackNames() {
		if d := ev.Exp.Stacks[name].Dynamo; d != nil {
			depth := float64(d.Loader.QueueDepth)
			return verdict.Finding{Name: "loader", Estimate: stats.Alone(depth), Unit: "reads in flight", Detail: fmt.Sprintf(
				"of %s each, %v of software time per read: a drive that takes twice as long matters less the more of a read is software",
				d.Loader.IOBytes, d.Loader.SoftwareTimePerIO)}
		}
	}
	return verdict.Finding{Name: "loader", Detail: "no stack has one"}
}

func h4bFigure(ev *evidence.Evidence, arms []*evidence.Group, set *evidence.WindowSet) verdict.Figure {
	p99 := verdict.Panel{XLabel: "r_await of the NVMe, ms", YLabel: "TTFT p99, ms", LogX: true, LogY: true}
	fetch := verdict.Panel{XLabel: "r_await of the NVMe, ms", YLabel: "tier-2 fetch p95, ms", LogX: true, LogY: true}
	for _, g := range arms {
		row := ev.Row(g)
		if row.RAwaitMS == nil || *row.RAwaitMS <= 0 {
			continue
		}
		a, b := verdict.NewSeries("fio "+g.Cells[0].Fio), verdict.NewSeries("fio "+g.Cells[0].Fio)
		a.Percentile(*row.RAwaitMS, row.TTFT.P99)
		b.Value(*row.RAwaitMS, row.FetchP95MS)
		p99.Series, fetch.Series = append(p99.Series, *a), append(fetch.Series, *b)
	}
	windows := verdict.Panel{XLabel: "tier-2 fetch p95 of a window, ms", YLabel: "slowest TTFT of a window, ms", LogX: true, LogY: true}
	for _, g := range arms {
		windows.Series = append(windows.Series, scatter("fio "+g.Cells[0].Fio, ev.Windows([]*evidence.Group{g}, evidence.FetchP95), evidence.FetchP95))
	}
	return verdict.Figure{Name: "p99_and_r_await", Title: "H4B: tail latency against what fio does to the drive",
		Panels: []verdict.Panel{p99, fetch, windows}}
}
