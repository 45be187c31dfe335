package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// firedEvidence is two groups of four users with prefixes of 31 and of 62 blocks of 10 MB, against 1 GB of pool and 1 GB
// of host tier: the first fits and reads nothing, of the second 30 GB are read from tier 2, and from the drive.
func firedEvidence() *evidence.Evidence {
	ev := goodEvidence()
	ev.Exp.Hypothesis.Load.Nonce = "per_user"
	ev.Exp.Stacks["A"].Dynamo = &config.Dynamo{}
	ev.Exp.Stacks["A"].Runtime.TokensPerBlock = 32
	for _, c := range goodEvidence().Cells {
		c.Cell = record.NewCell("ctx", 2000, "conc", 4, "rep", c.Rep)
		c.Key = c.Cell.String()
		c.ContextTokens = 2000
		ev.Cells = append(ev.Cells, c)
	}
	for i, c := range ev.Cells {
		c.Info.Settings.KVBlockBytes = 1e7
		c.Info.Settings.Tiers = []record.TierSetting{{Tier: "host", Bytes: 1e9}, {Tier: "disk", Bytes: 1e12}}
		c.KV = &evidence.KVCounters{Samples: 5, Tier2BytesOut: ptr(0.0), Tier2Spread: ptr(0.0), Tier2Written: ptr(8e9)}
		c.Sys.Measure.NVMeSeconds, c.Sys.Measure.ReadBytes = 300, 3e8
		c.Sys.Baseline.ReadBytes = 3e7
		if i >= 3 {
			*c.KV.Tier2BytesOut, *c.KV.Tier2Spread = 1e10, 1e10
			c.Sys.Measure.ReadBytes += 1e10
		}
	}
	return ev
}

func TestTier2Reads(t *testing.T) {
	second := func(change func(c *evidence.Cell)) func(ev *evidence.Evidence) {
		return func(ev *evidence.Evidence) {
			for _, c := range ev.Cells[3:] {
				change(c)
			}
		}
	}
	all := func(change func(c *evidence.Cell)) func(ev *evidence.Evidence) {
		return func(ev *evidence.Evidence) {
			for _, c := range ev.Cells {
				change(c)
			}
		}
	}
	silent := func(c *evidence.Cell) { *c.KV.Tier2BytesOut, *c.KV.Tier2Spread = 0, 0 }
	unread := func(c *evidence.Cell) { c.Sys.Measure.ReadBytes = 3e8 }
	for _, tc := range []struct {
		name   string
		claim  gate.Tier2Claim
		change func(ev *evidence.Evidence)
		passed bool
		code   string // "" with passed false: a grade
		detail string
	}{
		{"fired", gate.Tier2OnDevice, func(*evidence.Evidence) {}, true, "", "at least 30.0 GB read where prefixes exceed the device and host tiers (least: ctx=2000/conc=4; at most 2.31 GiB of prefixes against 1.86 GiB (ctx=2000/conc=4))"},
		{"one repetition read", gate.Tier2OnDevice, func(ev *evidence.Evidence) { silent(ev.Cells[3]); silent(ev.Cells[4]) }, true, "", "at least 10.0 GB"},
		{"never read", gate.Tier2Read, second(silent), false, "never_read", "ctx=2000/conc=4: 24.0 GB were written to tier 2 and nothing was read from it, though 2.31 GiB of prefixes were asked for again and the device and host tiers hold 1.86 GiB"},
		{"never read, and what would", gate.Tier2Read, second(silent), false, "never_read", "a flood of more than 1.86 GiB"},
		{"everything fits", gate.Tier2Read, func(ev *evidence.Evidence) {
			all(silent)(ev)
			all(func(c *evidence.Cell) { c.Info.Settings.Tiers[0].Bytes = 2e9 })(ev)
		}, false, "", "no level's prefixes exceed the device and host tiers, so nothing has to be read from tier 2: at most 2.31 GiB of prefixes against 2.79 GiB"},
		{"nothing is asked for again", gate.Tier2Read, func(ev *evidence.Evidence) {
			all(silent)(ev)
			ev.Exp.Hypothesis.Load.Nonce = "per_request"
		}, false, "", "no level's prefixes"},
		{"all share one prompt", gate.Tier2Read, func(ev *evidence.Evidence) {
			all(silent)(ev)
			ev.Exp.Hypothesis.Load.Nonce = "none"
		}, false, "", "at most 0.58 GiB"},
		{"not told", gate.Tier2Read, second(func(c *evidence.Cell) { c.KV.Tier2BytesOut = nil }), false, "not_reported", "ctx=2000/conc=4"},
		{"no KV manager", gate.Tier2Read, all(func(c *evidence.Cell) { c.KV = nil }), false, "no_tiers", "no cell has a KV manager"},
		{"hits that nothing stands behind", gate.Tier2OnDevice, second(unread), false, "phantom_hits", "ctx=2000/conc=4: the KV manager counts 30.0 GB as read from tier 2, and the device read 0.0 GB"},
		{"and where the rule itself asks for the device", gate.Tier2Read, second(unread), false, "", "the device read 0.0 GB"},
		{"a tenth from the device", gate.Tier2OnDevice, second(func(c *evidence.Cell) { c.Sys.Measure.ReadBytes = 3e8 + 1.01e9 }), true, "", ""},
		{"what fio read is not the KV manager's", gate.Tier2OnDevice, second(func(c *evidence.Cell) { c.Sys.Measure.FioReadBytes = ptr(9.5e9) }), false, "phantom_hits", "the device read 1.5 GB"},
		{"nor what the probe read", gate.Tier2OnDevice, second(func(c *evidence.Cell) {
			c.Info.Probe = &record.ProbeRun{Bytes: 1e6}
			c.Sys.Measure.ProbeReads = 9500
		}), false, "phantom_hits", "the device read 1.5 GB"},
		{"too few bytes to compare", gate.Tier2OnDevice, second(func(c *evidence.Cell) { unread(c); *c.KV.Tier2BytesOut, *c.KV.Tier2Spread = 3e8, 3e8 }), true, "", "at least 0.9 GB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := firedEvidence()
			tc.change(ev)
			g := gateOf(t, ev, gate.Claim{Tier2: tc.claim}, "tier_2_reads")
			assert.Equal(t, []any{tc.passed, tc.code}, []any{g.Passed, g.Code}, g.Detail)
			assert.Equal(t, !tc.passed && tc.code == "", g.Grade)
			assert.Contains(t, g.Detail, tc.detail)
			if tc.code != "" {
				assert.Equal(t, gate.Invalid, g.OnFailure)
			}
		})
	}
	_, ok := gate.Tier2Reads(firedEvidence(), gate.Claim{})
	assert.False(t, ok, "a claim that needs nothing of it")
}

