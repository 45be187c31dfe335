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

// restart is off the grid, as a scrape is.
func (m *machine) restart() error {
	time.Sleep(500 * time.Nanosecond)
	err := m.Restart(context.Background())
	time.Sleep(500 * time.Nanosecond)
	return err
}

// A restarted server is as one that has just been started: nothing cached in any tier, all pages as new.
func TestRestartEmpties(t *testing.T) {
	for dialect, spec := range map[string]sim.Spec{"trtllm": specA(t, "L70B"), "dynamo": smallTiers(t, 33, 64)} {
		t.Run(dialect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec.BlockReuse = true
				pages := func(m *machine) string {
					out := ""
					for _, h := range []string{"frontend", "worker", "kvbm"} {
						if m.handlers[h] != nil {
							out += m.get(h, "/metrics")
						}
					}
					if dialect == "trtllm" {
						out += m.get("frontend", "/prometheus/metrics") + m.get("frontend", "/perf_metrics")
					}
					return out
				}
				fresh := start(t, spec, sim.DefaultParams())
				empty, page := fresh.stats(), pages(fresh)
				m := start(t, spec, sim.DefaultParams())
				for i := range 4 {
					m.ask(fmt.Sprintf("u%d-q%d", i%2, i/2), prompt(fmt.Sprint("p", i%2), 1024), 16)
					time.Sleep(time.Minute)
				}
				require.NotEqual(t, empty, m.stats())
				if dialect == "dynamo" {
					require.Positive(t, m.stats().KV.OffloadH2D)
				}
				require.NoError(t, m.restart())
				assert.Equal(t, empty, m.stats())
				assert.Equal(t, page, pages(m))
				for i := range 2 {
					assert.Zero(t, m.ask(fmt.Sprintf("u%d-q9", i), prompt(fmt.Sprint("p", i), 1024), 16).cached)
				}
				time.Sleep(time.Minute)
				assert.Zero(t, m.stats().KV.OffloadH2D, "the filter has forgotten that it saw the prompts")
			})
		})
	}
}

// A write that was under way when the server restarted never arrives, and the machine goes on: the next
// writes and loads find an idle drive.
func TestRestartDropsTransfers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, smallTiers(t, 100, 64), sim.DefaultParams())
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		for _, id := range []string{"u0-q0", "u1-q0", "u0-q1", "u1-q1"} { // two writes, one behind the other
			m.ask(id, prompt("p"+id[:2], 1024), 1)
		}
		require.Zero(t, m.stats().KV.OffloadH2D, "under way")
		cpu, written := cpuSeconds(t, m, files), sectorsWritten(t, files)
		require.Positive(t, written)
		require.NoError(t, m.restart())
		assert.InDelta(t, cpu, cpuSeconds(t, m, files), 0.011, "the operating system did not restart")
		assert.InDelta(t, written, sectorsWritten(t, files), 300, "but for the background and what was under way")
		time.Sleep(time.Minute)
		assert.Zero(t, m.stats().KV.OffloadH2D)
		assert.InDelta(t, 60*0.2, cpuSeconds(t, m, files)-cpu, 0.1, "the daemons alone")

		for _, id := range []string{"u0-q2", "u0-q3"} {
			m.ask(id, prompt("pu0", 1024), 2)
		}
		time.Sleep(time.Minute)
		assert.EqualValues(t, 32, m.stats().KV.OffloadH2D)
	})
}

// The CPU time of transfers after a restart counts in full, whatever those before it had cost.
func TestRestartKeepsCPUTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		var cost [2]float64
		for i := range cost {
			m := start(t, smallTiers(t, 100, 64), sim.DefaultParams())
			twice := func() {
				for _, id := range []string{"u0-q0", "u0-q1"} {
					m.ask(id, prompt("p", 1024), 1)
				}
			}
			if i == 1 {
				twice()
				time.Sleep(300 * time.Millisecond) // the write is under way
			}
			time.Sleep(500 * time.Nanosecond)
			before := cpuSeconds(t, m, files)
			require.NoError(t, m.Restart(context.Background()))
			time.Sleep(500 * time.Nanosecond)
			twice()
			time.Sleep(time.Minute)
			require.EqualValues(t, 32, m.stats().KV.OffloadH2D)
			time.Sleep(500 * time.Nanosecond)
			cost[i] = cpuSeconds(t, m, files) - before
		}
		assert.InDelta(t, cost[0], cost[1], 0.021)
	})
}

// sectorsWritten is what the files that cpuSeconds has rendered say of the drive.
func sectorsWritten(t *testing.T, files *sim.Files) int64 {
	b, err := os.ReadFile(files.Proc + "/diskstats")
	require.NoError(t, err)
	var n int64
	_, err = fmt.Sscan(strings.Fields(string(b))[9], &n)
	require.NoError(t, err)
	return n
}

// A server with requests in flight refuses to restart, and nothing happens to them.
func TestRestartRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specB(t, "L8B")
		spec.MaxBatchSize = 1
		m := start(t, spec, sim.DefaultParams())
		tokens := make(chan int)
		for i := range 2 {
			go func() { tokens <- m.ask(fmt.Sprintf("u%d-q0", i), prompt("x", 64), 20).tokens }()
		}
		time.Sleep(100 * time.Millisecond)
		require.EqualError(t, m.restart(), "the server cannot restart: 1 requests are running and 1 waiting; let them end first")
		assert.Equal(t, 20, <-tokens)
		time.Sleep(100 * time.Millisecond)
		require.ErrorContains(t, m.restart(), "1 requests are running and 0 waiting")
		assert.Equal(t, 20, <-tokens)
		assert.EqualValues(t, 2, m.stats().Completed)
		require.NoError(t, m.restart())
		m.Close()
		require.ErrorIs(t, m.Restart(context.Background()), sim.ErrStopped)
	})
}
