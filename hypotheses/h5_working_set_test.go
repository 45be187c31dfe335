package hypotheses

import (
	"fmt"
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
// Falsifier: p95 or p99 that does not rise with the working set, or NVMe reads that do not rise with it, beyond what they do
// where the RAM holds all.
//
// The same request rate of more sessions is not the same load in every respect: turns come in another order, the engine has more
// prefixes to look up, and rates agree within 10 % only. So each block has the sweep twice, with the host tier in question and with one
// that holds all that is carried, and what counts is how much more the tail rises with the smaller one.
//
// Turns and reuse change what a prompt costs to compute, so the rise over live sessions is tested within
// each combination of them, from each level to the next, and has to be there in every one: a trend, and not two ends.
var h5 = harness.Hypothesis{
	ID:        "H5",
	Claim:     "Larger KV working sets worsen p95 and p99 TTFT at fixed compute",
	Mechanism: "more live sessions at the same request rate carry more KV than the RAM tiers hold; the rest is fetched from NVMe",
	Falsifier: "p95, p99 or NVMe reads that rise no more with the working set than where the RAM holds all of it",
	Config:    "h5.yaml",
	Tier2:     gate.Tier2OnDevice,
	Requires:  []string{"p99_ratio", "reads_margin_rps", "working_set_tolerance", "rate_tolerance"},
	OneLevel:  []string{"ctx"},
	Validate:  validH5,
	Deciding:  []string{"p95_rises", "p99_rises", "reads_rise", "p99_ratio"},
	Decide:    decideH5,
}

func TestH5(t *testing.T) { harness.Run(t, h5) }

// validH5 asks for the host tier in question and one that holds all, and for numbers of sessions to compare.
func validH5(ev *evidence.Evidence) error {
	s := ev.Exp.Hypothesis.Sweep
	if len(s.Tier1) != 2 {
		return fmt.Errorf("sweep.tier1: must be two capacities, the one in question and one that holds all that the sessions carry, not %d",
			len(s.Tier1))
	}
	if len(s.Sessions) < 2 {
		return fmt.Errorf("sweep.sessions: must be at least two numbers of live sessions, not %d", len(s.Sessions))
	}
	return nil
}

func decideH5(ev *evidence.Evidence) verdict.Conclusion {
	strata := strataOf(ev)
	var checks []verdict.Check
	for _, r := range readings {
		checks = append(checks, risesInAll(ev, strata, r))
	}
	ratio, effect := largestRatio(ev, strata)
	return verdict.Conclusion{
		Gates:    []gate.Gate{gate.WorkingSetSeen(ev, ev.Threshold("working_set_tolerance")), sameRate(ev, strata)},
		Checks:   append(checks, ratio),
		Effect:   effect,
		Findings: byStratum(ev, strata),
		Figures:  []verdict.Figure{h5Figure(ev, strata)},
	}
}

// stratum are the cells of one combination of turns and reuse, by growing number of live sessions: those with the host tier in
// question, and those with the one that holds all.
type stratum struct {
	cell         record.Cell // without sessions and tier1
	small, large []*evidence.Group
}

func (s stratum) name() string {
	return fmt.Sprintf("turns=%s/reuse=%s", s.cell.Level("turns"), s.cell.Level("reuse"))
}

// groups are all of a stratum.
func (s stratum) groups() []*evidence.Group { return slices.Concat(s.small, s.large) }

func strataOf(ev *evidence.Evidence) []stratum {
	var out []stratum
	roomy := int64(0)
	for _, size := range ev.Exp.Hypothesis.Sweep.Tier1 {
		roomy = max(roomy, int64(size))
	}
	for _, g := range ev.Groups() {
		cell := g.Cell.Without("sessions").Without("tier1")
		i := slices.IndexFunc(out, func(s stratum) bool { return s.cell.String() == cell.String() })
		if i < 0 {
			out = append(out, stratum{cell: cell})
			i = len(out) - 1
		}
		if of := &out[i]; g.Cells[0].Tier1Bytes == roomy {
			of.large = append(of.large, g)
		} else {
			of.small = append(of.small, g)
		}
	}
	return out
}

// sameRate is the gate of "fixed compute": within a stratum every level, with either host tier, completes requests at the same
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
			for _, g := range s.groups() {
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
	value       func(g *evidence.Group, rep int) (float64, error)
	scale       stats.Scale // Log for what changes by factors
	unit        string
	need        func(*evidence.Evidence) float64 // on the scale: 1 is no rise of a factor
}

var readings = []reading{
	{"p95 TTFT", "p95_rises", ttftAt(0.95), stats.Log, "", func(*evidence.Evidence) float64 { return 1 }},
	{"p99 TTFT", "p99_rises", ttftAt(0.99), stats.Log, "", func(*evidence.Evidence) float64 { return 1 }},
	{"NVMe reads/s", "reads_rise", func(g *evidence.Group, rep int) (float64, error) {
		c, err := g.In(rep)
		if err != nil {
			return 0, err
		}
		v := c.Sys.Measure.ReadsPerSec()
		if v == nil {
			return 0, fmt.Errorf("%s: no readings of the drive", g.Cell)
		}
		return *v, nil
	}, stats.Linear, "reads/s", func(ev *evidence.Evidence) float64 { return ev.Threshold("reads_margin_rps") }},
}

var p99Reading = readings[1]

// ttftAt is a percentile of the TTFT of a block, ms.
func ttftAt(p float64) func(g *evidence.Group, rep int) (float64, error) {
	return func(g *evidence.Group, rep int) (float64, error) {
		return percentileIn(g, rep, p, (*evidence.Cell).TTFT)
	}
}

// single is a cell as a group of its own.
func single(c *evidence.Cell) *evidence.Group {
	return &evidence.Group{Cell: c.Cell, Cells: []*evidence.Cell{c}}
}

// change is how much a reading changes in a block from one number of sessions to another: a factor, or a difference.
func (r reading) change(from, to *evidence.Group, rep int) (float64, error) {
	a, err := r.value(from, rep)
	if err != nil {
		return 0, err
	}
	b, err := r.value(to, rep)
	if err != nil {
		return 0, err
	}
	if r.scale == stats.Log {
		return b / a, nil
	}
	return b - a, nil
}

// excess is how much more a reading changes in a block with the tier in question than with the one that holds all, from one
// level of sessions to another, counted from 0: the factor over the other factor, or the difference less the other.
func (s stratum) excess(r reading, from, to, rep int) (float64, error) {
	if len(s.small) != len(s.large) || len(s.small) == 0 {
		return 0, fmt.Errorf("%s: %d levels of sessions with the tier in question and %d with the one that holds all", s.name(), len(s.small), len(s.large))
	}
	here, err := r.change(s.small[from], s.small[to], rep)
	if err != nil {
		return 0, err
	}
	there, err := r.change(s.large[from], s.large[to], rep)
	if err != nil {
		return 0, err
	}
	if r.scale == stats.Log {
		return here / there, nil
	}
	return here - there, nil
}

// risesInAll tests that a reading rises more with the working set where the tier in question has to hold it than where all fits: from
// each number of live sessions to the next, in every stratum, one value a block.
func risesInAll(ev *evidence.Evidence, strata []stratum, r reading) verdict.Check {
	a, need := verdict.AlphaOf(ev), r.need(ev)
	var checks []verdict.Check
	for _, s := range strata {
		for to := 1; to < len(s.small); to++ {
			b, err := ev.Blocks(r.scale, func(rep int) (float64, error) { return s.excess(r, to-1, to, rep) })
			if err != nil {
				return verdict.Open(r.check, fmt.Sprintf("%s: no rise of %s can be tested: %v", s.name(), r.name, err))
			}
			c := verdict.Check{Unit: r.unit, N: cellsOf(s.small[to-1:to+1]) + cellsOf(s.large[to-1:to+1]), Of: "cells"}
			c = a.Above(c, b, need)
			lo, hi := ends(c)
			small, large := s.small[to].Cell.Level("tier1"), s.large[to].Cell.Level("tier1")
			how := fmt.Sprintf("%.3g [%.3g, %.3g] times as much with %s of host tier as with %s", *c.Value, lo, hi, small, large)
			if r.scale == stats.Linear {
				how = fmt.Sprintf("by %.3g [%.3g, %.3g] more with %s of host tier than with %s", *c.Value, lo, hi, small, large)
			}
			c.Detail = fmt.Sprintf("%s at each step of live sessions; least clear is %s from %d to %d: it rises %s "+
				"(%s interval over %d blocks, need above %.3g)",
				r.name, s.name(), s.small[to-1].Users(), s.small[to].Users(), how, percent(a), b.N(), need)
			checks = append(checks, c)
		}
	}
	return a.All(r.check, checks, "no two numbers of live sessions were measured")
}

// last is the level of the most sessions, counted from 0.
func (s stratum) last() int { return len(s.small) - 1 }

// largestRatio tests the size of the effect: p99 at the most sessions over p99 at the fewest, with the tier in question over the
// same with the one that holds all, the geometric mean over the strata in each block.
func largestRatio(ev *evidence.Evidence, strata []stratum) (verdict.Check, *verdict.Effect) {
	const name = "p99_ratio"
	need, a := ev.Threshold("p99_ratio"), verdict.AlphaOf(ev)
	b, err := ev.Blocks(stats.Log, func(rep int) (float64, error) {
		sum := 0.0
		for _, s := range strata {
			v, err := s.excess(p99Reading, 0, s.last(), rep)
			if err != nil {
				return 0, err
			}
			sum += math.Log(v)
		}
		return math.Exp(sum / float64(len(strata))), nil
	})
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("the ratio has no interval: %v", err)), nil
	}
	c := verdict.Check{Name: name, Of: "requests"}
	for _, s := range strata {
		for _, g := range []*evidence.Group{s.small[0], s.small[s.last()], s.large[0], s.large[s.last()]} {
			c.N += len(g.Observations())
		}
	}
	first := strata[0]
	fewest, most := first.small[0], first.small[first.last()]
	c = a.Above(c, b, need)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("from %d to %d live sessions p99 TTFT grows %.2f [%.2f, %.2f] times as much with %s of host tier as with %s, "+
		"strata: %d (%s interval over %d blocks, need above %.2f)",
		fewest.Users(), most.Users(), *c.Value, lo, hi, fewest.Cell.Level("tier1"), first.large[0].Cell.Level("tier1"), len(strata), percent(a), b.N(), need)
	return c, effectOf(fmt.Sprintf("p99 TTFT at %d over %d live sessions, %s over %s", most.Users(), fewest.Users(), fewest.Cell.Level("tier1"),
		first.large[0].Cell.Level("tier1")), "", b, c.N, c.Of)
}

