package sim_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// The log tells the tiers as they were allocated, in whole blocks of 10 MiB for 70B at fp16.
func TestStartupLog(t *testing.T) {
	const device = "tier=device blocks=819 bytes_per_block=10485760 eviction_policy=LRU\n"
	configured := func() sim.Spec {
		s := specB(t, "L70B")
		s.Host = sim.TierSpec{CapacityBytes: 20 << 30, Policy: "LFU"}
		s.Disk.Policy, s.OffloadMinFreq = "SEGMENTED", 3
		return s
	}
	for name, tc := range map[string]struct {
		spec   func(*sim.Spec)
		ignore bool
		want   string
	}{
		"all tiers": {func(*sim.Spec) {}, false, "kvbm: " + device +
			"kvbm: tier=host blocks=2048 bytes_per_block=10485760 eviction_policy=LFU\n" +
			"kvbm: tier=disk blocks=52428 bytes_per_block=10485760 eviction_policy=SEGMENTED offload_min_frequency=3\n"},
		"settings ignored": {func(*sim.Spec) {}, true, "kvbm: " + device +
			"kvbm: tier=host blocks=2457 bytes_per_block=10485760 eviction_policy=LRU\n" +
			"kvbm: tier=disk blocks=52428 bytes_per_block=10485760 eviction_policy=SEGMENTED offload_min_frequency=3\n"},
		"no lower tiers":                  {func(s *sim.Spec) { s.Host, s.Disk = sim.TierSpec{}, sim.TierSpec{} }, false, "kvbm: " + device},
		"no lower tiers, nothing ignored": {func(s *sim.Spec) { s.Host, s.Disk = sim.TierSpec{}, sim.TierSpec{} }, true, "kvbm: " + device},
		"trtllm":                          {func(s *sim.Spec) { s.Dialect = sim.DialectTRTLLM }, false, "trtllm: " + device},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec, p := configured(), sim.DefaultParams()
				tc.spec(&spec)
				p.Mechanisms.IgnoreTierSettings = tc.ignore
				m := start(t, spec, p)
				assert.Equal(t, tc.want, m.StartupLog())
				require.NoError(t, m.restart())
				assert.Equal(t, tc.want, m.StartupLog(), "the restarted process ignores the same")
				if spec.Host.CapacityBytes > 0 && spec.Dialect == sim.DialectDynamo {
					assert.Contains(t, m.StartupLog(), fmt.Sprintf("tier=host blocks=%d ", m.stats().KV.Host.CapacityBlocks))
				}
			})
		})
	}
}

// What the mechanism allocates is what the host's memory shows, not what was configured.
func TestIgnoredSettingsTakeMemory(t *testing.T) {
	free := func(t *testing.T, hostBytes int64, ignore bool) (kib string) {
		synctest.Test(t, func(t *testing.T) {
			spec, p := specB(t, "L70B"), sim.DefaultParams()
			spec.Host.CapacityBytes = hostBytes
			p.Mechanisms.IgnoreTierSettings = ignore
			m := start(t, spec, p)
			files, err := sim.NewFiles(t.TempDir())
			require.NoError(t, err)
			defer files.Close()
			time.Sleep(500 * time.Nanosecond)
			require.NoError(t, m.Render(context.Background(), files))
			b, err := os.ReadFile(files.Proc + "/meminfo")
			require.NoError(t, err)
			_, rest, _ := strings.Cut(string(b), "MemFree:")
			kib, _, _ = strings.Cut(rest, "\n")
		})
		return kib
	}
	assert.Equal(t, free(t, 24<<30, false), free(t, 8<<30, true))
	assert.NotEqual(t, free(t, 8<<30, false), free(t, 8<<30, true))
}
