package hypotheses

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H2B: on Stack B the RAM tiers overflow into NVMe and a storage knee appears.
//
// Mechanism: every user has a private prefix, so the working set is users x context. Past the host
// tier's size prefixes are fetched from NVMe, and the fetch, the wait for the loader included, becomes
// the larger part of TTFT.
//
// Falsifier: no context level at which tier-2 fetches are half of TTFT p95 while they serve a fifth of
// the prefix lookups; or a knee that is there from the first level, or on Stack A too, or at
// which tier 2 serves hardly more lookups than below it.
//
// The storage knee is the first level where tier-2 fetch p95 >= 50 % of TTFT p95 and tier-2 hits >= 20 %
// of the whole prompt blocks looked up. One block of the whole sweep finds it; other blocks then confirm, at that level and at
// the one below, on both stacks, because what was looked for among many levels is not confirmed by the data that it was found in.
var h2b = harness.Hypothesis{
	ID:        "H2B",
	Claim:     "With growing context the RAM tiers overflow into NVMe and a storage knee appears",
	Mechanism: "the working set is users x context; beyond the host tier, prefixes come from NVMe and the fetch dominates TTFT",
	Falsifier: "no level where tier-2 fetches are half of TTFT p95 at a fifth of the lookups, a knee at the first level or without an overflow, or reads on Stack A",
	Config:    "h2b.yaml",
	Tier2:     gate.Tier2OnDevice,
	Requires:  append([]string{"fetch_share", "tier2_hit_share"}, trafficThresholds...),
	OneLevel:  []string{"conc"},
	Validate:  validH2B,
	Refine:    refineH2B,
	Deciding:  []string{"storage_knee", "not_at_first_level", "rises_at_knee", "stack_a_has_none"},
	Foresees:  foreseenH2B,
	Decide:    decideH2B,
}

func TestH2B(t *testing.T) { harness.Run(t, h2b) }

// validH2B asks for a block that screens: the knee is looked for in it, and confirmed on others.
func validH2B(ev *evidence.Evidence) error {
	if !ev.Exp.Hypothesis.Run.Screening {
		return errors.New("run.screening: must be true: the knee is looked for in one block and confirmed on others")
	}
	return nil
}

// refineH2B names what the deciding blocks measure, from the block that screened: the first level of B that meets the
// definition by its estimates, and the one below it, on both stacks. Without one it is the last level that has to show that
// there is none, and where the first level meets it, that one.
func refineH2B(ev *evidence.Evidence) []record.Cell {
	_, b := byStackAB(ev)
	if len(b) == 0 {
		return nil
	}
	at := len(b) - 1
	for i, g := range b {
		if fetch, hits, err := kneeScores(ev, g, g.Cells[0].Rep); err == nil && fetch >= ev.Threshold("fetch_share") && hits >= ev.Threshold("tier2_hit_share") {
			at = i
			break
		}
	}
	return confirming(ev, b, at)
}

// foreseenH2B is the second stage with the knee at the last level, and without any.
func foreseenH2B(ev *evidence.Evidence) []record.Cell {
	_, b := byStackAB(ev)
	if len(b) == 0 {
		return nil
	}
	return confirming(ev, b, len(b)-1)
}

// confirming are the cells, on both stacks, of a level of b and of the one below it.
func confirming(ev *evidence.Evidence, b []*evidence.Group, at int) []record.Cell {
	var out []record.Cell
	for _, g := range ev.Groups() {
		if ctx := g.Cells[0].ContextTokens; ctx == b[at].Cells[0].ContextTokens || at > 0 && ctx == b[at-1].Cells[0].ContextTokens {
			out = append(out, g.Cell)
		}
	}
	return out
}

// byStackAB are the groups of each stack, by context.
func byStackAB(ev *evidence.Evidence) (a, b []*evidence.Group) {
	for _, g := range ev.Groups() {
		if g.Stack() == "A" {
			a = append(a, g)
		} else {
			b = append(b, g)
		}
	}
	return a, b
}

