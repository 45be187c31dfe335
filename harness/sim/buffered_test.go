package sim_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

func buffered() sim.Params {
	p := sim.DefaultParams()
	p.Mechanisms.BufferedKVTier = true
	return p
}

// directBytesPerSec is the loader of specB.
const directBytesPerSec = 128 << 10 / 288.5e-6

// What was written a while ago is in the page cache: a load of it reads nothing, costs a copy, and shows in
// KVBM's counters as any other. After the cache was dropped it comes from the drive, and stays.
func TestBufferedKVTier(t *testing.T) {
	var direct, warm, cold tierTwo
	synctest.Test(t, func(t *testing.T) { direct = loadTierTwo(t, sim.DefaultParams(), nil) })
	synctest.Test(t, func(t *testing.T) { warm = loadTierTwo(t, buffered(), nil) })
	synctest.Test(t, func(t *testing.T) {
		cold = loadTierTwo(t, buffered(), func(m *machine) { require.NoError(t, m.DropCaches(context.Background())) })
	})
	bytes := float64(125 * direct.block)
	read := func(got tierTwo) float64 { return got.after.readBytes - got.before.readBytes }
	const background = 1 << 20 // bytes that the operating system may read meanwhile
	assert.InDelta(t, bytes, read(direct), background)
	assert.InDelta(t, bytes, read(cold), background)
	assert.Less(t, read(warm), float64(background))
	assert.GreaterOrEqual(t, warm.written["nvme0n1"], 128*warm.block, "written back")

	assert.InDelta(t, direct.answer.ttft, cold.answer.ttft, 2)
	saved := bytes/directBytesPerSec - bytes/warmBytesPerSec
	assert.InDelta(t, direct.answer.ttft.Seconds()-saved, warm.answer.ttft.Seconds(), 0.01)
	assert.Less(t, warm.after.iowait-warm.before.iowait, 0.011, "a jiffy")
	cpu := func(got tierTwo) float64 { return got.after.cpu - got.before.cpu }
	software := bytes / (128 << 10) * 220e-6
	assert.InDelta(t, bytes/warmBytesPerSec-software-0.2*saved, cpu(warm)-cpu(direct), 0.041, "four counters of 10 ms")

	assert.Equal(t, direct.stats.KV, warm.stats.KV, "KVBM cannot tell")
	assert.Equal(t, direct.stats.KV, cold.stats.KV)
	assert.EqualValues(t, 1, warm.stats.Fetch.Transfer.Count)
	assert.InEpsilon(t, bytes/warmBytesPerSec, warm.stats.Fetch.Transfer.Sum, 0.001)
	assert.InDelta(t, direct.stats.Fetch.Transfer.Sum, cold.stats.Fetch.Transfer.Sum, 2e-9)

	other := sim.DefaultParams().Host.PageCacheBytes
	assert.Equal(t, other, direct.after.cached, "direct I/O leaves nothing")
	assert.Equal(t, other+128*warm.block, warm.before.cached, "what was written")
	assert.Equal(t, warm.before.cached, warm.after.cached)
	assert.Equal(t, direct.before.free-128*warm.block, warm.before.free)
	assert.Zero(t, cold.before.cached)
	assert.Equal(t, 125*cold.block, cold.after.cached, "what was read")
}

// No task sleeps on a write that the kernel writes back.
func TestBufferedWriteBlocksNobody(t *testing.T) {
	stalled := func(p sim.Params) (s float64) {
		synctest.Test(t, func(t *testing.T) { s = loadTierTwo(t, p, nil).before.ioSome })
		return s
	}
	assert.Greater(t, stalled(sim.DefaultParams()), 0.3)
	assert.Less(t, stalled(buffered()), 0.1, "the operating system's own reads")
}

