package sim_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// cpuSeconds are user plus system time of the rendered host.
func cpuSeconds(t *testing.T, m *machine, files *sim.Files) float64 {
	t.Helper()
	require.NoError(t, m.Render(context.Background(), files))
	stat, err := os.ReadFile(files.Proc + "/stat")
	require.NoError(t, err)
	var user, nice, system int64
	_, err = fmt.Sscanf(string(stat), "cpu %d %d %d", &user, &nice, &system)
	require.NoError(t, err)
	return float64(user+system) / 100
}

// Each 128 KiB of a load costs 220 us of a CPU and 68 us in the drive: in 10 s that is 10 x 220/288 =
// 7.6 s of CPU time, however often the counters are read.
func TestLoaderTakesCPUTime(t *testing.T) {
	loading := func(t *testing.T, poll time.Duration) (cpu float64) {
		synctest.Test(t, func(t *testing.T) {
			spec := specB(t, "L70B")
			spec.Device.CapacityBytes = 450 * spec.BlockBytes()
			spec.Host.CapacityBytes = 450 * spec.BlockBytes()
			m := start(t, spec, sim.DefaultParams())
			files, err := sim.NewFiles(t.TempDir())
			require.NoError(t, err)
			defer files.Close()
			long := 448 * 32
			for _, tag := range []string{"alpha", "alpha", "beta"} { // alpha goes to the NVMe, beta pushes it out of memory
				m.ask("u0-q0", prompt(tag, long), 2)
				time.Sleep(time.Minute)
			}
			time.Sleep(500 * time.Nanosecond)
			before := cpuSeconds(t, m, files)
			var wg sync.WaitGroup
			wg.Go(func() {
				a := m.ask("u0-q1", prompt("alpha", long), 2)
				assert.Greater(t, a.ttft, 10*time.Second, "the load covers the interval")
			})
			for range 10 * time.Second / poll {
				time.Sleep(poll)
				cpu = cpuSeconds(t, m, files) - before
			}
			wg.Wait()
			cpu -= 10 * sim.DefaultParams().Host.IdleCores
		})
		return cpu
	}
	once := loading(t, 10*time.Second)
	assert.InDelta(t, 7.6, once, 0.15)
	assert.InDelta(t, once, loading(t, 10*time.Millisecond), 0.021, "two counters of 10 ms each")
}

// A swapper that only waits for the drive takes no CPU time of its own.
func TestSwapTakesNoCPUTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specA(t, "L70B")
		spec.Device.CapacityBytes = 4 << 30
		p := sim.DefaultParams()
		p.Mechanisms.KVSwapToNVMe = true
		m := start(t, spec, p)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() { m.ask(fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), 2048), 8) })
		}
		wg.Wait()
		st := m.stats()
		require.Positive(t, st.KV.SwapInBlocks)
		want := time.Since(began).Seconds()*p.Host.IdleCores + float64(st.BusyNS)/1e9*p.Host.EngineCores
		assert.InDelta(t, want, cpuSeconds(t, m, files), 0.03)
	})
}
