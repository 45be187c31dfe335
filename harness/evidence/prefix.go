package evidence

import "math"

// PrefixBytes is the KV that a group's load touches between two uses of a prefix, on average, in bytes: what all tiers
// above the NVMe have to hold so that nothing is read from there. Of users with a prompt of their own it is the whole
// blocks of all their prompts, of one prompt for all its own, and of as many sessions as live at a time a prompt of the
// mean length each. It is computed from what was to be sent; 0 where no two prompts share anything.
func (ev *Evidence) PrefixBytes(g *Group) float64 {
	c := g.Cells[0]
	s, load := c.Info.Settings, &ev.Exp.Hypothesis.Load
	if s.WantBlockTokens == 0 {
		return 0
	}
	prompts, blocks := float64(c.Users), math.Floor(float64(c.ContextTokens)/s.WantBlockTokens)
	switch {
	case load.Chat != nil:
		blocks = g.promptBlocks(s.WantBlockTokens)
	case load.Nonce == "none":
		prompts = 1
	case load.Nonce == "per_request":
		prompts = 0
	}
	return prompts * blocks * s.KVBlockBytes
}

// promptBlocks are the whole blocks of a prompt of the group, on average.
func (g *Group) promptBlocks(blockTokens float64) float64 {
	sum, n := 0.0, 0.0
	for _, c := range g.Cells {
		for i := range c.Requests {
			sum += math.Floor(float64(c.Requests[i].Nominal) / blockTokens)
			n++
		}
	}
	return sum / max(1, n)
}

// RAMTierBytes is what the device and host tiers of a group hold together, as the servers built them; what one does not
// tell is taken as configured.
func (ev *Evidence) RAMTierBytes(g *Group) float64 {
	c := g.Cells[0]
	s := c.Info.Settings
	device, host := s.WantKVPool, 0.0
	if s.KVPoolBytes != nil {
		device = *s.KVPoolBytes
	}
	if d := ev.Exp.StackOf(c.PlannedCell).Dynamo; d != nil {
		host = float64(d.Tiers.Tier1.CapacityBytes)
	}
	for _, t := range s.Tiers {
		if t.Tier == "host" {
			host = t.Bytes
		}
	}
	return device + host
}

// Tier2Written is what the group's cells wrote to tier 2 since their starts, bytes; nil if one does not tell.
func (g *Group) Tier2Written() *float64 {
	sum := new(float64)
	for _, c := range g.Cells {
		if c.KV == nil || c.KV.Tier2Written == nil {
			return nil
		}
		*sum += *c.KV.Tier2Written
	}
	return sum
}
