package sim_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// A server that starts beside files gets small pages, with which prompts and tokens take longer, until one starts beside none.
// Caches that are dropped help no process that runs.
func TestSmallPages(t *testing.T) {
	for _, factor := range []float64{0, 1.5} {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{SmallPages: factor}))
			large := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{})).ask("u0-q0", prompt("p", 1024), 20)
			times := func(want float64, why string) {
				t.Helper()
				got := m.ask("u0-q0", prompt("p", 1024), 20)
				assert.InEpsilon(t, want, got.ttft.Seconds()/large.ttft.Seconds(), 1e-3, "prompt: %s", why)
				assert.InEpsilon(t, want, (got.e2e-got.ttft).Seconds()/(large.e2e-large.ttft).Seconds(), 1e-3, "tokens: %s", why)
			}
			small := max(factor, 1)
			times(small, "beside files")
			require.NoError(t, m.restart())
			times(small, "started again beside files")
			require.NoError(t, m.DropCaches(t.Context()))
			times(small, "the process has its pages")
			require.NoError(t, m.restart())
			times(1, "started beside none")
		})
	}
}
