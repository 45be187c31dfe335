package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// tierEvidence is two groups of stack B: tier 2 serves 30 % of the blocks that the first looked up, and 20 %
// of those of the second.
func tierEvidence() *evidence.Evidence {
	ev := goodEvidence()
	ev.Exp.Stacks["A"].Runtime.TokensPerBlock = 10
	for _, c := range goodEvidence().Cells {
		c.Cell = record.NewCell("ctx", 2000, "conc", 4, "rep", c.Rep)
		c.Key = c.Cell.String()
		ev.Cells = append(ev.Cells, c)
	}
	for i, c := range ev.Cells {
		// 110 prompts of 1001 tokens are 11,000 whole blocks.
		c.KV = &evidence.KVCounters{Samples: 5, Tier2Hits: ptr([]float64{3300, 2200}[i/3])}
	}
	return ev
}

func TestTier2Engaged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(ev *evidence.Evidence)
		code   string
		detail string
	}{
		{"both groups", func(*evidence.Evidence) {}, "", "at least 20.0 % of the prefix lookups (need 20 %; least: ctx=2000/conc=4)"},
		{"one group less", func(ev *evidence.Evidence) { *ev.Cells[4].KV.Tier2Hits = 2190 }, "not_engaged", "at least 20.0 % of the prefix lookups (need 20 %; least: ctx=2000/conc=4)"},
		{"repetitions are pooled", func(ev *evidence.Evidence) { *ev.Cells[1].KV.Tier2Hits = 10 }, "", "least: ctx=2000/conc=4"},
		{"no counter", func(ev *evidence.Evidence) { ev.Cells[1].KV.Tier2Hits = nil }, "not_reported", "ctx=1000/conc=4: the server tells no hits of tier 2"},
		{"no KV manager", func(ev *evidence.Evidence) { ev.Cells[5].KV = nil }, "not_reported", "ctx=2000/conc=4: the server tells no hits of tier 2"},
		{"nothing was asked for", func(ev *evidence.Evidence) {
			for _, c := range ev.Cells {
				c.Requests = nil
			}
		}, "not_reported", "ctx=1000/conc=4"},
		{"nothing was measured", func(ev *evidence.Evidence) { ev.Cells = nil }, "not_engaged", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := tierEvidence()
			tc.change(ev)
			g := gate.Tier2Engaged(ev, 0.2)
			assert.Equal(t, "tier_2_engaged", g.Name)
			assert.Equal(t, tc.code == "", g.Passed, g.Detail)
			assert.Equal(t, tc.code, g.Code, g.Detail)
			assert.Contains(t, g.Detail, tc.detail)
			if !g.Passed {
				assert.Equal(t, gate.Invalid, g.OnFailure)
			}
		})
	}
}
