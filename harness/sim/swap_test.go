package sim_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// In the swap world the gauges show the overcommitted pool as it is, and a sequence that comes back
// from the NVMe has done its prompt.
func TestSwapGauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specA(t, "L70B")
		spec.Device.CapacityBytes = 4 << 30
		p := sim.DefaultParams()
		p.Mechanisms.KVSwapToNVMe = true
		m := start(t, spec, p)
		began := time.Now()
		var mu sync.Mutex
		var prompts time.Duration // when the last prompt was done
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				a := m.ask(fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), 2048), 8)
				mu.Lock()
				defer mu.Unlock()
				prompts = max(prompts, a.ttft)
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		type sample struct {
			at time.Duration
			sim.EngineStats
		}
		var samples []sample
		most := 0
		for running := true; running; {
			select {
			case <-done:
				running = false
			case <-time.After(20 * time.Millisecond):
			}
			st := m.stats()
			samples = append(samples, sample{time.Since(began), st})
			most = max(most, st.KVUsedBlocks)
			for line := range strings.Lines(m.get("frontend", "/prometheus/metrics")) {
				if strings.HasPrefix(line, "trtllm_kv_cache_free_blocks{") {
					assert.NotContains(t, line, "} -", "no pool has less than nothing free")
				}
			}
		}
		assert.Greater(t, most, samples[0].KVMaxBlocks, "overcommit shows")
		later, swapped := 0, int64(0)
		for _, s := range samples {
			if s.at > prompts {
				later++
				swapped = max(swapped, s.KV.SwapInBlocks)
				require.Zero(t, s.Context, "all prompts are done after %v", prompts)
			}
		}
		assert.Positive(t, later)
		assert.Positive(t, swapped)
	})
}