// kneeScores are the two figures of the definition in a block: tier-2 fetch p95 over TTFT p95, 0 where nothing was fetched, and
// the share of the prefix lookups that tier 2 served.
func kneeScores(ev *evidence.Evidence, g *evidence.Group, rep int) (fetch, hits float64, err error) {
	c, err := g.In(rep)
	if err != nil {
		return 0, 0, err
	}
	kv := ev.KV(single(c))
	if kv == nil || !kv.HasFetch || kv.Tier2Share == nil {
		return 0, 0, errors.New("the server exposes no tier-2 fetch latency or no hits, so a storage knee cannot be seen")
	}
	ttft, err := percentileIn(g, rep, 0.95, (*evidence.Cell).TTFT)
	if err != nil {
		return 0, 0, err
	}
	if len(c.KV.Fetches) == 0 {
		return 0, *kv.Tier2Share, nil
	}
	longest, err := percentileIn(g, rep, 0.95, func(c *evidence.Cell) stats.Rep { return c.KV.Fetches })
	return longest / ttft, *kv.Tier2Share, err
}

func decideH2B(ev *evidence.Evidence) verdict.Conclusion {
	a, b := byStackAB(ev)
	var out verdict.Conclusion
	finding := verdict.Finding{Name: "storage knee (B)", Unit: "tokens", Detail: "no level meets both conditions"}
	var marks []verdict.Mark
	if len(b) == 0 {
		out.Checks = append(out.Checks, verdict.Open("storage_knee", "Stack B was not measured"))
	} else {
		at := b[len(b)-1]
		knee, effect := storageKnee(ev, at)
		out.Checks, out.Effect = append(out.Checks, knee, notAtFirst(ev, b, knee)), effect
		if len(b) > 1 {
			out.Checks = append(out.Checks, risesAtKnee(ev, b[len(b)-2], at))
		}
		if knee.State == verdict.Holds {
			x := float64(at.Cells[0].ContextTokens)
			finding.Estimate, finding.Detail = stats.Alone(x), "first context at which tier-2 fetches are half of TTFT p95 and serve a fifth of the lookups, found in one block and confirmed on others"
			marks = []verdict.Mark{{X: x, Label: "storage knee"}}
		}
	}
	control := trafficAsIdle(ev, a)
	control.Name, control.Detail = "stack_a_has_none", "Stack A at the same levels: "+control.Detail
	out.Checks = append(append(out.Checks, control), queueBound(ev, append(slices.Clone(a), b...))...)
	out.Findings = []verdict.Finding{finding}
	out.Figures = []verdict.Figure{h2bFigure(ev, a, b, marks)}
	return out
}

// kneeChecks are the two conditions of the definition at a level: that it meets them, and that it does not.
func kneeChecks(ev *evidence.Evidence, g *evidence.Group) (met, missed []verdict.Check, fetch stats.Blocks, err error) {
	a, needFetch, needHits := verdict.AlphaOf(ev), ev.Threshold("fetch_share"), ev.Threshold("tier2_hit_share")
	of := func(i int) func(int) (float64, error) {
		return func(rep int) (float64, error) {
			fetch, hits, err := kneeScores(ev, g, rep)
			return []float64{fetch, hits}[i], err
		}
	}
	fetch, err = ev.Blocks(stats.Linear, of(0))
	if err != nil {
		return nil, nil, fetch, err
	}
	hits, err := ev.Blocks(stats.Linear, of(1))
	if err != nil {
		return nil, nil, fetch, err
	}
	n := len(ev.KV(g).FetchMS)
	long, served := verdict.Check{N: n, Of: "fetches"}, verdict.Check{N: len(g.Observations()), Of: "requests"}
	flo, fhi := fetch.Interval(float64(a))
	hlo, hhi := hits.Interval(float64(a))
	detail := fmt.Sprintf("at ctx %d tier-2 fetch p95 is %.2f [%.2f, %.2f] of TTFT p95 (need %.2f), n %d fetches, with %.0f %% [%.0f, %.0f] of the lookups served by tier 2 (need %.0f %%; %s intervals over %d blocks)",
		g.Cells[0].ContextTokens, fetch.Mean(), flo, fhi, needFetch, n, hits.Mean()*100, hlo*100, hhi*100, needHits*100, percent(a), fetch.N())
	long.Detail, served.Detail = detail, detail
	met = []verdict.Check{a.Above(long, fetch, needFetch), a.Above(served, hits, needHits)}
	missed = []verdict.Check{a.Below(long, fetch, needFetch), a.Below(served, hits, needHits)}
	return met, missed, fetch, nil
}