// Servers that somebody else started tell no sizes; what they count is held against the device all the same.
func TestTier2ReadsOfServers(t *testing.T) {
	of := func(change func(c *evidence.Cell)) func() *evidence.Evidence {
		return func() *evidence.Evidence {
			ev := firedEvidence()
			for _, c := range ev.Cells {
				c.Info.Settings = record.Settings{Unasked: true, Model: "m"}
				change(c)
			}
			return ev
		}
	}
	hits := func(n float64, read float64) func(c *evidence.Cell) {
		return func(c *evidence.Cell) {
			c.KV.Tier2BytesOut, c.KV.Tier2Spread, c.KV.Tier2Hits = nil, nil, ptr(n)
			c.Sys.Measure.ReadBytes = 3e8 + read
		}
	}
	own := func(bytes float64) func(c *evidence.Cell) {
		return func(c *evidence.Cell) {
			hits(5e5, 0)(c)
			c.Sys.Measure.ServerRead = evidence.Traffic{Bytes: bytes, Seconds: 300}
		}
	}
	for _, tc := range []struct {
		name   string
		ev     func() *evidence.Evidence
		passed bool
		code   string
		detail string
	}{
		{"read from the device", of(func(*evidence.Cell) {}), true, "", "30.0 GB read from tier 2; whether prefixes exceed the tiers of servers that somebody else started is not known"},
		{"bytes that nothing stands behind", of(func(c *evidence.Cell) { c.Sys.Measure.ReadBytes = 3e8 }), false, "phantom_hits", "ctx=2000/conc=4: the KV manager counts 30.0 GB as read from tier 2, and the device read 0.0 GB"},
		{"hits that nothing stands behind", of(hits(5e5, 0)), false, "phantom_hits", "the KV manager counts 1500000 hits of tier 2, and the device read 0.0 GB beyond what it reads when idle and for others: hits that no read"},
		{"fewer bytes than tokens have", of(hits(5e5, 1e7)), false, "phantom_hits", "and the device read 30.0 MB"},
		{"hits that were read", of(hits(5e5, 5e9)), true, "", "3000000 hits of tier 2, of which no bytes are told"},
		{"too few hits to compare", of(hits(1000, 0)), true, "", "6000 hits of tier 2"},
		{"another device", of(own(2e9)), false, "phantom_hits", "the server's own processes read 6.0 GB from storage, which is another device"},
		{"others who read less than before", of(func(c *evidence.Cell) {
			own(2e9)(c)
			c.Sys.Measure.ReadBytes, c.Sys.Baseline.ReadBytes = 3e9, 3e9*c.Sys.Baseline.NVMeSeconds/c.Sys.Measure.NVMeSeconds
		}), false, "phantom_hits", "the server's own processes read 6.0 GB from storage and the device 9.0 GB in all: others read less during the load than before it, or that is another device"},
		{"no device", of(own(0)), false, "phantom_hits", "the server's own processes read 0.0 GB from any storage: hits that no read stands behind, or that the page cache answered"},
		{"nothing found", of(hits(0, 0)), false, "", "nothing was read from tier 2"},
		{"nothing told", of(func(c *evidence.Cell) { c.KV.Tier2BytesOut, c.KV.Tier2Spread = nil, nil }), false, "not_reported", "in 2 of 2 groups the server tells neither bytes nor hits of tier 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := gateOf(t, tc.ev(), gate.Claim{Tier2: gate.Tier2OnDevice}, "tier_2_reads")
			assert.Equal(t, []any{tc.passed, tc.code}, []any{g.Passed, g.Code}, g.Detail)
			assert.Contains(t, g.Detail, tc.detail)
		})
	}
}
