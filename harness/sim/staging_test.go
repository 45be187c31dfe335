package sim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// staged is a machine of KVBM v2 on which a prompt of 32 blocks has been written to the NVMe and pushed out above.
func staged(t *testing.T, host int64) *machine {
	spec := smallTiers(t, 33, host)
	spec.Offload.Manager, spec.OffloadMinFreq = sim.OffloadKVBMv2, 1
	m := start(t, spec, quiet(sim.Mechanisms{}))
	for _, tag := range []string{"a", "b", "c"} {
		m.ask("u0-q0", prompt(tag, 1025), 1)
		time.Sleep(time.Minute)
	}
	return m
}

// KVBM v2 reads from the NVMe into the host tier, and copies to the device from there.
func TestStagingStopsInTheHostTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := staged(t, 40)
		done := make(chan answer)
		go func() { done <- m.ask("u0-q1", prompt("a", 1025), 1) }()
		var kv sim.KVCounters
		for kv.OnboardD2H == 0 {
			time.Sleep(50 * time.Microsecond)
			kv = m.stats().KV
			if kv.OnboardD2H == 0 {
				require.Zero(t, kv.OnboardH2D, "nothing is copied before it has been read")
			}
		}
		assert.EqualValues(t, 32, kv.OnboardD2H)
		assert.Zero(t, kv.OnboardH2D, "read, and not on the device yet")
		assert.Equal(t, 1024, (<-done).cached)
		kv = m.stats().KV
		assert.EqualValues(t, 32, kv.OnboardH2D)
		assert.Zero(t, kv.OnboardD2D)
		page := m.get("kvbm", "/metrics")
		assert.Contains(t, page, "\nkvbm_onboard_blocks_d2h 32\n")
		assert.Contains(t, page, "\nkvbm_onboard_blocks_d2d 0\n")
		assert.NotContains(t, page, "_d2d_onboard_seconds")

		read, _ := m.drive()
		m.ask("u0-q0", prompt("short", 100), 1) // pushes the end of the prompt off the device, not out of the host tier
		assert.Equal(t, 1024, m.ask("u0-q2", prompt("a", 1025), 1).cached)
		again, _ := m.drive()
		assert.Equal(t, read, again, "the host tier has kept it")
	})
}

// Without room in the host tier for all of it nothing is staged, and the blocks are computed.
func TestStagingNeedsTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := staged(t, 31)
		assert.Zero(t, m.ask("u0-q1", prompt("a", 1025), 1).cached)
		read, _ := m.drive()
		assert.Zero(t, read)
	})
}
