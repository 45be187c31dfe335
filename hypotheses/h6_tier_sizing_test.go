package hypotheses

import (
	"fmt"
	"slices"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H6: larger RAM tiers or a smarter eviction policy move the storage knee of Stack B.
//
// Mechanism: the host tier decides how much of what the users carry has to come from NVMe. A larger one
// holds more of it, so the knee comes at a longer context; a policy that keeps what is asked for most
// spares more of the fetches in the same memory, where users do not all ask alike.
//
// Falsifier: a knee that stays where it is as the tier grows, or policies that send as much of the
// lookups to NVMe as FIFO does, or more, although some users ask far more often than others.
//
// Capacities are compared under one policy over all contexts; policies at one capacity and one context, where all overflow.
var h6 = harness.Hypothesis{
	ID:        "H6",
	Claim:     "Larger RAM tiers move the storage knee to longer contexts, and a smarter eviction policy spares NVMe fetches",
	Mechanism: "the host tier holds the most of what users carry; its size decides where the overflow begins, its policy what overflows",
	Falsifier: "a knee that does not move with the tier's capacity, or no policy that spares fetches against FIFO on skewed reuse",
	Config:    "h6.yaml",
	Tier2:     gate.Tier2OnDevice,
	Requires:  []string{"fetch_share", "tier2_hit_share", "policy_margin"},
	OneLevel:  []string{"conc"},
	Deciding:  []string{"knee_moves", "monotone", "policies_differ"},
	Decide:    decideH6,
}

func TestH6(t *testing.T) { harness.Run(t, h6) }

// tierArm is one sweep over context: a capacity and a policy of the host tier.
type tierArm struct {
	policy   string
	capacity int64             // bytes
	size     string            // the capacity as it stands in a cell's key, such as 8GiB
	groups   []*evidence.Group // by context
	knees    []blockKnee       // one a block
	err      error             // why there are none
}

// swept says that the arm has contexts between which a knee may lie.
func (a *tierArm) swept() bool { return len(a.groups) > 1 }

func decideH6(ev *evidence.Evidence) verdict.Conclusion {
	arms := tierArms(ev)
	moves, effect := kneeMoves(ev, arms)
	policies, findings := policiesDiffer(ev, arms)
	return verdict.Conclusion{
		Checks:   []verdict.Check{moves, monotone(ev, arms), policies},
		Effect:   effect,
		Findings: append(findings, inThePool(ev, arms)...),
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
	for _, a := range out {
		if a.swept() {
			a.knees, a.err = blockKnees(ev, a.groups)
		}
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

// capacities are the policies under which more than one capacity was swept over context.
func capacities(ev *evidence.Evidence, arms []*tierArm) [][]*tierArm {
	var out [][]*tierArm
	for _, of := range byPolicy(ev, arms) {
		of = slices.DeleteFunc(of, func(a *tierArm) bool { return !a.swept() })
		if len(of) > 1 {
			out = append(out, of)
		}
	}
	return out
}

const noCapacities = "no two capacities were swept over context under one policy"

// kneeMoves tests that the knee at the largest capacity comes at a longer context than at the smallest, one value a block, under
// every policy that was swept over both.
func kneeMoves(ev *evidence.Evidence, arms []*tierArm) (verdict.Check, *verdict.Effect) {
	const name = "knee_moves"
	a := verdict.AlphaOf(ev)
	var checks []verdict.Check
	var effect *verdict.Effect
	for _, of := range capacities(ev, arms) {
		first, last := of[0], of[len(of)-1]
		c, b, err := shiftOf(ev, first, last)
		if err != nil {
			return verdict.Open(name, err.Error()), nil
		}
		checks = append(checks, c)
		if effect == nil {
			effect = effectOf(fmt.Sprintf("storage knee's shift, %s to %s, %s", first.size, last.size, first.policy), "doublings", b, c.N, c.Of)
		}
	}
	return a.All(name, checks, noCapacities), effect
}

// monotone tests that every step in capacity moves the knee to a longer context.
func monotone(ev *evidence.Evidence, arms []*tierArm) verdict.Check {
	const name = "monotone"
	a := verdict.AlphaOf(ev)
	var checks []verdict.Check
	for _, of := range capacities(ev, arms) {
		for i := 1; i < len(of); i++ {
			c, _, err := shiftOf(ev, of[i-1], of[i])
			if err != nil {
				return verdict.Open(name, err.Error())
			}
			c.Detail = "least clear of all steps in capacity: " + c.Detail
			checks = append(checks, c)
		}
	}
	return a.All(name, checks, noCapacities)
}

// shiftOf tests that the knee lies at a longer context in the second arm than in the first. A block in which both lie on the
// same side of the sweep tells no shift, and is an error.
func shiftOf(ev *evidence.Evidence, from, to *tierArm) (verdict.Check, stats.Blocks, error) {
	for _, x := range []*tierArm{from, to} {
		if x.err != nil {
			return verdict.Check{}, stats.Blocks{}, fmt.Errorf("%s at %s has no knee to speak of: %w", x.policy, x.size, x.err)
		}
	}
	b, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) {
		x, err := kneeIn(from.knees, rep)
		if err != nil {
			return 0, fmt.Errorf("%s at %s: %w", from.policy, from.size, err)
		}
		y, err := kneeIn(to.knees, rep)
		if err != nil {
			return 0, fmt.Errorf("%s at %s: %w", to.policy, to.size, err)
		}
		d, err := x.doublingsTo(y)
		if err != nil {
			return 0, fmt.Errorf("%s, %s and %s: %w", from.policy, from.size, to.size, err)
		}
		return d, nil
	})
	if err != nil {
		return verdict.Check{}, b, err
	}
	a := verdict.AlphaOf(ev)
	c := a.Above(verdict.Check{Unit: "doublings", N: cellsOf(from.groups) + cellsOf(to.groups), Of: "cells"}, b, 0)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("from %s to %s of host tier, %s, the knee moves from %s to %s tokens, by %.2f [%.2f, %.2f] doublings of the context "+
		"(%s interval over %d blocks, must be above 0)",
		from.size, to.size, from.policy, kneeText(from), kneeText(to), *c.Value, lo, hi, percent(a), b.N())
	return c, b, nil
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
	knee, _, _ := kneeOf(a.knees)
	switch {
	case knee != nil:
		return fmt.Sprintf("%.0f", *knee)
	case belowFirst(a):
		return fmt.Sprintf("at most %d", a.groups[0].Cells[0].ContextTokens)
	}
	return fmt.Sprintf("more than %d", a.groups[len(a.groups)-1].Cells[0].ContextTokens)
}

// belowFirst reports whether the rule is met at the first level already, in every block.
func belowFirst(a *tierArm) bool {
	return len(a.knees) > 0 && !slices.ContainsFunc(a.knees, func(k blockKnee) bool { return k.side >= 0 })
}

// sizing is the answer that a user of the tiers looks for: where the knee is for a capacity and a policy.
func sizing(ev *evidence.Evidence, arms []*tierArm) *verdict.Sizing {
	out := &verdict.Sizing{Question: "up to which context do the RAM tiers keep NVMe out of the tail, with these users", Axis: "host tier capacity"}
	for _, of := range byPolicy(ev, arms) {
		for _, a := range of {
			if !a.swept() {
				continue
			}
			row := verdict.SizingRow{Policy: a.policy, CapacityBytes: float64(a.capacity), BelowFirst: a.err == nil && belowFirst(a),
				SmallestTokens: a.groups[0].Cells[0].ContextTokens, LargestTokens: a.groups[len(a.groups)-1].Cells[0].ContextTokens}
			if a.err == nil {
				row.KneeTokens, row.Lo, row.Hi = kneeOf(a.knees)
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
	if len(out.Rows) == 0 {
		return nil // no capacity was swept over context
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
			if !a.swept() {
				continue
			}
			if knee, lo, hi := kneeOf(a.knees); knee != nil {
				k.Percentile(x, &evidence.Percentile{Estimate: stats.Estimate{Value: knee, Lo: lo, Hi: hi}})
			}
			if kv := ev.KV(a.groups[len(a.groups)-1]); kv != nil {
				h.Value(x, kv.Tier2Share)
			}
		}
		if slices.ContainsFunc(of, (*tierArm).swept) {
			knees.Series, hits.Series = append(knees.Series, *k), append(hits.Series, *h)
		}
	}
	return verdict.Figure{Name: "knee_and_capacity", Title: "H6: the storage knee against the host tier, and what tier 2 serves at the longest context", Panels: []verdict.Panel{knees, hits}}
}
