package sim_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// A host tier beyond what can be pinned holds what is left of it, and log and page tell what was configured; one within the
// limit is as it was. A restarted server does the same.
func TestPinnedLimit(t *testing.T) {
	const block = 10 << 20
	for _, tc := range []struct {
		configured, most, holds int64 // blocks
	}{{40, 40, 40}, {40, 39, 7}, {40, 0, 40}} {
		t.Run(fmt.Sprintf("%d of %d", tc.most, tc.configured), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := specB(t, "L70B")
				spec.Device.CapacityBytes, spec.Host.CapacityBytes = 20*block, tc.configured*block
				m := start(t, spec, quiet(sim.Mechanisms{PinnedLimit: sim.PinSpec{Most: tc.most * block, Instead: 7 * block}}))
				for range 2 {
					for i := range 10 {
						m.ask("u0-q0", prompt(fmt.Sprint("p", i), 160), 1)
						time.Sleep(time.Second)
					}
					host := m.stats().KV.Host
					assert.EqualValues(t, tc.holds, host.OccupancyBlocks)
					assert.EqualValues(t, tc.configured, host.CapacityBlocks)
					assert.Contains(t, m.StartupLog(), fmt.Sprintf("tier=host blocks=%d ", tc.configured))
					require.NoError(t, m.restart())
				}
			})
		})
	}
}
