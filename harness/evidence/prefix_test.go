package evidence

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// What is asked for again is counted in whole blocks, once a user.
func TestPrefixBytes(t *testing.T) {
	ev := repetitions()
	for _, c := range ev.Cells {
		c.Users, c.ContextTokens = 4, 100
		c.Info.Settings.WantBlockTokens, c.Info.Settings.KVBlockBytes = 32, 1000
	}
	g := ev.Groups()[0]
	for nonce, want := range map[string]float64{"per_user": 4 * 3 * 1000, "per_request": 0, "none": 3 * 1000} {
		ev.Exp.Hypothesis.Load.Nonce = nonce
		assert.Equal(t, want, ev.PrefixBytes(g), nonce)
	}
	ev.Exp.Hypothesis.Load.Chat, ev.Exp.Hypothesis.Load.Nonce = &config.Chat{}, "none"
	for _, c := range ev.Cells {
		c.Requests = []Request{{Nominal: 70}, {Nominal: 31}, {Nominal: 128}}
	}
	assert.Equal(t, 4*2*1000.0, ev.PrefixBytes(g), "four sessions live at a time, whoever they are")
	for _, c := range ev.Cells {
		c.Info.Settings.WantBlockTokens = 0
	}
	assert.Zero(t, ev.PrefixBytes(g), "blocks of which nothing is known")
}

// The RAM tiers are as the server built them, else as configured.
func TestRAMTierBytes(t *testing.T) {
	ev := repetitions()
	stack := ev.Cells[0].Stack
	ev.Exp.Stacks = map[string]*config.Stack{stack: {Stack: stack, Dynamo: &config.Dynamo{}}}
	ev.Exp.Stacks[stack].Dynamo.Tiers.Tier1.CapacityBytes = 24
	s := &ev.Cells[0].Info.Settings
	s.WantKVPool, s.KVPoolBytes = 8, nil
	g := ev.Groups()[0]
	assert.Equal(t, 32.0, ev.RAMTierBytes(g))
	s.KVPoolBytes, s.Tiers = ptr(7.0), []record.TierSetting{{Tier: "disk", Bytes: 500}, {Tier: "host", Bytes: 16}}
	assert.Equal(t, 23.0, ev.RAMTierBytes(g))
	ev.Exp.Stacks[stack].Dynamo, s.Tiers = nil, nil
	assert.Equal(t, 7.0, ev.RAMTierBytes(g))
}
