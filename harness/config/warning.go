package config

import "fmt"

// Warnings are what works but is probably not meant. They are printed and do not stop a run.
type Warnings []string

// Warnings looks at the tiers in their effective sizes, after profiles and worlds. KVBM's documentation
// asks for capacities that do not shrink from tier 0 to tier 2.
func (s *Stack) Warnings() Warnings {
	if s.Dynamo == nil {
		return nil
	}
	var out Warnings
	if !s.KVBM() {
		return nil
	}
	tiers := []Tier{s.Dynamo.Tiers.Tier0, s.Dynamo.Tiers.Tier1, s.Dynamo.Tiers.Tier2}
	for i := 1; i < len(tiers); i++ {
		if above, below := tiers[i-1].CapacityBytes, tiers[i].CapacityBytes; above > below {
			out = append(out, fmt.Sprintf("dynamo.tiers: tier%d (%v) is larger than tier%d (%v); KVBM's documentation wants tier0 <= tier1 <= tier2",
				i-1, above, i, below))
		}
	}
	return out
}
