package sim_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// diskBytes are the bytes that the rendered diskstats shows as read and written, by device.
func diskBytes(t *testing.T, files *sim.Files) (read, written map[string]int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(files.Proc, "diskstats"))
	require.NoError(t, err)
	read, written = map[string]int64{}, map[string]int64{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		require.Len(t, f, 20)
		var r, w int64
		_, err := fmt.Sscan(f[5]+" "+f[9], &r, &w)
		require.NoError(t, err)
		read[f[2]], written[f[2]] = r*512, w*512
	}
	return read, written
}

// tierTwo is one load of 125 blocks from the NVMe: a prompt that was asked for twice, so that it has been
// written there, is pushed out of both memory tiers by another.
type tierTwo struct {
	block         int64
	answer        answer
	before, after counters
	stats         sim.EngineStats
	read, written map[string]int64 // since the machine's start
	files         *sim.Files
}

// loadTierTwo plays it on a machine with these parameters; prepare is called just before the load.
func loadTierTwo(t *testing.T, p sim.Params, prepare func(*machine)) tierTwo {
	spec := specB(t, "L70B")
	spec.Device.CapacityBytes = 130 * spec.BlockBytes() // one sequence of 4096 + 16 tokens
	spec.Host.CapacityBytes = 130 * spec.BlockBytes()
	m := start(t, spec, p)
	files, err := sim.NewFiles(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, files.Close()) })
	for _, tag := range []string{"alpha", "alpha", "beta"} {
		m.ask("u0-q0", prompt(tag, 4096), 16)
		time.Sleep(time.Minute)
	}
	if prepare != nil {
		prepare(m)
	}
	out := tierTwo{block: spec.BlockBytes(), files: files}
	out.before = look(t, m, files)
	out.answer = m.ask("u0-q1", prompt("alpha", 4096), 16)
	out.after = look(t, m, files)
	require.Equal(t, 4064, out.answer.cached)
	out.stats = m.stats()
	out.read, out.written = diskBytes(t, files)
	return out
}

// The KV tier on a drive of its own: the first drive shows the operating system and the adapters, the second
// the KV; what waits for either is seen.
func TestKVOnSecondDrive(t *testing.T) {
	for _, second := range []bool{false, true} {
		t.Run(fmt.Sprint("second=", second), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := sim.DefaultParams()
				p.Mechanisms.KVOnSecondDrive = second
				got := loadTierTwo(t, p, nil)
				read, written := got.read, got.written
				loaded, offloaded := 125*got.block, 128*got.block
				_, err := os.Stat(filepath.Join(got.files.Sys, "block", "nvme1n1"))
				if second {
					require.NoError(t, err)
					assert.Equal(t, map[string]int64{"nvme0n1": read["nvme0n1"], "nvme1n1": loaded}, read, "no background there")
					assert.Equal(t, offloaded, written["nvme1n1"])
					assert.Less(t, read["nvme0n1"], loaded/50, "the operating system")
					assert.Positive(t, read["nvme0n1"])
				} else {
					require.ErrorIs(t, err, os.ErrNotExist)
					assert.Len(t, read, 1)
					assert.Greater(t, read["nvme0n1"], loaded)
				}
				// 68.5 of each 288.5 us of a load's I/O a task is blocked, on whatever drive.
				blocked := float64(loaded/(128<<10)) * 68.5e-6
				assert.InEpsilon(t, blocked, got.after.ioSome-got.before.ioSome, 0.02)
				assert.InEpsilon(t, blocked, got.after.iowait-got.before.iowait, 0.1, "less what busy CPUs hide")
			})
		})
	}
}

// A second drive of another make: the KV tier lies on it or it stands still, fetches take what its drive takes, and what is read and
// written by hand is seen on the drive that was meant.
func TestSecondDriveOfItsOwnMake(t *testing.T) {
	fetch := func(slow, onSecond bool) (ttft time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p := sim.DefaultParams()
			p.Second = p.NVMe
			if slow {
				p.Second.FixedNS *= 10
			}
			p.Mechanisms.KVOnSecondDrive = onSecond
			got := loadTierTwo(t, p, func(m *machine) {
				require.ErrorContains(t, m.ReadAndWrite(t.Context(), 2, 1, 1), "the machine has 2 drives, and none of number 2")
			})
			loaded := 125 * got.block
			on, other := "nvme0n1", "nvme1n1"
			if onSecond {
				on, other = other, on
			}
			assert.GreaterOrEqual(t, got.read[on], loaded)
			assert.Less(t, got.read[other], loaded/50)
			assert.GreaterOrEqual(t, got.written[on], 128*got.block)
			ttft = got.answer.ttft
		})
		return ttft
	}
	own := fetch(true, false)
	assert.InDelta(t, own.Seconds(), fetch(false, true).Seconds(), 1e-3, "of one make they take as long")
	assert.Greater(t, fetch(true, true), own*3/2)

	synctest.Test(t, func(t *testing.T) {
		p := sim.DefaultParams()
		p.Second = p.NVMe
		m := start(t, specA(t, "L8B"), p)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, files.Close()) })
		require.NoError(t, m.ReadAndWrite(t.Context(), 1, 1<<20, 2<<20))
		time.Sleep(time.Second)
		require.NoError(t, m.Render(t.Context(), files))
		read, written := diskBytes(t, files)
		assert.EqualValues(t, 1<<20, read["nvme1n1"])
		assert.EqualValues(t, 2<<20, written["nvme1n1"])
	})

	p := sim.DefaultParams()
	p.Second = sim.NVMeParams{Planes: 1}
	require.ErrorContains(t, sim.Check(sim.Spec{}, p), "nvme: ControllerCmdsPerSec is 0")
}

