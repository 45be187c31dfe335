package hypotheses

import (
	"fmt"
	"slices"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H6: larger RAM tiers or a smarter eviction policy move the storage knee of Stack B.
//
// Mechanism: the host tier decides how much of what the users carry has to come from NVMe. A larger one
// holds more of it, so the knee comes at a longer context; a policy that keeps what is asked for most
// spares more of the fetches in the same memory, where users do not all ask alike.
//
// Falsifier: a knee that stays where it is as the tier grows, or policies that send the same share of the
// lookups to NVMe although some users ask far more often than others.
var h6 = harness.Hypothesis{
	ID:        "H6",
	Claim:     "Larger RAM tiers move the storage knee to longer contexts, and a smarter eviction policy spares NVMe fetches",
	Mechanism: "the host tier holds the most of what users carry; its size decides where the overflow begins, its policy what overflows",
	Falsifier: "a knee that does not move with the tier's capacity, or policies that do not differ on skewed reuse",
	Config:    "h6.yaml",
	Requires:  []string{"fetch_share", "tier2_hit_share", "policy_margin"},
	OneLevel:  []string{"conc"},
	Decide:    decideH6,
}

func TestH6(t *testing.T) { harness.Run(t, h6) }

// basePolicy is what the others are compared with: it looks at nothing but the order of arrival.
const basePolicy = "FIFO"

// tierArm is one sweep over context: a capacity and a policy of the host tier.
type tierArm struct {
	policy   string
	capacity int64             // bytes
	size     string            // the capacity as it stands in a cell's key, such as 8GiB
	groups   []*evidence.Group // by context
	knee     stats.Knee
	err      error
}

func decideH6(ev *evidence.Evidence) verdict.Conclusion {
	arms := tierArms(ev)
	moves, effect := kneeMoves(ev, arms)
	return verdict.Conclusion{
		Checks:   []verdict.Check{moves, monotone(arms), policiesDiffer(ev, arms)},
		Effect:   effect,
		Findings: inThePool(ev, arms),
		Figures:  []verdict.Figure{h6Figure(ev, arms)},
		Sizing:   sizing(ev, arms),
	}
}

func tierArms(ev *evidence.Evidence) []*tierArm {
	var out []*tierArm
	for _, g := range ev.Groups() {
		c := g.Cells[0]
		i := slices.IndexFunc(out, func(a *tierArm) bool { return a.policy == c.Policy && a.capacity == c.Tier1Bytes })
		if i < 0 {
			out = append(out, &tierArm{policy: c.Policy, capacity: c.Tier1Bytes, size: c.Cell.Level("tier1")})
			i = len(out) - 1
		}
		out[i].groups = append(out[i].groups, g)
	}
	rule := evidence.StorageRule{FetchShare: ev.Threshold("fetch_share"), HitShare: ev.Threshold("tier2_hit_share")}
	for _, a := range out {
		a.knee, a.err = ev.StorageKnee(a.groups, rule)
	}
	return out
}

// byPolicy returns the arms of each policy by growing capacity, in the order of the configuration.
func byPolicy(ev *evidence.Evidence, arms []*tierArm) [][]*tierArm {
	var out [][]*tierArm
	for _, p := range ev.Exp.Hypothesis.Sweep.Policy {
		var of []*tierArm
		for _, a := range arms {
			if a.policy == p {
				of = append(of, a)
			}
		}
		slices.SortFunc(of, func(a, b *tierArm) int { return int((a.capacity - b.capacity) >> 20) })
		if len(of) > 0 {
			out = append(out, of)
		}
	}
	return out
}

// kneeMoves tests, for each policy, that the knee at the largest capacity comes at a longer context than
// at the smallest: the interval of the shift, in doublings of the context, lies above 0 (Bonferroni over
// the policies). A knee beyond the sweep counts as being at its last level, so the lower end is valid.
func kneeMoves(ev *evidence.Evidence, arms []*tierArm) (verdict.Check, *verdict.Effect) {
	c := verdict.Check{Name: "knee_moves", State: verdict.Holds, Unit: "doublings"}
	policies := byPolicy(ev, arms)
	level := 1 - 0.05/float64(max(1, len(policies)))
	var effect *verdict.Effect
	for _, of := range policies {
		first, last := of[0], of[len(of)-1]
		for _, a := range of {
			if a.err != nil {
				c.State, c.Detail = verdict.Undecided, fmt.Sprintf("%s at %s has no knee to speak of: %v", a.policy, a.size, a.err)
				return c, nil
			}
		}
		d, err := ev.Bootstrap().Shift(first.knee, last.knee)
		if err != nil || len(of) < 2 {
			c.State, c.Detail = verdict.Undecided, fmt.Sprintf("%s: the knee's shift cannot be had from %d capacities: %v", of[0].policy, len(of), err)
			return c, nil
		}
		lo, hi := d.Interval(level)
		state := verdict.Above(lo, hi, 0)
		if state == verdict.Contradicted || state == verdict.Undecided && c.State == verdict.Holds {
			c.State = state
		}
		n := cellsOf(first.groups) + cellsOf(last.groups)
		if c.Value == nil || d.Value < *c.Value {
			v := d.Value
			c.Estimate, c.Bounds = stats.Between(v, lo, hi), []float64{0}
			c.Detail = fmt.Sprintf("smallest for %s: from %s to %s of host tier the knee moves from %s to %s tokens, by %.2f doublings of the context, interval from %.2f (%.2f %%, must be above 0)",
				of[0].policy, first.size, last.size, kneeText(first), kneeText(last), v, lo, level*100)
		}
		c.N, c.Of = c.N+n, "cells"
		if effect == nil || of[0].policy == "LRU" {
			l, h := d.Interval(0.95)
			effect = &verdict.Effect{Name: fmt.Sprintf("storage knee's shift, %s to %s, %s", first.size, last.size, of[0].policy),
				Estimate: stats.Between(d.Value, l, h), Unit: "doublings", Confidence: 0.95, N: n, Of: "cells"}
		}
	}
	if len(policies) == 0 {
		c.State, c.Detail = verdict.Undecided, "nothing was measured"
	}
	return c, effect
}

// monotone says that no step in capacity moves the knee to a shorter context.
func monotone(arms []*tierArm) verdict.Check {
	c := verdict.Check{Name: "monotone", State: verdict.Holds, Detail: "no step in capacity moves a knee to a shorter context"}
	for _, a := range arms {
		for _, b := range arms {
			if a.policy != b.policy || a.capacity >= b.capacity || a.err != nil || b.err != nil {
				continue
			}
			c.N, c.Of = c.N+1, "pairs of knees"
			// Noise may swap two knees that are close: only intervals that do not touch contradict.
			_, hi := b.knee.Interval(0.95)
			lo, _ := a.knee.Interval(0.95)
			if hi != nil && lo != nil && *hi < *lo {
				c.State = verdict.Contradicted
				c.Detail = fmt.Sprintf("%s: the knee at %s (%s tokens) lies below that at %s (%s tokens)", a.policy,
					b.size, kneeText(b), a.size, kneeText(a))
			}
		}
	}
	if c.N == 0 {
		c.State, c.Detail = verdict.Undecided, "no two capacities to compare"
	}
	return c
}

// policiesDiffer compares each policy with FIFO by the share of lookups that tier 2 served, over all cells
// whose prefixes cannot all fit the host tier (users x context against its capacity): elsewhere nothing is
// evicted. The arms share their load, so repetitions are paired.
func policiesDiffer(ev *evidence.Evidence, arms []*tierArm) verdict.Check {
	margin := ev.Threshold("policy_margin")
	c := verdict.Check{Name: "policies_differ", State: verdict.Contradicted, Unit: "share of lookups"}
	of := map[string][]*evidence.Group{}
	for _, a := range arms {
		for _, g := range a.groups {
			if overflows(g) {
				of[a.policy] = append(of[a.policy], g)
			}
		}
	}
	base, err := ev.Tier2Share(of[basePolicy])
	if err != nil || len(of[basePolicy]) == 0 {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("no cells of %s to compare with: %v", basePolicy, err)
		return c
	}
	compared := 0
	for _, p := range ev.Exp.Hypothesis.Sweep.Policy {
		if p != basePolicy {
			compared++
		}
	}
	level := 1 - 0.05/float64(max(1, compared))
	for _, p := range ev.Exp.Hypothesis.Sweep.Policy {
		if p == basePolicy {
			continue
		}
		share, err := ev.Tier2Share(of[p])
		if err != nil {
			c.State, c.Detail = verdict.Undecided, fmt.Sprintf("%s: %v", p, err)
			return c
		}
		d, err := ev.Bootstrap().ShareDifference(share, base, true)
		if err != nil {
			c.State, c.Detail = verdict.Undecided, fmt.Sprintf("%s against %s has no interval: %v", p, basePolicy, err)
			return c
		}
		lo, hi := d.Interval(level)
		switch {
		case lo > margin || hi < -margin:
			c.State = verdict.Holds
		case (lo < -margin || hi > margin) && c.State == verdict.Contradicted:
			c.State = verdict.Undecided
		}
		if c.Value == nil || max(d.Value, -d.Value) > max(*c.Value, -*c.Value) {
			v := d.Value
			c.Estimate = stats.Between(v, lo, hi)
		}
		if c.Detail != "" {
			c.Detail += "; "
		}
		c.Detail += fmt.Sprintf("%s against %s %+.3f [%+.3f, %+.3f]", p, basePolicy, d.Value, lo, hi)
		c.N, c.Of = c.N+cellsOf(of[p]), "cells"
	}
	c.Detail = fmt.Sprintf("share of lookups served by tier 2 in the %d cells that overflow: %s; one must be beyond %.2f (%.1f %% intervals)", len(of[basePolicy]), c.Detail, margin, level*100)
	return c
}

// overflows reports whether the private prefixes of all users are more than the host tier holds.
func overflows(g *evidence.Group) bool {
	c := g.Cells[0]
	s := c.Info.Settings
	return float64(c.Users)*float64(c.ContextTokens)*s.KVBlockBytes/s.WantBlockTokens > float64(c.Tier1Bytes)
}

// inThePool says what the bytes of the largest host tier would keep if they were the device pool's. Tier 0 is no factor of
// this hypothesis, but on unified memory both are the same memory, and whoever sizes one should know.
func inThePool(ev *evidence.Evidence, arms []*tierArm) []verdict.Finding {
	st := ev.Exp.Stacks["B"]
	if len(arms) == 0 || st == nil {
		return nil
	}
	const gib = 1 << 30
	pool, tier := float64(st.KVPool()), 0.0
	for _, a := range arms {
		tier = max(tier, float64(a.capacity))
	}
	kept, why := max(pool, tier), "the host tier holds copies of what the pool holds, too"
	if st.Dynamo != nil && st.Dynamo.ExclusiveTiers {
		kept, why = pool+tier, "no block is in both"
	}
	return []verdict.Finding{{Name: "the same bytes in the device pool", Estimate: stats.Alone((pool + tier) / kept),
		Detail: fmt.Sprintf("times as much different KV, by arithmetic: a pool of %.3g GiB above a host tier of %.3g GiB keeps %.3g GiB (%s); "+
			"on unified memory a pool of %.3g GiB takes the same, and its hits are not copied", pool/gib, tier/gib, kept/gib, why, (pool+tier)/gib)}}
}

// cellsOf counts the cells of groups.
func cellsOf(groups []*evidence.Group) int {
	n := 0
	for _, g := range groups {
		n += len(g.Cells)
	}
	return n
}

func kneeText(a *tierArm) string {
	levels := a.groups
	switch {
	case a.knee.Value != nil:
		return fmt.Sprintf("%.0f", *a.knee.Value)
	case belowFirst(a):
		return fmt.Sprintf("at most %d", levels[0].Cells[0].ContextTokens)
	}
	return fmt.Sprintf("more than %d", levels[len(levels)-1].Cells[0].ContextTokens)
}

// belowFirst reports whether the rule is met at the first level already.
func belowFirst(a *tierArm) bool {
	return a.knee.Value == nil && len(a.knee.Scores) > 0 && a.knee.Scores[0].Value >= 1
}

// sizing is the answer that a user of the tiers looks for: where the knee is for a capacity and a policy.
func sizing(ev *evidence.Evidence, arms []*tierArm) *verdict.Sizing {
	out := &verdict.Sizing{Question: "up to which context do the RAM tiers keep NVMe out of the tail, with these users", Axis: "host tier capacity"}
	for _, of := range byPolicy(ev, arms) {
		for _, a := range of {
			row := verdict.SizingRow{Policy: a.policy, CapacityBytes: float64(a.capacity), BelowFirst: a.err == nil && belowFirst(a),
				SmallestTokens: a.groups[0].Cells[0].ContextTokens, LargestTokens: a.groups[len(a.groups)-1].Cells[0].ContextTokens}
			if a.err == nil {
				row.KneeTokens = a.knee.Value
				row.Lo, row.Hi = a.knee.Interval(0.95)
			}
			// Where the largest prefixes are carried, every arm overflows.
			g := a.groups[len(a.groups)-1]
			row.AtTokens = row.LargestTokens
			if kv := ev.KV(g); kv != nil {
				row.Tier2Hit = kv.Tier2Share
				row.Tier2HitLo, row.Tier2HitHi = hitBounds(ev, g)
			}
			for _, g := range a.groups {
				row.N += len(g.Observations())
			}
			out.Rows = append(out.Rows, row)
		}
	}
	return out
}

// hitBounds are Student's bounds, over repetitions, of the share of lookups that tier 2 served.
func hitBounds(ev *evidence.Evidence, g *evidence.Group) (lo, hi *float64) {
	var shares []float64
	for _, c := range g.Cells {
		if kv := ev.KV(single(c)); kv != nil && kv.Tier2Share != nil {
			shares = append(shares, *kv.Tier2Share)
		}
	}
	_, l, h, err := stats.MeanT(shares, 0.95)
	if err != nil {
		return nil, nil
	}
	l, h = max(0, l), min(1, h)
	return &l, &h
}

func h6Figure(ev *evidence.Evidence, arms []*tierArm) verdict.Figure {
	knees := verdict.Panel{XLabel: "host tier, GiB", YLabel: "storage knee, tokens of context", LogX: true, LogY: true}
	hits := verdict.Panel{XLabel: "host tier, GiB", YLabel: "share of lookups served by tier 2", LogX: true}
	for _, of := range byPolicy(ev, arms) {
		k, h := verdict.NewSeries(of[0].policy), verdict.NewSeries(of[0].policy)
		for _, a := range of {
			x := float64(a.capacity) / (1 << 30)
			if a.err == nil && a.knee.Value != nil {
				lo, hi := a.knee.Interval(0.95)
				k.Percentile(x, &evidence.Percentile{Estimate: stats.Estimate{Value: a.knee.Value, Lo: lo, Hi: hi}})
			}
			if kv := ev.KV(a.groups[len(a.groups)-1]); kv != nil {
				h.Value(x, kv.Tier2Share)
			}
		}
		knees.Series, hits.Series = append(knees.Series, *k), append(hits.Series, *h)
	}
	return verdict.Figure{Name: "knee_and_capacity", Title: "H6: the storage knee against the host tier, and what tier 2 serves at the longest context", Panels: []verdict.Panel{knees, hits}}
}