// storageKnee confirms that a level meets both conditions of the definition.
func storageKnee(ev *evidence.Evidence, g *evidence.Group) (verdict.Check, *verdict.Effect) {
	const name = "storage_knee"
	met, _, fetch, err := kneeChecks(ev, g)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("%s: %v", g.Cell, err)), nil
	}
	c := verdict.AlphaOf(ev).All(name, met, "")
	return c, effectOf(fmt.Sprintf("tier-2 fetch p95 / TTFT p95 at ctx %d", g.Cells[0].ContextTokens), "", fetch, met[0].N, met[0].Of)
}

// notAtFirst confirms that the level below the knee misses one of the conditions at least: there is a level below which nothing
// of the tail is storage. A knee at the first level of the sweep has none.
func notAtFirst(ev *evidence.Evidence, b []*evidence.Group, knee verdict.Check) verdict.Check {
	const name = "not_at_first_level"
	if len(b) < 2 {
		c := knee
		c.Name, c.P, c.PAgainst = name, knee.PAgainst, knee.P
		switch knee.State {
		case verdict.Holds:
			c.State, c.Detail = verdict.Contradicted, "the first level of the sweep is beyond the knee: "+knee.Detail
		case verdict.Contradicted:
			c.State = verdict.Holds
		}
		return c
	}
	below := b[len(b)-2]
	_, missed, _, err := kneeChecks(ev, below)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("%s: %v", below.Cell, err))
	}
	c := verdict.AlphaOf(ev).Any(name, missed, "")
	c.Detail = "the level below misses a condition: " + c.Detail
	return c
}

// risesAtKnee compares the knee with the level below it: bytes that KVBM read from tier 2, and reads that the block device
// completed, are both higher, and tier 2 serves so much larger a share of the lookups as the definition asks of a knee. Where it
// serves nearly all of them below the knee, too, the RAM tiers have overflowed before, and something else has grown less than the
// fetch. Where tier 2 is not read at all nothing rises.
func risesAtKnee(ev *evidence.Evidence, below, knee *evidence.Group) verdict.Check {
	const name = "rises_at_knee"
	a := verdict.AlphaOf(ev)
	rise := func(of func(*evidence.Cell) *float64, what string) (stats.Blocks, error) {
		return ev.Blocks(stats.Linear, func(rep int) (float64, error) {
			x, err := knee.In(rep)
			if err != nil {
				return 0, err
			}
			y, err := below.In(rep)
			if err != nil {
				return 0, err
			}
			at, under := of(x), of(y)
			if at == nil || under == nil {
				return 0, fmt.Errorf("%s: %s", what, x.Key)
			}
			return *at - *under, nil
		})
	}
	bytes, err := rise(func(c *evidence.Cell) *float64 {
		if c.KV == nil || c.Seconds() <= 0 {
			return nil
		}
		return record.Over(c.KV.Tier2BytesOut, c.Seconds())
	}, "KVBM gives no count of bytes read from tier 2")
	if err != nil {
		return verdict.Open(name, err.Error())
	}
	reads, err := rise(func(c *evidence.Cell) *float64 { return c.Sys.Measure.ReadsPerSec() }, "no readings of the drive")
	if err != nil {
		return verdict.Open(name, err.Error())
	}
	shares, err := rise(func(c *evidence.Cell) *float64 {
		if kv := ev.KV(single(c)); kv != nil {
			return kv.Tier2Share
		}
		return nil
	}, "KVBM gives no hits of tier 2")
	if err != nil {
		return verdict.Open(name, err.Error())
	}
	need := ev.Threshold("tier2_hit_share")
	slo, shi := shares.Interval(float64(a))
	blo, bhi := bytes.Interval(float64(a))
	rlo, rhi := reads.Interval(float64(a))
	c := verdict.Check{N: len(knee.Cells), Of: "blocks", Detail: fmt.Sprintf("from ctx %d to %d tier-2 reads rise by %.0f MB/s [%.0f, %.0f] and NVMe reads by %.0f/s [%.0f, %.0f] (both need above 0), and lookups that tier 2 serves by %.0f points [%.0f, %.0f] (need above %.0f; %s intervals over %d blocks)",
		below.Cells[0].ContextTokens, knee.Cells[0].ContextTokens, bytes.Mean()/1e6, blo/1e6, bhi/1e6, reads.Mean(), rlo, rhi,
		shares.Mean()*100, slo*100, shi*100, need*100, percent(a), bytes.N())}
	if !slices.ContainsFunc(knee.Cells, func(c *evidence.Cell) bool { return *c.KV.Tier2BytesOut > 0 }) {
		// What is not there at all is contradicted without a test: differences of nothing have no scatter to be tested by.
		c.Name, c.State, c.Unit, c.Estimate = name, verdict.Contradicted, "bytes/s", stats.Alone(0)
		c.Detail = fmt.Sprintf("at ctx %d nothing is read from tier 2 in any block: %s", knee.Cells[0].ContextTokens, c.Detail)
		return c
	}
	of := func(unit string) verdict.Check { c := c; c.Unit = unit; return c }
	return a.All(name, []verdict.Check{a.Above(of("bytes/s"), bytes, 0), a.Above(of("reads/s"), reads, 0),
		a.Above(of("of the lookups"), shares, need)}, "")
}

