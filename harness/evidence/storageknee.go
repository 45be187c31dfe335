package evidence

import (
	"fmt"

	"sparkharness/harness/stats"
)

// StorageRule is the definition of a storage knee: tier-2 fetch p95 is FetchShare of TTFT p95, and tier 2
// serves HitShare of the whole prompt blocks looked up.
type StorageRule struct{ FetchShare, HitShare float64 }

// StorageKnee finds the context at which a sweep over context reaches the rule, between its levels. The
// groups are one sweep, by growing context.
func (ev *Evidence) StorageKnee(groups []*Group, rule StorageRule) (stats.Knee, error) {
	var levels []stats.CrossingLevel
	for _, g := range groups {
		share, err := ev.Tier2Share([]*Group{g})
		if err != nil {
			return stats.Knee{}, err
		}
		levels = append(levels, stats.CrossingLevel{X: float64(g.Cells[0].ContextTokens), Num: ev.FetchReps(g), Den: g.TTFT(), Share: share})
	}
	return ev.Bootstrap().Crossing(levels, stats.CrossingRule{P: 0.95, Ratio: rule.FetchShare, Share: rule.HitShare})
}

// Tier2Share is the part of the whole prompt blocks that tier 2 served, repetition by repetition, over all
// the groups: they are laid one after another on one time axis.
func (ev *Evidence) Tier2Share(groups []*Group) (stats.Share, error) {
	step := 0.0
	for _, g := range groups {
		for _, c := range g.Cells {
			if c.KV == nil || c.KV.Tier2Hits == nil || !c.KV.HasFetch {
				return stats.Share{}, fmt.Errorf("%s: the server tells no hits or fetch latencies of tier 2", c.Key)
			}
			step = max(step, c.Seconds())
		}
	}
	var out stats.Share
	for i, g := range groups {
		block := ev.Exp.Stacks[g.Stack()].Runtime.TokensPerBlock
		for r, c := range g.Cells {
			if i == 0 {
				out.Part, out.Whole = append(out.Part, nil), append(out.Whole, nil)
			}
			if r >= len(out.Whole) {
				return stats.Share{}, fmt.Errorf("%s: a repetition that %s has not", c.Key, groups[0].Cell)
			}
			at := float64(i) * step
			for _, p := range c.KV.Tier2Found {
				out.Part[r] = append(out.Part[r], stats.Point{T: at + p.T, V: p.V})
			}
			for j := range c.Requests {
				q := &c.Requests[j]
				tokens := q.Nominal
				if q.Prompt != nil {
					tokens = *q.Prompt
				}
				out.Whole[r] = append(out.Whole[r], stats.Point{T: at + q.At, V: float64(tokens / block)})
			}
		}
	}
	return out, nil
}
