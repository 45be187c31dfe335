package evidence

import (
	"maps"
	"math"
	"slices"
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
		total += c.CarriedBytes(carried)
	}
	return total / float64(len(g.Cells))
}

// CarriedBytes are the whole blocks of each session's carried prefix.
func (c *Cell) CarriedBytes(carried map[int]int) float64 {
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