// byStratum lists the ratio of each stratum, and what the larger tier still fetched.
func byStratum(ev *evidence.Evidence, strata []stratum) []verdict.Finding {
	var out []verdict.Finding
	for _, s := range strata {
		f := verdict.Finding{Name: "p99 ratio, " + s.name()}
		b, err := ev.Blocks(stats.Log, func(rep int) (float64, error) { return s.excess(p99Reading, 0, s.last(), rep) })
		if err != nil {
			f.Detail = err.Error()
			out = append(out, f)
			continue
		}
		f.Estimate = b.Estimate(evidence.OneSided)
		f.Detail = fmt.Sprintf("p99 TTFT at %d over %d live sessions, %s over %s of host tier, %d blocks", s.small[s.last()].Users(), s.small[0].Users(),
			s.small[0].Cell.Level("tier1"), s.large[0].Cell.Level("tier1"), b.N())
		if kv := ev.KV(s.large[s.last()]); kv != nil && kv.Tier2Share != nil {
			f.Detail += fmt.Sprintf("; of the lookups with the most sessions the larger tier left %.1f %% to tier 2", *kv.Tier2Share*100)
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
		for _, arm := range [][]*evidence.Group{s.small, s.large} {
			if len(arm) == 0 {
				continue
			}
			name := s.name() + ", " + arm[0].Cell.Level("tier1")
			a, b, r := verdict.NewSeries(name), verdict.NewSeries(name), verdict.NewSeries(name)
			for _, g := range arm {
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
	}
	return verdict.Figure{Name: "tail_and_working_set", Title: "H5: tail TTFT and NVMe reads against the KV working set", Panels: []verdict.Panel{p99, p95, reads}}
}
