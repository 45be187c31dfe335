package sim_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// paging is a machine whose iterations read weights from the drive, looked at every 10 s.
func paging(t *testing.T, m sim.Mechanisms, visit func(at time.Duration, text string, c counters, files *sim.Files)) {
	synctest.Test(t, func(t *testing.T) {
		p := sim.DefaultParams()
		p.Mechanisms = m
		p.Mechanisms.PagedWeightsBytes = 64 << 20
		machine := start(t, specA(t, "L8B"), p)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		time.Sleep(500 * time.Nanosecond)
		began := time.Now()
		for i := range 10 {
			machine.ask("u0-q0", prompt("p", 100), 20)
			time.Sleep(time.Duration(i+1)*10*time.Second - time.Since(began))
			c := hostCounters(t, machine, files)
			text, err := os.ReadFile(filepath.Join(files.Proc, "diskstats"))
			require.NoError(t, err)
			visit(time.Duration(i+1)*10*time.Second, string(text), c, files)
		}
	})
}

// Counters that are frozen stay at zero while the drive works, and the kernel's other counters know better. Whether the
// queue's file says why is the difference between the two.
func TestFrozenCounters(t *testing.T) {
	var want counters
	paging(t, sim.Mechanisms{}, func(_ time.Duration, text string, c counters, files *sim.Files) {
		want = c
		assert.NotContains(t, text, " nvme0n1 0 0 0 ")
		assert.Equal(t, "1\n", iostats(t, files))
	})
	for told, m := range map[string]sim.Mechanisms{"1\n": {CountersFrozen: true}, "0\n": {IOStatsOff: true}} {
		var got counters
		paging(t, m, func(_ time.Duration, text string, c counters, files *sim.Files) {
			got = c
			assert.Equal(t, " 259       0 nvme0n1"+strings.Repeat(" 0", 17)+"\n", text)
			assert.Equal(t, told, iostats(t, files))
		})
		require.Positive(t, got.ioSome)
		want.readBytes = 0
		assert.Equal(t, want, got)
	}
}

func iostats(t *testing.T, files *sim.Files) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(files.Sys, "block", "nvme0n1", "queue", "iostats"))
	require.NoError(t, err)
	return string(text)
}

// Counters that are reset show from then on what has moved since, however often somebody looks.
func TestResetCounters(t *testing.T) {
	var want, got []float64
	paging(t, sim.Mechanisms{}, func(_ time.Duration, _ string, c counters, _ *sim.Files) { want = append(want, c.readBytes) })
	paging(t, sim.Mechanisms{CountersReset: 45 * time.Second}, func(_ time.Duration, _ string, c counters, _ *sim.Files) { got = append(got, c.readBytes) })
	assert.Equal(t, want[:4], got[:4])
	assert.Less(t, got[4], got[3])
	for i := 4; i < 10; i++ {
		assert.InDelta(t, want[i]-want[4], got[i]-got[4], 1)
	}
	assert.Less(t, got[4], 1e6, "of the 5 s since then: the operating system's")
}
