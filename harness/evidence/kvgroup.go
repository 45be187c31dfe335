package evidence

import (
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// KVGroup is the KV manager over a group.
type KVGroup struct {
	// Shares of the whole prompt blocks that were looked up, a number that the harness derives from the
	// server's own prompt counts; nil if a counter is not exposed. Blocks count when they are onboarded,
	// lookups when their request is due, so a share may exceed 1 by a request or two at the edges.
	Tier1Share, Tier2Share *float64
	Tier2Bytes             *float64 // read from tier 2
	FetchMS                []float64
	HasFetch               bool
	BlockBytes             float64
}

// KV pools the KV telemetry of a group; nil where there is none.
func (ev *Evidence) KV(g *Group) *KVGroup {
	out := &KVGroup{HasFetch: true}
	var lookups float64
	t1, t2, b2 := new(float64), new(float64), new(float64)
	for _, c := range g.Cells {
		if c.KV == nil {
			return nil
		}
		t1 = record.SumIfAll(t1, c.KV.Tier1Hits)
		t2 = record.SumIfAll(t2, c.KV.Tier2Hits)
		b2 = record.SumIfAll(b2, c.KV.Tier2BytesOut)
		for _, f := range c.KV.Fetches {
			out.FetchMS = append(out.FetchMS, f.V)
		}
		out.HasFetch = out.HasFetch && c.KV.HasFetch
		out.BlockBytes = c.KV.BlockBytes
		block := ev.Exp.Stacks[c.Stack].Runtime.TokensPerBlock
		for i := range c.Requests {
			tokens := c.Requests[i].Nominal // where the request was not answered
			if p := c.Requests[i].Prompt; p != nil {
				tokens = *p
			}
			lookups += float64(tokens / block)
		}
	}
	out.Tier1Share, out.Tier2Share = record.Over(t1, lookups), record.Over(t2, lookups)
	out.Tier2Bytes = b2
	return out
}

// Tier2ReadReps are the bytes/s that the KV manager read from tier 2 in a group's measure phases, in the
// intervals of its samples; ok is false if it does not say.
func (g *Group) Tier2ReadReps() (reps []stats.Rep, ok bool) {
	for _, c := range g.Cells {
		if c.KV == nil || c.KV.Tier2BytesOut == nil {
			return nil, false
		}
		reps = append(reps, c.KV.Tier2Reads)
	}
	return reps, true
}