// Of a load that is partly in the page cache the rest is read first.
func TestBufferedLoadInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := smallTiers(t, 130, 130)
		m := start(t, spec, buffered())
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		ask := func(tag string, n int) answer {
			a := m.ask("u0-q0", prompt(tag, n), 16)
			time.Sleep(time.Minute)
			return a
		}
		ask("alpha", 4097)
		ask("alpha", 4097)
		ask("beta", 4097)
		require.NoError(t, m.DropCaches(context.Background()))
		assert.Equal(t, 2048, ask("alpha", 2049).cached) // its start comes back into the page cache
		ask("gamma", 4097)                               // and goes out of the KV tiers in memory
		before, kv, fetch := look(t, m, files), m.stats().KV, m.stats().Fetch
		assert.Equal(t, 4096, ask("alpha", 4097).cached)
		after, st := look(t, m, files), m.stats()
		loaded := st.KV.OnboardD2D - kv.OnboardD2D
		read := (after.readBytes - before.readBytes) / float64(spec.BlockBytes())
		assert.Greater(t, loaded, int64(120))
		assert.Greater(t, loaded-int64(read), int64(60), "the start")
		assert.Greater(t, read, 60.0)
		fromDrive := float64(int64(read)) * float64(spec.BlockBytes())
		fromCache := float64(loaded*spec.BlockBytes()) - fromDrive
		assert.InDelta(t, fromDrive/directBytesPerSec+fromCache/warmBytesPerSec, st.Fetch.Transfer.Sum-fetch.Transfer.Sum, 0.005)
	})
}

// The page cache holds what memory is left, the least recently used block goes first, and a block takes over
// the pages of the one whose place in the file it gets. A restart begins with an empty file.
func TestBufferedTierKeepsWhatFits(t *testing.T) {
	for name, tc := range map[string]struct {
		room, tier int64 // blocks
		want       int64 // in the page cache after two prompts of 32 blocks
		cold       int64 // of the first prompt
	}{
		"room for both": {room: 100, tier: 1000, want: 64, cold: 0},
		"for one":       {room: 40, tier: 1000, want: 40, cold: 24},
		"a small tier":  {room: 100, tier: 48, want: 48, cold: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := smallTiers(t, 34, 32)
				spec.Disk.CapacityBytes = tc.tier * spec.BlockBytes()
				p := buffered()
				p.Host.MemTotalBytes = p.Host.OSBytes + spec.Model.WeightsBytes + p.Host.PageCacheBytes +
					(34+32+tc.room)*spec.BlockBytes() + 1<<20
				m := start(t, spec, p)
				files, err := sim.NewFiles(t.TempDir())
				require.NoError(t, err)
				defer files.Close()
				for _, tag := range []string{"alpha", "alpha", "beta", "beta"} {
					m.ask("u0-q0", prompt(tag, 1025), 2)
					time.Sleep(time.Minute)
				}
				before := look(t, m, files)
				assert.Equal(t, p.Host.PageCacheBytes+tc.want*spec.BlockBytes(), before.cached)
				if cached := m.ask("u0-q0", prompt("alpha", 1025), 2).cached; tc.tier > 64 {
					require.Equal(t, 1024, cached)
					read := look(t, m, files).readBytes - before.readBytes
					assert.Equal(t, tc.cold, int64(read)/spec.BlockBytes())
				}
				time.Sleep(time.Minute)
				require.NoError(t, m.restart())
				assert.Equal(t, p.Host.PageCacheBytes, look(t, m, files).cached)
			})
		})
	}
}

// A prefetch reads through the page cache too.
func TestBufferedPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := smallTiers(t, 33, 32)
		spec.MaxBatchSize, spec.PrefetchDepth = 1, 1
		m := start(t, spec, buffered())
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		for _, tag := range []string{"alpha", "alpha", "beta"} {
			m.ask("u0-q0", prompt(tag, 1025), 15)
			time.Sleep(time.Minute)
		}
		before := look(t, m, files)
		hog := make(chan struct{})
		go func() {
			defer close(hog)
			m.ask("u1-q0", prompt("short", 31), 2)
		}()
		time.Sleep(time.Millisecond)
		assert.Equal(t, 1024, m.ask("u2-q0", prompt("alpha", 1025), 2).cached)
		<-hog
		assert.EqualValues(t, 32, m.stats().KV.Host.PrefetchesUsed)
		assert.Less(t, look(t, m, files).readBytes-before.readBytes, float64(spec.BlockBytes()))
	})
}
