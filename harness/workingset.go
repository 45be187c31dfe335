package harness

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"sparkharness/harness/verdict"
)

// WorkingSet is the KV that the sessions of a group carry from turn to turn, in bytes: for each session
// the whole blocks of the longest prefix that a prompt of the measure phase shares with an earlier one,
// summed over sessions, the mean over repetitions. It is computed from what was sent, not from what the
// server says.
func (g *Group) WorkingSet() float64 {
	total := 0.0
	for _, c := range g.Cells {
		carried := map[int]int{}
		for i := range c.Requests {
			if r := &c.Requests[i]; r.Session != nil && r.Reusable != nil {
				carried[*r.Session] = max(carried[*r.Session], *r.Reusable)
			}
		}
		total += c.carriedBytes(carried)
	}
	return total / float64(len(g.Cells))
}

// carriedBytes are the whole blocks of each session's carried prefix.
func (c *CellData) carriedBytes(carried map[int]int) float64 {
	s := c.Info.Settings
	if s.WantBlockTokens == 0 {
		return 0
	}
	blocks := 0.0
	for _, session := range slices.Sorted(maps.Keys(carried)) {
		blocks += math.Floor(float64(carried[session]) / s.WantBlockTokens)
	}
	return blocks * s.KVBlockBytes
}

// WorkingSetSeen is the manipulation check of a sweep of working sets: what the sessions carried since
// the server's start agrees with what the KV manager says that it wrote to tier 2. With write-through and
// a filter that passes blocks seen twice, those are the carried blocks, each once, as long as tier 2 evicts
// nothing.
func (ev *Evidence) WorkingSetSeen(within float64) verdict.Gate {
	const name = "working set"
	furthest := worst{}
	for _, c := range ev.Cells {
		want := c.carriedBytes(c.Carried)
		switch {
		case want == 0:
			return verdict.Fail(name, verdict.Invalid, "no_sessions", c.Key+": no session carried a block from turn to turn")
		case c.KV == nil || c.KV.Tier2Written == nil:
			return verdict.Fail(name, verdict.Invalid, "not_reported", c.Key+": the KV manager does not tell what it wrote to tier 2")
		}
		ratio := *c.KV.Tier2Written / want
		furthest.high(math.Abs(ratio-1), fmt.Sprintf("%s: sessions carried %.2f GiB, KVBM wrote %.2f GiB to tier 2 (%+.1f %%)", c.Key, want/(1<<30), *c.KV.Tier2Written/(1<<30), (ratio-1)*100))
	}
	detail := fmt.Sprintf("furthest apart: %s; allowed %.0f %%", furthest.where, within*100)
	if !furthest.seen || furthest.value > within {
		return verdict.Fail(name, verdict.Invalid, "apart", detail)
	}
	return verdict.Pass(name, detail)
}
