package sim

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The log describes the manager that the latest start has built, whatever the machine was asked for.
func TestStartupLogIsTheManagers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		model, err := ModelByName("L8B")
		require.NoError(t, err)
		spec := Spec{
			Dialect: DialectDynamo, Model: model, KVElemBytes: 2, BlockTokens: 32, MaxBatchSize: 4, MaxNumTokens: 2048,
			Device: TierSpec{CapacityBytes: 1 << 30, Policy: "LRU"}, Host: TierSpec{CapacityBytes: 1 << 30, Policy: "LRU"},
			Tokenize: func(string) []uint32 { return nil },
		}
		m, err := Start(spec, DefaultParams(), 1)
		require.NoError(t, err)
		defer m.Close()
		require.NoError(t, m.query(context.Background(), func() { m.engine.spec.Host.Policy = "FIFO" }))
		assert.NotContains(t, m.StartupLog(), "FIFO")
		require.NoError(t, m.Restart(context.Background()))
		assert.Contains(t, m.StartupLog(), "tier=host blocks=256 bytes_per_block=4194304 eviction_policy=FIFO\n")
	})
}
