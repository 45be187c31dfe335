package hypotheses

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
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
// the prefix lookups; or a knee that is there from the first level, or on Stack A too.
//
// The storage knee is the first level where tier-2 fetch p95 >= 50 % of TTFT p95 and tier-2 hits >= 20 %
// of the whole prompt blocks looked up.
var h2b = harness.Hypothesis{
	ID:        "H2B",
	Claim:     "With growing context the RAM tiers overflow into NVMe and a storage knee appears",
	Mechanism: "the working set is users x context; beyond the host tier, prefixes come from NVMe and the fetch dominates TTFT",
	Falsifier: "no level where tier-2 fetches are half of TTFT p95 at a fifth of the lookups, a knee at the first level, or reads on Stack A",
	Config:    "h2b.yaml",
	Requires:  []string{"fetch_share", "tier2_hit_share", "rise_alpha", "idle_margin_share", "idle_margin_rps"},
	OneLevel:  []string{"conc"},
	Decide:    decideH2B,
}

func TestH2B(t *testing.T) { harness.Run(t, h2b) }

func decideH2B(ev *evidence.Evidence) verdict.Conclusion {
	var a, b []*evidence.Group
	for _, g := range ev.Groups() {
		if g.Stack() == "A" {
			a = append(a, g)
		} else {
			b = append(b, g)
		}
	}
	knee, checks, effect := storageKnee(ev, b)
	if knee != nil {
		checks = append(checks, risesAtKnee(ev, b, knee))
	}
	control := idleReads(ev, a, ev.Threshold("idle_margin_share"), ev.Threshold("idle_margin_rps"))
	control.Name, control.Detail = "stack_a_has_none", "Stack A at the same levels: "+control.Detail
	checks = append(checks, control)
	checks = append(checks, queueBound(ev, append(slices.Clone(a), b...))...)

	finding := verdict.Finding{Name: "storage knee (B)", Unit: "tokens", Detail: "no level meets both conditions"}
	var marks []verdict.Mark
	if knee != nil {
		x := float64(knee.Cells[0].ContextTokens)
		finding.Value, finding.Detail = &x, "first context at which tier-2 fetches are half of TTFT p95 and serve a fifth of the lookups"
		marks = []verdict.Mark{{X: x, Label: "storage knee"}}
	}
	return verdict.Conclusion{
		Checks: checks, Effect: effect,
		Findings: []verdict.Finding{finding},
		Figures:  []verdict.Figure{h2bFigure(ev, a, b, marks)},
	}
}

// storageKnee finds the first level that meets the definition.
func storageKnee(ev *evidence.Evidence, groups []*evidence.Group) (*evidence.Group, []verdict.Check, *verdict.Effect) {
	needFetch, needHits := ev.Threshold("fetch_share"), ev.Threshold("tier2_hit_share")
	knee := verdict.Check{Name: "storage_knee", Unit: ""}
	first := verdict.Check{Name: "not_at_first_level"}
	largest := 0.0
	for i, g := range groups {
		kv := ev.KV(g)
		if kv == nil || !kv.HasFetch || kv.Tier2Share == nil {
			knee.State = verdict.Undecided
			knee.Detail = "the server exposes no tier-2 fetch latency, so a storage knee cannot be seen"
			return nil, []verdict.Check{knee}, nil
		}
		largest = max(largest, *kv.Tier2Share)
		if *kv.Tier2Share < needHits {
			continue
		}
		share, err := ev.Bootstrap().Ratio(ev.FetchReps(g), g.TTFT(), 0.95, true)
		if err != nil || share.Value < needFetch {
			continue
		}
		lo, hi := share.Interval(0.95)
		n := len(kv.FetchMS)
		knee.State = verdict.Above(lo, hi, needFetch)
		knee.Estimate, knee.N, knee.Of, knee.Bounds = stats.Between(share.Value, lo, hi), n, "fetches", []float64{needFetch}
		knee.Detail = fmt.Sprintf("at ctx %d tier-2 fetch p95 is %.2f [%.2f, %.2f] of TTFT p95 (need %.2f), n %d fetches, with %.0f %% of the lookups served by tier 2 (need %.0f %%)",
			g.Cells[0].ContextTokens, share.Value, lo, hi, needFetch, n, *kv.Tier2Share*100, needHits*100)
		first.State = verdict.Decide(i > 0)
		first.Detail = fmt.Sprintf("the knee is at level %d of %d", i+1, len(groups))
		return g, []verdict.Check{knee, first}, &verdict.Effect{Name: fmt.Sprintf("tier-2 fetch p95 / TTFT p95 at ctx %d", g.Cells[0].ContextTokens),
			Estimate: stats.Between(share.Value, lo, hi), Unit: "", Confidence: 0.95, N: n, Of: knee.Of}
	}
	knee.State = verdict.Contradicted
	knee.Detail = fmt.Sprintf("no context has a storage knee; tier 2 served at most %.1f %% of the lookups (need %.0f %%)", largest*100, needHits*100)
	return nil, []verdict.Check{knee}, nil
}

// risesAtKnee compares the knee with the level below it: bytes that KVBM read from tier 2, and reads that
// the block device completed, must both be higher, each by an interval above 0 (Bonferroni over the two).
// A trend test over all levels would have no power here: below the knee there is nothing that could rise.
func risesAtKnee(ev *evidence.Evidence, groups []*evidence.Group, knee *evidence.Group) verdict.Check {
	c := verdict.Check{Name: "rises_at_knee", Unit: "reads/s"}
	i := slices.Index(groups, knee)
	if i < 1 {
		c.State, c.Detail = verdict.Undecided, "no level below a knee to compare with"
		return c
	}
	below := groups[i-1]
	at, ok1 := knee.Tier2ReadReps()
	under, ok2 := below.Tier2ReadReps()
	if !ok1 || !ok2 {
		c.State, c.Detail = verdict.Undecided, "KVBM gives no count of blocks read from tier 2"
		return c
	}
	bytes, err1 := ev.Bootstrap().MeanDifference(at, under)
	reads, err2 := ev.Bootstrap().MeanDifference(knee.ReadReps(), below.ReadReps())
	if err := errors.Join(err1, err2); err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("the rise has no interval: %v", err)
		return c
	}
	level := 1 - ev.Threshold("rise_alpha")/2
	blo, bhi := bytes.Interval(level)
	rlo, rhi := reads.Interval(level)
	c.Estimate, c.N, c.Of, c.Bounds = stats.Between(reads.Value, rlo, rhi), len(knee.Cells), "repetitions", []float64{0}
	c.Detail = fmt.Sprintf("from ctx %d to %d tier-2 reads rise by %.0f MB/s [%.0f, %.0f] and NVMe reads by %.0f/s [%.0f, %.0f]",
		below.Cells[0].ContextTokens, knee.Cells[0].ContextTokens, bytes.Value/1e6, blo/1e6, bhi/1e6, reads.Value, rlo, rhi)
	switch {
	case blo > 0 && rlo > 0:
		c.State = verdict.Holds
	case bhi <= 0 || rhi <= 0:
		c.State = verdict.Contradicted
	default:
		c.State = verdict.Undecided
	}
	return c
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