// queueBound names the levels at which the GPU has no time left: there a request waits for others, not
// for storage.
func queueBound(ev *evidence.Evidence, groups []*evidence.Group) []verdict.Check {
	const busy = 90 // percent
	var out []verdict.Check
	for _, g := range groups {
		row := ev.Row(g)
		if row.GPUBusyPct == nil || row.QueueDepth == nil || *row.GPUBusyPct < busy {
			continue
		}
		out = append(out, verdict.Check{Name: "queue_bound", State: verdict.Noted, Detail: fmt.Sprintf(
			"%s is queue-bound: the GPU was busy for %.0f %% of the time and on average %.1f requests were before their first token", g.Cell, *row.GPUBusyPct, *row.QueueDepth)})
	}
	return out
}

func h2bFigure(ev *evidence.Evidence, a, b []*evidence.Group, marks []verdict.Mark) verdict.Figure {
	latency := verdict.Panel{XLabel: "context, tokens", YLabel: "TTFT p99, ms", LogX: true, LogY: true, Marks: marks}
	for _, arm := range []struct {
		name   string
		groups []*evidence.Group
	}{{"A: unified memory only", a}, {"B: device + host + NVMe", b}} {
		s := verdict.NewSeries(arm.name)
		for _, g := range arm.groups {
			row := ev.Row(g)
			s.Percentile(float64(row.ContextTokens), row.TTFT.P99)
		}
		latency.Series = append(latency.Series, *s)
	}
	hits := verdict.Panel{XLabel: "context, tokens", YLabel: "share of prefix lookups", LogX: true, Marks: marks, Levels: []verdict.Level{
		{Y: ev.Threshold("fetch_share"), Label: "needed of fetch / TTFT"},
		{Y: ev.Threshold("tier2_hit_share"), Label: "needed of tier 2"}}}
	t1, t2 := verdict.NewSeries("tier 1, host"), verdict.NewSeries("tier 2, NVMe")
	fetch := verdict.NewSeries("tier-2 fetch p95 / TTFT p95")
	for _, g := range b {
		row := ev.Row(g)
		x := float64(row.ContextTokens)
		t1.Value(x, row.Tier1Hit)
		t2.Value(x, row.Tier2Hit)
		if row.FetchP95MS != nil && row.TTFT.P95 != nil {
			v := *row.FetchP95MS / *row.TTFT.P95.Value
			fetch.Value(x, &v)
		}
	}
	hits.Series = []verdict.Series{*t1, *t2, *fetch}
	return verdict.Figure{Name: "p99_and_tiers", Title: "H2B: p99 TTFT against context, and where prefixes came from", Panels: []verdict.Panel{latency, hits}}
}
