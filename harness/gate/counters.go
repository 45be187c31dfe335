package gate

import (
	"fmt"

	"sparkharness/harness/evidence"
)

// Counters wants counters that only grow, of sources that are alive at both ends of every cell.
func Counters(ev *evidence.Evidence, _ Claim) Gate {
	const name = "counters"
	for _, c := range ev.Cells {
		switch {
		case c.Sys.Resets > 0:
			return Fail(name, Invalid, "reset", fmt.Sprintf("%s: a machine counter went backwards in %d samples", c.Key, c.Sys.Resets))
		case !c.Sys.AliveAtStart || !c.Sys.AliveAtEnd:
			return Fail(name, Invalid, "source_dead", c.Key+": no NVMe reading at an end of the measure phase")
		case c.KV != nil && c.KV.Resets:
			return Fail(name, Invalid, "kv_reset", c.Key+": a KV counter went backwards: the worker was restarted")
		case c.KV != nil && c.KV.Samples == 0:
			return Fail(name, Invalid, "kv_dead", c.Key+": the KV manager's metrics page gave nothing")
		}
	}
	return Pass(name, "no counter went backwards; sources alive at both ends of every cell")
}
