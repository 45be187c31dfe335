package hypotheses

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H5: on Stack B, larger KV working sets worsen p95 and p99 at fixed compute.
//
// Mechanism: each live session carries its history from turn to turn. More of them at the same request
// rate and the same prompts are more KV to keep, and nothing else: what no longer fits the RAM tiers is
// fetched from NVMe before a turn can go on.
//
// Falsifier: p95 or p99 that does not rise with the working set, or NVMe reads that do not rise with it.
//
// Turns and reuse change what a prompt costs to compute, so the trend over live sessions is tested within
// each combination of them, and has to be there in every one.
var h5 = harness.Hypothesis{
	ID:        "H5",
	Claim:     "Larger KV working sets worsen p95 and p99 TTFT at fixed compute",
	Mechanism: "more live sessions at the same request rate carry more KV than the RAM tiers hold; the rest is fetched from NVMe",
	Falsifier: "p95, p99 or NVMe reads that do not rise with the working set",
	Config:    "h5.yaml",
	Requires:  []string{"trend_alpha", "p99_ratio", "reads_margin_rps", "working_set_tolerance", "rate_tolerance"},
	OneLevel:  []string{"ctx"},
	Decide:    decideH5,
}

func TestH5(t *testing.T) { harness.Run(t, h5) }

func decideH5(ev *evidence.Evidence) verdict.Conclusion {
	strata := strataOf(ev)
	ratio, effect := largestRatio(ev, strata)
	return verdict.Conclusion{
		Gates:    []gate.Gate{gate.WorkingSetSeen(ev, ev.Threshold("working_set_tolerance")), sameRate(ev, strata)},
		Checks:   append(trends(ev, strata), ratio),
		Effect:   effect,
		Findings: byStratum(strata),
		Figures:  []verdict.Figure{h5Figure(ev, strata)},
	}
}

// stratum are the cells of one combination of turns and reuse, by growing number of live sessions.
type stratum struct {
	cell   record.Cell // without sessions
	groups []*evidence.Group
}

func (s stratum) name() string {
	return fmt.Sprintf("turns=%s/reuse=%s", s.cell.Level("turns"), s.cell.Level("reuse"))
}

func strataOf(ev *evidence.Evidence) []stratum {
	var out []stratum
	for _, g := range ev.Groups() {
		cell := g.Cell.Without("sessions")
		i := slices.IndexFunc(out, func(s stratum) bool { return s.cell.String() == cell.String() })
		if i < 0 {
			out = append(out, stratum{cell: cell})
			i = len(out) - 1
		}
		out[i].groups = append(out[i].groups, g)
	}
	return out
}

// sameRate is the gate of "fixed compute": within a stratum every level completes requests at the same
// rate, and its prompts are as long.
func sameRate(ev *evidence.Evidence, strata []stratum) gate.Gate {
	const name = "same load"
	tol := ev.Threshold("rate_tolerance")
	furthest, where := 0.0, "nowhere"
	for _, s := range strata {
		for _, of := range []struct {
			what  string
			value func(*evidence.Group) *float64
		}{
			{"requests/s", func(g *evidence.Group) *float64 { v := ev.Row(g).RPS; return &v }},
			{"prompt tokens", func(g *evidence.Group) *float64 { return ev.Row(g).PromptTokens }},
		} {
			lo, hi := math.Inf(1), 0.0
			for _, g := range s.groups {
				v := of.value(g)
				if v == nil || *v <= 0 {
					return gate.Fail(name, verdict.Invalid, "not_measured", fmt.Sprintf("%s: %s not measured", g.Cell, of.what))
				}
				lo, hi = min(lo, *v), max(hi, *v)
			}
			if d := hi/lo - 1; d >= furthest {
				furthest, where = d, fmt.Sprintf("%s: %.4g to %.4g %s", s.name(), lo, hi, of.what)
			}
		}
	}
	detail := fmt.Sprintf("request rate and prompt length within %.1f %% over the sessions of each stratum (allowed %.0f %%; furthest %s)", furthest*100, tol*100, where)
	if furthest > tol {
		return gate.Fail(name, verdict.Invalid, "load_differs", detail)
	}
	return gate.Pass(name, detail)
}

// reading is something that the working set should raise.
type reading struct {
	name, check string
	value       func(*evidence.Cell) (float64, bool)
	log         bool // changes by factors rather than by amounts
}

