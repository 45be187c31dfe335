package gate

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
)

// WorkingSetSeen is the manipulation check of a sweep of working sets: what the sessions carried since
// the server's start agrees with what the KV manager says that it wrote to tier 2. With write-through and
// a filter that passes blocks seen twice, those are the carried blocks, each once, as long as tier 2 evicts
// nothing.
func WorkingSetSeen(ev *evidence.Evidence, within float64) Gate {
	const name = "working set"
	furthest := worst{}
	for _, c := range ev.Cells {
		want := c.CarriedBytes(c.Carried)
		switch {
		case want == 0:
			return Fail(name, Invalid, "no_sessions", c.Key+": no session carried a block from turn to turn")
		case c.KV == nil || c.KV.Tier2Written == nil:
			return Fail(name, Invalid, "not_reported", c.Key+": the KV manager does not tell what it wrote to tier 2")
		}
		ratio := *c.KV.Tier2Written / want
		furthest.high(math.Abs(ratio-1), fmt.Sprintf("%s: sessions carried %.2f GiB, KVBM wrote %.2f GiB to tier 2 (%+.1f %%)", c.Key, want/(1<<30), *c.KV.Tier2Written/(1<<30), (ratio-1)*100))
	}
	detail := fmt.Sprintf("furthest apart: %s; allowed %.0f %%", furthest.where, within*100)
	if !furthest.seen || furthest.value > within {
		return Fail(name, Invalid, "apart", detail)
	}
	return Pass(name, detail)
}
