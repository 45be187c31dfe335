package sim_test

import (
	"context"
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

// counters are what the rendered host shows; times in seconds, memory in bytes.
type counters struct {
	cpu, iowait, readBytes, ioSome float64
	free, available, cached        int64
}

func hostCounters(t *testing.T, m *machine, files *sim.Files) counters {
	t.Helper()
	require.NoError(t, m.Render(context.Background(), files))
	read := func(name string) string {
		b, err := os.ReadFile(files.Proc + "/" + name)
		require.NoError(t, err)
		return string(b)
	}
	var c counters
	var user, nice, system, idle, wait, some int64
	_, err := fmt.Sscanf(read("stat"), "cpu %d %d %d %d %d", &user, &nice, &system, &idle, &wait)
	require.NoError(t, err)
	c.cpu, c.iowait = float64(user+system)/100, float64(wait)/100
	var sectors int64
	_, err = fmt.Sscan(strings.Fields(read("diskstats"))[5], &sectors)
	require.NoError(t, err)
	c.readBytes = float64(sectors) * 512
	_, total, found := strings.Cut(strings.SplitN(read("pressure/io"), "\n", 2)[0], "total=")
	require.True(t, found)
	_, err = fmt.Sscan(total, &some)
	require.NoError(t, err)
	c.ioSome = float64(some) / 1e6
	for _, line := range strings.Split(strings.TrimSpace(read("meminfo")), "\n") {
		f := strings.Fields(line)
		for name, to := range map[string]*int64{"MemFree:": &c.free, "MemAvailable:": &c.available, "Cached:": &c.cached} {
			if f[0] == name {
				_, err := fmt.Sscan(f[1], to)
				require.NoError(t, err)
				*to *= 1024
			}
		}
	}
	return c
}

// look is hostCounters off the grid of events.
func look(t *testing.T, m *machine, files *sim.Files) counters {
	time.Sleep(500 * time.Nanosecond)
	c := hostCounters(t, m, files)
	time.Sleep(500 * time.Nanosecond)
	return c
}

// /proc/meminfo follows the files that are read, and the slots are memory of the server.
func TestMeminfoFollowsPageCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		bare := look(t, start(t, specA(t, "L8B"), sim.DefaultParams()), files)
		m := start(t, specLoRA(t, 2, 1), sim.DefaultParams())
		size := model(t, "L8B").LoRABytes(64)
		before := look(t, m, files)
		assert.Equal(t, bare.free-size, before.free, "one slot")
		assert.Equal(t, int64(4<<30), before.cached)
		m.touch("a")
		m.touch("b")
		m.touch("a")
		read := look(t, m, files)
		assert.Equal(t, before.cached+2*size, read.cached)
		assert.Equal(t, before.free-2*size, read.free)
		require.NoError(t, m.DropCaches(context.Background()))
		dropped := look(t, m, files)
		assert.Zero(t, dropped.cached)
		assert.Equal(t, before.free+4<<30, dropped.free, "the files of other programs go too")
		assert.Equal(t, dropped.free, dropped.available)
	})
}

// Files leave the page cache in the order of their last use when memory is short; one that is larger than
// all the room is not kept.
func TestPageCacheIsLRU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specLoRA(t, 5, 1)
		for i := range spec.LoRA.Adapters {
			spec.LoRA.Adapters[i].Bytes = 15_000_000_000
		}
		// MemTotal 130.66 GB - OS 6.44 - weights 9 - slot 30 - other files 4.29 - KV pool 22: 58.9 GB of room,
		// three files of 15 GB.
		spec.LoRA.Adapters[4].Bytes = 30_000_000_000
		spec.Device.CapacityBytes = 22_000_000_000
		m := start(t, spec, sim.DefaultParams())
		for _, tc := range []struct {
			adapter string
			cold    bool
		}{
			{"a", true}, {"b", true}, {"c", true}, {"a", false},
			{"d", true}, // pushes b out
			{"a", false}, {"c", false},
			{"b", true},  // pushes d out
			{"a", false}, // c, b, a
			{"e", true},  // 30 GB: c and b have to go
			{"a", false}, {"e", false}, {"c", true},
		} {
			before := m.stats().LoRA.BytesRead
			m.touch(tc.adapter)
			assert.Equal(t, tc.cold, m.stats().LoRA.BytesRead > before, "%s", tc.adapter)
		}

		large := specLoRA(t, 2, 1)
		large.LoRA.Adapters[0].Bytes = 60_000_000_000 // 93.7 GB less the slot of 60
		m = start(t, large, sim.DefaultParams())
		for range 2 {
			m.touch("a")
			m.touch("b")
		}
		assert.Equal(t, 2*large.LoRA.Adapters[0].Bytes+large.LoRA.Adapters[1].Bytes, m.stats().LoRA.BytesRead,
			"a is read again, b is not")
	})
}

// Of a file that is being read when the cache is dropped nothing stays.
func TestDropCachesDuringRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specLoRA(t, 2, 1), sim.DefaultParams())
		var wg sync.WaitGroup
		wg.Go(func() { m.touch("a") })
		time.Sleep(100*time.Millisecond + 500*time.Nanosecond)
		require.NoError(t, m.DropCaches(context.Background()))
		wg.Wait()
		m.touch("b")
		m.touch("a")
		assert.Equal(t, 3*model(t, "L8B").LoRABytes(64), m.stats().LoRA.BytesRead)
	})
}

// Readers of one drive slow each other down: the KV loader's reads cost the file's read time.
func TestFileReadSharesTheDrive(t *testing.T) {
	p := sim.DefaultParams()
	file := sim.NVMeStream{ReadShare: 1, IOBytes: p.Host.ReadaheadBytes, Depth: 1, SoftwareNS: p.Host.ReadaheadNS, Sync: true}
	alone := sim.SolveNVMe(p.NVMe, []sim.NVMeStream{file}).Streams[0].BytesPerSec
	assert.InEpsilon(t, coldBytesPerSec, alone, 0.002, "the measured rate")
	busy := sim.NVMeStream{ReadShare: 1, IOBytes: 512 << 10, Depth: 64, Sync: true}
	assert.Less(t, sim.SolveNVMe(p.NVMe, []sim.NVMeStream{file, busy}).Streams[0].BytesPerSec, alone/2)
}