var readings = []reading{
	{"p95 TTFT", "p95_rises", func(c *evidence.Cell) (float64, bool) { return single(c).Percentile(0.95) }, true},
	{"p99 TTFT", "p99_rises", func(c *evidence.Cell) (float64, bool) { return single(c).Percentile(0.99) }, true},
	{"NVMe reads/s", "reads_rise", func(c *evidence.Cell) (float64, bool) {
		v := c.Sys.Measure.ReadsPerSec()
		if v == nil {
			return 0, false
		}
		return *v, true
	}, false},
}

var p99Reading = readings[1]

// trends tests that p95, p99 and NVMe reads rise with the working set (Jonckheere-Terpstra over the
// levels, a value for each repetition), all strata and readings corrected together (Holm). A trend that is
// not significant leaves the check undecided, because few repetitions may hide one; what contradicts it is
// an interval of the change from the smallest to the largest working set that leaves no room for one.
func trends(ev *evidence.Evidence, strata []stratum) []verdict.Check {
	alpha := ev.Threshold("trend_alpha")
	var ps, zs []float64
	for _, r := range readings {
		for _, s := range strata {
			var levels [][]float64
			for _, g := range s.groups {
				var level []float64
				for _, c := range g.Cells {
					if v, ok := r.value(c); ok {
						level = append(level, v)
					}
				}
				levels = append(levels, level)
			}
			z, p, err := stats.JonckheereTerpstra(levels)
			if err != nil {
				return []verdict.Check{{Name: "rises", State: verdict.Undecided, Detail: fmt.Sprintf("%s: no trend can be tested for %s: %v", s.name(), r.name, err)}}
			}
			ps, zs = append(ps, p), append(zs, z)
		}
	}
	adjusted := stats.Holm(ps)
	var out []verdict.Check
	for i, r := range readings {
		weakest := i * len(strata)
		for j := range strata {
			if k := i*len(strata) + j; adjusted[k] > adjusted[weakest] {
				weakest = k
			}
		}
		v := adjusted[weakest]
		c := verdict.Check{Name: r.check, State: verdict.Undecided, Estimate: stats.Alone(v), Unit: "p", N: len(ev.Cells), Of: "cells"}
		c.Detail = fmt.Sprintf("%s against live sessions in %d strata: weakest trend in %s, z %.2f, p %.2g after Holm (need below %.2f)",
			r.name, len(strata), strata[weakest%len(strata)].name(), zs[weakest], v, alpha)
		_, _, hi, err := stats.MeanT(changes(strata, r), 0.95)
		room := ev.Threshold("reads_margin_rps")
		if r.log {
			hi, room = math.Exp(hi), ev.Threshold("p99_ratio")
		}
		switch {
		case v < alpha:
			c.State = verdict.Holds
		case err == nil && hi < room:
			c.State = verdict.Contradicted
			c.Detail += fmt.Sprintf("; from the smallest to the largest working set it changes by at most %.3g (upper end; %.3g would be a rise)", hi, room)
		}
		out = append(out, c)
	}
	return out
}

// single is a cell as a group of its own.
func single(c *evidence.Cell) *evidence.Group {
	return &evidence.Group{Cell: c.Cell, Cells: []*evidence.Cell{c}}
}

// change is the reading at the largest working set of a stratum against that at the smallest, for each
// repetition that has both: a difference, of logarithms where the reading changes by factors.
func (s stratum) change(r reading) map[int]float64 {
	of := func(g *evidence.Group) map[int]float64 {
		out := map[int]float64{}
		for _, c := range g.Cells {
			v, ok := r.value(c)
			switch {
			case ok && r.log && v > 0:
				out[c.Rep] = math.Log(v)
			case ok && !r.log:
				out[c.Rep] = v
			}
		}
		return out
	}
	first := of(s.groups[0])
	out := map[int]float64{}
	for rep, v := range of(s.groups[len(s.groups)-1]) {
		if w, ok := first[rep]; ok {
			out[rep] = v - w
		}
	}
	return out
}