// What another program does on the system's drive slows loads on the same drive and no others. Pressure
// never shows more than the time that has passed.
func TestSecondDriveIsIndependent(t *testing.T) {
	load := func(second, busy bool) (ttft time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p := sim.DefaultParams()
			p.Mechanisms.KVOnSecondDrive = second
			got := loadTierTwo(t, p, func(m *machine) {
				if !busy {
					return
				}
				_, err := m.Stream(context.Background(), sim.NVMeStream{ReadShare: 0.7, IOBytes: 16 << 10, Depth: 128, Sync: true})
				require.NoError(t, err)
			})
			ttft = got.answer.ttft
			elapsed := got.answer.e2e.Seconds()
			stalled := got.after.ioSome - got.before.ioSome
			assert.LessOrEqual(t, stalled, elapsed+2e-6)
			if busy {
				assert.Greater(t, stalled, 0.99*elapsed)
				assert.Greater(t, got.after.iowait-got.before.iowait, 15*elapsed, "128 tasks on 20 CPUs")
			}
		})
		return ttft
	}
	alone := load(false, false)
	assert.Greater(t, load(false, true), alone*4/3)
	assert.InDelta(t, alone.Seconds(), load(true, false).Seconds(), 1e-9)
	// The system's drive still shares the memory with the GPU, so that one iteration is a little longer.
	assert.InDelta(t, alone.Seconds(), load(true, true).Seconds(), 0.03)
}

// What is read from two drives is counted however often somebody looks.
func TestStallsDoNotDependOnReaders(t *testing.T) {
	watch := func(every time.Duration) (c counters) {
		synctest.Test(t, func(t *testing.T) {
			p := sim.DefaultParams()
			p.Mechanisms.KVOnSecondDrive = true
			c = loadTierTwo(t, p, func(m *machine) {
				_, err := m.Stream(context.Background(), sim.NVMeStream{ReadShare: 1, IOBytes: 128 << 10, Depth: 1, SoftwareNS: 50_000, Sync: true})
				require.NoError(t, err)
				if every == 0 {
					return
				}
				files, err := sim.NewFiles(t.TempDir())
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan struct{})
				t.Cleanup(func() { cancel(); <-done; assert.NoError(t, files.Close()) })
				go func() {
					defer close(done)
					time.Sleep(300 * time.Nanosecond)
					for ctx.Err() == nil {
						_ = m.Render(ctx, files)
						select {
						case <-time.After(every):
						case <-ctx.Done():
						}
					}
				}()
			}).after
		})
		return c
	}
	seldom, often := watch(0), watch(7*time.Millisecond)
	assert.InDelta(t, seldom.ioSome, often.ioSome, 3e-6)
	assert.InDelta(t, seldom.iowait, often.iowait, 0.011, "a jiffy")
}

// Swapped sequences go to the drive of the KV tier.
func TestSwapOnSecondDrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specA(t, "L70B")
		spec.Device.CapacityBytes = 1 << 30
		p := sim.DefaultParams()
		p.Mechanisms.KVSwapToNVMe, p.Mechanisms.KVOnSecondDrive = true, true
		m := start(t, spec, p)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				assert.Equal(t, 8, m.ask(fmt.Sprintf("u%d-q0", i), prompt(fmt.Sprint("p", i), 2048), 8).tokens)
			})
		}
		wg.Wait()
		look(t, m, files)
		read, written := diskBytes(t, files)
		kv := m.stats().KV
		require.Positive(t, kv.SwapInBlocks)
		assert.Equal(t, kv.SwapInBlocks*spec.BlockBytes(), read["nvme1n1"])
		assert.Equal(t, kv.SwapOutBlocks*spec.BlockBytes(), written["nvme1n1"])
		assert.Less(t, read["nvme0n1"], int64(64<<20), "the operating system")
	})
}
