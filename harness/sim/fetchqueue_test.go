package sim_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// ioPressure are the totals of pressure/io, s.
func ioPressure(t *testing.T, files *sim.Files) (some, full float64) {
	t.Helper()
	text, err := os.ReadFile(files.Proc + "/pressure/io")
	require.NoError(t, err)
	totals := make([]float64, 0, 2)
	for line := range strings.Lines(string(text)) {
		_, after, found := strings.Cut(line, "total=")
		require.True(t, found)
		var us int64
		_, err := fmt.Sscan(after, &us)
		require.NoError(t, err)
		totals = append(totals, float64(us)/1e6)
	}
	require.Len(t, totals, 2)
	return totals[0], totals[1]
}

// fetchTogether lets three requests ask for 32 blocks of the NVMe each in the same instant, and returns what the
// host's counters gained meanwhile. They are read every so often; 0: only before and after.
func fetchTogether(t *testing.T, p sim.Params, every time.Duration) (some, full, iowait float64, st sim.EngineStats, slowest time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		spec := specB(t, "L70B")
		spec.Device.CapacityBytes = 100 * spec.BlockBytes()
		spec.Host.CapacityBytes = 96 * spec.BlockBytes()
		m := start(t, spec, p)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		for _, tag := range []string{"a", "b", "c", "a", "b", "c", "x", "y", "z"} { // x, y, z push the others out
			m.ask("u0-q0", prompt(tag, 1025), 2)
			time.Sleep(20 * time.Second)
		}
		before := look(t, m, files)
		_, fullBefore := ioPressure(t, files)
		var wg sync.WaitGroup
		var mu sync.Mutex
		for i, tag := range []string{"a", "b", "c"} {
			wg.Go(func() {
				a := m.ask(fmt.Sprintf("u%d-q1", i), prompt(tag, 1025), 2)
				mu.Lock()
				defer mu.Unlock()
				slowest = max(slowest, a.e2e)
				assert.Equal(t, 1024, a.cached)
			})
		}
		if every > 0 {
			time.Sleep(500 * time.Nanosecond)
			last := before
			for range int(6 * time.Second / every) {
				time.Sleep(every)
				c := hostCounters(t, m, files)
				require.GreaterOrEqual(t, c.ioSome, last.ioSome)
				require.GreaterOrEqual(t, c.iowait, last.iowait)
				last = c
			}
			time.Sleep(500 * time.Nanosecond)
		}
		wg.Wait()
		after := look(t, m, files)
		_, fullAfter := ioPressure(t, files)
		st = m.stats()
		some, full, iowait = after.ioSome-before.ioSome, fullAfter-fullBefore, after.iowait-before.iowait
	})
	return some, full, iowait, st, slowest
}

// With BlockingFetch the pressure on I/O lasts from the first request that asks until the last has its blocks,
// and iowait counts each request that waits, up to what busy CPUs hide. Otherwise they show the drive's part of
// one loader.
func TestBlockingFetch(t *testing.T) {
	p := sim.DefaultParams()
	load := float64(32*80) * 288.5e-6 // 32 blocks of 80 I/Os of 128 KiB
	drive := 3 * load * 68.5 / 288.5
	some, _, iowait, st, slowest := fetchTogether(t, p, 0)
	require.EqualValues(t, 96, st.KV.OnboardD2D)
	assert.InEpsilon(t, drive, some, 0.02)
	assert.InEpsilon(t, drive, iowait, 0.12)

	p.Mechanisms.BlockingFetch = true
	some, full, iowait, blocked, sameSlowest := fetchTogether(t, p, 0)
	assert.Equal(t, st, blocked, "nothing but the host's counters changes")
	assert.Equal(t, slowest, sameSlowest)
	assert.InEpsilon(t, 3*load, some, 0.01, "until the last")
	assert.InEpsilon(t, (3+2+1)*load, iowait, 0.12, "three, then two, then one")
	waited := blocked.Fetch.Queue.Sum + blocked.Fetch.Transfer.Sum
	assert.InEpsilon(t, (3+2+1)*load, waited, 0.01)
	assert.LessOrEqual(t, iowait, waited+0.01)
	// The first has its blocks after a third of it, and its two iterations stall nobody, nor do the second's.
	assert.InDelta(t, some-2*2*0.245, full, 0.02)

	// A reader changes nothing.
	for _, every := range []time.Duration{time.Second, 7 * time.Millisecond} {
		someRead, fullRead, iowaitRead, _, _ := fetchTogether(t, p, every)
		assert.InDelta(t, 3*load, someRead, 0.03, "every %v", every)
		// It reads on for up to six seconds, in which the operating system reads a little.
		assert.InDelta(t, some, someRead, 0.002, "every %v", every)
		assert.InDelta(t, full, fullRead, 0.002, "every %v", every)
		assert.InDelta(t, iowait, iowaitRead, 0.011, "every %v", every)
	}
}

// A request that waits for a prefetch of its blocks sleeps too, and the loader beside it is a task of its own.
func TestBlockingFetchOfPrefetch(t *testing.T) {
	var seen [2]float64
	for i, blocking := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			spec := smallTiers(t, 33, 32) // one prompt of 1024 + 16 tokens
			spec.MaxBatchSize, spec.PrefetchDepth = 1, 1
			p := sim.DefaultParams()
			p.Mechanisms.BlockingFetch = blocking
			m := start(t, spec, p)
			files, err := sim.NewFiles(t.TempDir())
			require.NoError(t, err)
			defer files.Close()
			for _, tag := range []string{"alpha", "alpha", "beta"} {
				m.ask("u0-q0", prompt(tag, 1025), 15)
				time.Sleep(time.Minute)
			}
			var wg sync.WaitGroup
			wg.Go(func() { m.ask("u1-q0", prompt("short", 31), 2) }) // holds the one slot while the prefetch begins
			time.Sleep(time.Millisecond)
			before := look(t, m, files)
			a := m.ask("u2-q0", prompt("alpha", 1025), 2)
			wg.Wait()
			after := look(t, m, files)
			require.Equal(t, 1024, a.cached)
			require.EqualValues(t, 32, m.stats().KV.Host.PrefetchesUsed)
			seen[i] = after.ioSome - before.ioSome
		})
	}
	load := float64(32*80) * 288.5e-6
	assert.InEpsilon(t, load*68.5/288.5, seen[0], 0.03)
	assert.Greater(t, seen[1], seen[0]+0.1)
	assert.Less(t, seen[1], load, "it waits from its admission on")
}