// changes are the mean changes over the strata, one for each repetition that all of them have.
func changes(strata []stratum, r reading) []float64 {
	sums, counts := map[int]float64{}, map[int]int{}
	for _, s := range strata {
		for rep, v := range s.change(r) {
			sums[rep] += v
			counts[rep]++
		}
	}
	var out []float64
	for _, rep := range slices.Sorted(maps.Keys(sums)) {
		if counts[rep] == len(strata) {
			out = append(out, sums[rep]/float64(len(strata)))
		}
	}
	return out
}

// largestRatio tests the size of the effect: p99 at the largest working set over p99 at the smallest, the
// geometric mean over the strata in each repetition, with Student's interval over repetitions.
func largestRatio(ev *evidence.Evidence, strata []stratum) (verdict.Check, *verdict.Effect) {
	need := ev.Threshold("p99_ratio")
	c := verdict.Check{Name: "p99_ratio", Unit: ""}
	logs := changes(strata, p99Reading)
	mean, lo, hi, err := stats.MeanT(logs, 0.95)
	if err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("the ratio has no interval: %v", err)
		return c, nil
	}
	ratio, lo, hi := math.Exp(mean), math.Exp(lo), math.Exp(hi)
	c.Of = "requests"
	for _, s := range strata {
		c.N += len(s.groups[0].Observations()) + len(s.groups[len(s.groups)-1].Observations())
	}
	smallest, largest := strata[0].groups[0].Users(), strata[0].groups[len(strata[0].groups)-1].Users()
	c.State = verdict.Above(lo, hi, need)
	c.Estimate, c.Bounds = stats.Between(ratio, lo, hi), []float64{need}
	c.Scale = verdict.Ratio
	c.Detail = fmt.Sprintf("from %d to %d live sessions p99 TTFT grows %.2f-fold [%.2f, %.2f], the mean over %d strata and %d repetitions (need above %.2f)",
		smallest, largest, ratio, lo, hi, len(strata), len(logs), need)
	return c, &verdict.Effect{Name: fmt.Sprintf("p99 TTFT at %d over %d live sessions", largest, smallest),
		Estimate: stats.Between(ratio, lo, hi), Unit: "", Confidence: 0.95, N: c.N, Of: c.Of}
}

// byStratum lists the ratio of each stratum.
func byStratum(strata []stratum) []verdict.Finding {
	var out []verdict.Finding
	for _, s := range strata {
		var logs []float64
		of := s.change(p99Reading)
		for _, rep := range slices.Sorted(maps.Keys(of)) {
			logs = append(logs, of[rep])
		}
		f := verdict.Finding{Name: "p99 ratio, " + s.name(), Detail: fmt.Sprintf("p99 TTFT at %d over %d live sessions, %d repetitions",
			s.groups[len(s.groups)-1].Users(), s.groups[0].Users(), len(logs))}
		if mean, lo, hi, err := stats.MeanT(logs, 0.95); err == nil {
			mean, lo, hi = math.Exp(mean), math.Exp(lo), math.Exp(hi)
			f.Estimate = stats.Between(mean, lo, hi)
		}
		out = append(out, f)
	}
	return out
}

func h5Figure(ev *evidence.Evidence, strata []stratum) verdict.Figure {
	p99 := verdict.Panel{XLabel: "KV working set of the sessions, GiB", YLabel: "TTFT p99, ms", LogX: true, LogY: true}
	p95 := verdict.Panel{XLabel: p99.XLabel, YLabel: "TTFT p95, ms", LogX: true, LogY: true}
	reads := verdict.Panel{XLabel: p99.XLabel, YLabel: "NVMe reads, 1/s", LogX: true}
	for _, s := range strata {
		a, b, r := verdict.NewSeries(s.name()), verdict.NewSeries(s.name()), verdict.NewSeries(s.name())
		for _, g := range s.groups {
			row := ev.Row(g)
			if row.WorkingSetGiB == nil || *row.WorkingSetGiB <= 0 {
				continue
			}
			a.Percentile(*row.WorkingSetGiB, row.TTFT.P99)
			b.Percentile(*row.WorkingSetGiB, row.TTFT.P95)
			r.Value(*row.WorkingSetGiB, row.NVMeRPS)
		}
		p99.Series, p95.Series, reads.Series = append(p99.Series, *a), append(p95.Series, *b), append(reads.Series, *r)
	}
	return verdict.Figure{Name: "tail_and_working_set", Title: "H5: tail TTFT and NVMe reads against the KV working set", Panels: []verdict.Panel{p99, p95, reads}}
}
