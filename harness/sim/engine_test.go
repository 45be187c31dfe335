package sim

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The engine knows which clock it has: it waits for the end of an instant in virtual time only.
func TestEngineKnowsItsClock(t *testing.T) {
	model, err := ModelByName("L8B")
	require.NoError(t, err)
	spec := Spec{Dialect: DialectTRTLLM, Model: model, KVElemBytes: 2, BlockTokens: 32, MaxBatchSize: 4, MaxNumTokens: 512,
		Device: TierSpec{CapacityBytes: 1 << 30, Policy: "LRU"}, Tokenize: func(string) []uint32 { return nil }}
	virtual := func(t *testing.T) bool {
		m, err := Start(spec, DefaultParams(), 1)
		require.NoError(t, err)
		defer m.Close()
		return m.engine.virtual
	}
	for range 100 {
		require.False(t, virtual(t))
	}
	synctest.Test(t, func(t *testing.T) { assert.True(t, virtual(t)) })
}
