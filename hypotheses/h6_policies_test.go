package hypotheses

import (
	"fmt"
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// basePolicy is what the others are compared with: FIFO, which looks at nothing but the order of arrival, and LRU where a server
// does not know that.
func basePolicy(swept []string) string {
	if slices.Contains(swept, "FIFO") {
		return "FIFO"
	}
	return "LRU"
}

// policiesDiffer tests that some policy has tier 2 serve a smaller share of the lookups than the base does, by more than the margin: one
// value a block, the mean over the places that both were measured at and where the prefixes of all users cannot all
// fit the host tier: elsewhere nothing is evicted. A policy that sends more lookups there supports nothing.
func policiesDiffer(ev *evidence.Evidence, arms []*tierArm) (verdict.Check, []verdict.Finding) {
	const name = "policies_differ"
	base := basePolicy(ev.Exp.Hypothesis.Sweep.Policy)
	margin, a := ev.Threshold("policy_margin"), verdict.AlphaOf(ev)
	var checks []verdict.Check
	var findings []verdict.Finding
	for _, p := range ev.Exp.Hypothesis.Sweep.Policy {
		if p == base {
			continue
		}
		pairs := comparable(arms, base, p)
		if len(pairs) == 0 {
			return verdict.Open(name, fmt.Sprintf("no cells that overflow the host tier to compare %s with %s in", p, base)), nil
		}
		b, err := ev.Blocks(stats.Linear, func(rep int) (float64, error) {
			sum := 0.0
			for _, pair := range pairs {
				d, err := spared(ev, pair, rep)
				if err != nil {
					return 0, err
				}
				sum += d
			}
			return sum / float64(len(pairs)), nil
		})
		if err != nil {
			return verdict.Open(name, fmt.Sprintf("%s against %s: %v", p, base, err)), nil
		}
		c := a.Below(verdict.Check{Unit: "share of lookups", Of: "cells"}, b, -margin)
		for _, pair := range pairs {
			c.N += len(pair[0].Cells) + len(pair[1].Cells)
		}
		lo, hi := ends(c)
		c.Detail = fmt.Sprintf("share of lookups served by tier 2 at %d places that overflow, clearest: %s against %s %+.3f [%+.3f, %+.3f] "+
			"(%s interval over %d blocks, one policy must be below %.2f)",
			len(pairs), p, base, *c.Value, lo, hi, percent(a), b.N(), -margin)
		checks = append(checks, c)
		findings = append(findings, verdict.Finding{Name: "lookups that " + p + " sends to NVMe", Estimate: b.Estimate(evidence.OneSided),
			Unit: "of all, against " + base, Detail: fmt.Sprintf("at %s, %d blocks", pairs[0][0].Cell.Without("policy"), b.N())})
	}
	return a.Any(name, checks, fmt.Sprintf("no policy to compare with %s", base)), findings
}

// comparable are the groups of a policy that overflow the host tier, each beside that of the base at the same place.
func comparable(arms []*tierArm, basePolicy, policy string) [][2]*evidence.Group {
	at := func(p string, of func(*evidence.Group)) {
		for _, a := range arms {
			if a.policy == p {
				for _, g := range a.groups {
					of(g)
				}
			}
		}
	}
	base := map[string]*evidence.Group{}
	at(basePolicy, func(g *evidence.Group) { base[g.Cell.Without("policy").String()] = g })
	var out [][2]*evidence.Group
	at(policy, func(g *evidence.Group) {
		if other := base[g.Cell.Without("policy").String()]; other != nil && overflows(g) {
			out = append(out, [2]*evidence.Group{g, other})
		}
	})
	return out
}

// spared is the share of the lookups of a block that tier 2 served under the first group's policy, less that under the second's.
func spared(ev *evidence.Evidence, pair [2]*evidence.Group, rep int) (float64, error) {
	var share [2]float64
	for i, g := range pair {
		c, err := g.In(rep)
		if err != nil {
			return 0, err
		}
		kv := ev.KV(single(c))
		if kv == nil || kv.Tier2Share == nil {
			return 0, fmt.Errorf("%s: the server tells no hits of tier 2", g.Cell)
		}
		share[i] = *kv.Tier2Share
	}
	return share[0] - share[1], nil
}

// overflows reports whether the private prefixes of all users are more than the host tier holds.
func overflows(g *evidence.Group) bool {
	c := g.Cells[0]
	s := c.Info.Settings
	return float64(c.Users)*float64(c.ContextTokens)*s.KVBlockBytes/s.WantBlockTokens > float64(c.Tier1Bytes)
}
