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

// In real time an iteration begins when the one before it ended, though a timer told it late; not when that is far behind.
func TestLateTimersDoNotAddUp(t *testing.T) {
	model, err := ModelByName("L8B")
	require.NoError(t, err)
	spec := Spec{Dialect: DialectTRTLLM, Model: model, KVElemBytes: 2, BlockTokens: 32, MaxBatchSize: 4, MaxNumTokens: 512,
		Device: TierSpec{CapacityBytes: 1 << 30, Policy: "LRU"}, Tokenize: func(string) []uint32 { return nil }}
	p := DefaultParams()
	for late, makesUp := range map[int64]bool{0: true, 1_000_000: true, timerLateNS: true, timerLateNS + 1: false} {
		for _, virtual := range []bool{false, true} {
			e, err := newEngine(spec, p, newHost(p.Host, spec), newDrives(p, 1))
			require.NoError(t, err)
			e.foreign = &foreign{turnNS: nvmeNever}
			e.virtual = virtual
			e.arrive(&sequence{id: "a", promptTokens: 8, maxTokens: 4, events: make(chan Event, 16)}, 0)
			e.schedule(0)
			require.Zero(t, e.step.beginNS)
			for range 2 {
				ended := e.stepEndNS
				require.Positive(t, ended)
				now := ended + late
				require.NoError(t, e.advance(now))
				e.schedule(now)
				want := now
				if makesUp && !virtual {
					want = ended
				}
				assert.Equal(t, want, e.step.beginNS, "late by %d ns, virtual: %v", late, virtual)
			}
			// An iteration after a pause begins when it is planned, however short that was.
			ended := e.stepEndNS
			require.NoError(t, e.advance(ended))
			e.running = nil
			e.schedule(ended)
			require.EqualValues(t, -1, e.stepEndNS)
			now := ended + 1_000_000
			require.NoError(t, e.advance(now))
			e.arrive(&sequence{id: "b", promptTokens: 8, maxTokens: 4, events: make(chan Event, 16)}, now)
			e.schedule(now)
			assert.Equal(t, now, e.step.beginNS)
		}
	}
}
