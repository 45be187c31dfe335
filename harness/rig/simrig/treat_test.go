package simrig

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/rig"
)

// A treatment shows in what the machine says of itself.
func TestTreat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "A"))
		require.NoError(t, s.restart(t.Context())) // a request that the next restart forgets
		require.NoError(t, rig.Answers(t.Context(), s.client, s.opts.Stack.Endpoint.URL, s.spec.Model.Served))
		for _, kind := range []string{rig.DropCaches, rig.Restart} {
			done, err := s.Apply(t.Context(), rig.Treatment{Kind: kind})
			require.NoError(t, err)
			require.NotNil(t, done.Seen)
			assert.Equal(t, kind, done.Seen.Treatment)
			assert.NotEmpty(t, done.Seen.Reading)
			require.NotNil(t, done.Seen.Before)
			require.NotNil(t, done.Seen.After)
			assert.Less(t, *done.Seen.After, *done.Seen.Before, kind)
			assert.Nil(t, done.Undo, "nothing lasts")
		}
		fio, err := s.Apply(t.Context(), rig.Treatment{Kind: rig.Fio, Name: "heavy", Text: profile(t, "heavy")})
		require.NoError(t, err)
		require.NotNil(t, fio.Fio)
		assert.Equal(t, 128, fio.Fio.InFlight)
		assert.Equal(t, 1, processes(t, s))
		require.NoError(t, fio.Undo(t.Context()))
		assert.Zero(t, processes(t, s), "undone, it is gone")
		_, err = s.Apply(t.Context(), rig.Treatment{Kind: "polish"})
		require.ErrorContains(t, err, `treatment "polish" is not known`)
	})
}

// The tiers are read back from what the server says that it built, not from what was asked for.
func TestReadBackOfTiers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "B")
		o.Stack.Dynamo.Tiers.Tier1.CapacityBytes = 8 << 30
		o.Stack.Dynamo.Tiers.Tier1.EvictionPolicy = "LFU"
		got, err := open(t, o).ReadBack(t.Context())
		require.NoError(t, err)
		require.Len(t, got.Tiers, 2)
		host := got.Tiers[0]
		assert.Equal(t, "host", host.Tier)
		assert.InDelta(t, 8<<30, host.Bytes, got.KVBlockBytes)
		assert.Equal(t, "LFU", host.Policy)
		assert.Equal(t, 2.0, *got.Tiers[1].MinFreq)
	})
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "B")
		o.World.Mechanisms.IgnoreTierSettings = true
		o.Stack.Dynamo.Tiers.Tier1.CapacityBytes = 8 << 30
		o.Stack.Dynamo.Tiers.Tier1.EvictionPolicy = "LFU"
		got, err := open(t, o).ReadBack(t.Context())
		require.NoError(t, err)
		host := got.Tiers[0]
		assert.InDelta(t, 24<<30, host.Bytes, got.KVBlockBytes)
		assert.EqualValues(t, 8<<30, host.WantBytes)
		assert.Equal(t, []string{"LRU", "LFU"}, []string{host.Policy, host.WantPolicy})
	})
}
