package sim_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// pid is the server's process.
func (m *watched) pid() int {
	pid, err := m.ServerPID(context.Background())
	require.NoError(m.t, err)
	return pid
}

// What the engine and the KV manager move counts as the server's, to the byte, on whichever drive; what other programs and
// the operating system move does not.
func TestServerIO(t *testing.T) {
	for _, second := range []bool{false, true} {
		t.Run(fmt.Sprint("second=", second), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := sim.DefaultParams()
				p.Mechanisms.KVOnSecondDrive = second
				w := &watched{}
				var busy int
				got := loadTierTwo(t, p, func(m *machine) {
					var err error
					w.machine = m
					busy, err = m.StartForeign(context.Background(), loops(asyncJobs...)...)
					require.NoError(t, err)
				})
				w.files = got.files
				io := w.io(w.pid())
				assert.EqualValues(t, 125*got.block, io.ReadBytes)
				assert.EqualValues(t, 128*got.block, io.WriteBytes)
				assert.Zero(t, io.CancelledWriteBytes)
				other := w.io(busy)
				assert.Greater(t, int64(other.ReadBytes), got.block)
				time.Sleep(time.Second)
				assert.Equal(t, io, w.io(w.pid()), "others go on")
			})
		})
	}
}

// Swapped sequences and adapters are the server's, too.
func TestServerIOOfSwapAndAdapters(t *testing.T) {
	on := func(t *testing.T, spec sim.Spec, p sim.Params) *watched {
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, files.Close()) })
		return &watched{start(t, spec, p), files}
	}
	t.Run("swap", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			spec, p := specA(t, "L70B"), sim.DefaultParams()
			spec.Device.CapacityBytes, p.Mechanisms.KVSwapToNVMe = 4<<30, true
			w := on(t, spec, p)
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() { w.ask(fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), 2048), 8) })
			}
			wg.Wait()
			kv, io := w.stats().KV, w.io(w.pid())
			require.Positive(t, kv.SwapOutBlocks)
			assert.EqualValues(t, kv.SwapInBlocks*spec.BlockBytes(), io.ReadBytes)
			assert.EqualValues(t, kv.SwapOutBlocks*spec.BlockBytes(), io.WriteBytes)
		})
	})
	t.Run("adapters", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			spec := specLoRA(t, 2, 2)
			w := on(t, spec, sim.DefaultParams())
			w.touch("a")
			w.touch("b")
			w.touch("a")
			io := w.io(w.pid())
			assert.EqualValues(t, 2*spec.LoRA.Adapters[0].Bytes, io.ReadBytes, "each once")
			assert.Zero(t, io.WriteBytes)
		})
	})
}

// What is under way counts as far as it has come, and never goes back.
func TestServerIOUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sim.DefaultParams()
		p.Mechanisms.PagedWeightsBytes = 1 << 30
		m := start(t, specA(t, "L8B"), p)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, files.Close()) })
		w := &watched{m, files}
		done := make(chan struct{})
		go func() {
			defer close(done)
			m.ask("u0-q0", prompt("alpha", 64), 4)
		}()
		var before uint64
		steps := 0
		for range 200 {
			time.Sleep(20*time.Millisecond + 300*time.Nanosecond)
			now := w.io(w.pid()).ReadBytes
			require.GreaterOrEqual(t, now, before)
			if now%(1<<30) != 0 {
				steps++
			}
			before = now
		}
		<-done
		assert.Greater(t, steps, 5, "parts of a read show")
		assert.Positive(t, before)
		assert.Zero(t, w.io(w.pid()).ReadBytes%(1<<30), "and all of it in the end")
	})
}

// An idle server moves nothing while the drive does, and what is read and written by hand is not the server's.
func TestReadAndWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := watch(t, specA(t, "L8B"))
		time.Sleep(10 * time.Second)
		_, sectorsRead, _, _, sectorsWritten := m.disk()
		require.Positive(t, sectorsWritten, "the operating system")
		require.NoError(t, m.ReadAndWrite(context.Background(), 0, 1<<20, 3<<19))
		time.Sleep(5 * time.Millisecond)
		_, read, _, _, written := m.disk()
		assert.InDelta(t, 1<<20, 512*(read-sectorsRead), 64<<10, "and a request or two of the operating system")
		assert.InDelta(t, 3<<19, 512*(written-sectorsWritten), 64<<10)
		io := m.io(m.pid())
		assert.Zero(t, io.ReadBytes+io.WriteBytes)
		assert.Empty(t, m.shown(), "no process of it is shown")
	})
}

// After a restart the server is another process, whose account begins at 0; the one before is gone.
func TestServerIOAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{}
		got := loadTierTwo(t, sim.DefaultParams(), func(m *machine) { w.machine = m })
		w.files = got.files
		before := w.pid()
		require.Positive(t, w.io(before).ReadBytes)
		require.NoError(t, w.Restart(context.Background()))
		after := w.pid()
		assert.Equal(t, before+1, after)
		io := w.io(after)
		assert.Zero(t, io.ReadBytes+io.WriteBytes)
		assert.NoDirExists(t, filepath.Join(got.files.Proc, fmt.Sprint(before)))
		for range 2 {
			w.ask("u1-q1", prompt("gamma", 4096), 16)
		}
		time.Sleep(time.Minute)
		assert.EqualValues(t, 128*got.block, w.io(after).WriteBytes, "of the new server alone")
	})
}

// A storage that is not modelled tells nothing of the server's process, and nothing is made up.
func TestServerIOOfAnotherStorage(t *testing.T) {
	m, _ := onFiles(t)
	files, err := sim.NewFiles(t.TempDir())
	require.NoError(t, err)
	defer files.Close()
	pid, err := m.ServerPID(t.Context())
	require.NoError(t, err)
	assert.Zero(t, pid)
	require.NoError(t, m.Render(t.Context(), files))
	entries, err := os.ReadDir(files.Proc)
	require.NoError(t, err)
	for _, e := range entries {
		assert.NotRegexp(t, "^[0-9]+$", e.Name())
	}
	require.ErrorContains(t, m.ReadAndWrite(t.Context(), 0, 1, 1), "not modelled")
}

// The rendered device has the facts that decide what its counters tell.
func TestRenderedDevice(t *testing.T) {
	files, err := sim.NewFiles(t.TempDir())
	require.NoError(t, err)
	defer files.Close()
	for name, want := range map[string]string{"dev": "259:0\n", "queue/iostats": "1\n"} {
		text, err := os.ReadFile(filepath.Join(files.Sys, "block", sim.BlockDevice, name))
		require.NoError(t, err)
		assert.Equal(t, want, string(text))
	}
}
