package gate

import (
	"fmt"

	"sparkharness/harness/evidence"
)

// Tier2Engaged is the gate of a claim about reads on the critical path: tier 2 serves a share of the prefix
// lookups in every group.
func Tier2Engaged(ev *evidence.Evidence, need float64) Gate {
	const name = "tier_2_engaged"
	least := worst{}
	for _, g := range ev.Groups() {
		kv := ev.KV(g)
		if kv == nil || kv.Tier2Share == nil {
			return Fail(name, Invalid, "not_reported", g.Cell.String()+": the server tells no hits of tier 2")
		}
		least.high(-*kv.Tier2Share, g.Cell.String())
	}
	detail := fmt.Sprintf("tier 2 served at least %.1f %% of the prefix lookups (need %.0f %%; least: %s)", -least.value*100, need*100, least.where)
	if !least.seen || -least.value < need {
		return Fail(name, Invalid, "not_engaged", detail)
	}
	return Pass(name, detail)
}
