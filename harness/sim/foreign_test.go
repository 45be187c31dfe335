package sim_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/procfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// Four jobs of fio's randrw 70/30 with 32 I/Os of 16 KiB in flight each, and the same from tasks that block.
var (
	asyncJobs = streams(4, sim.NVMeStream{Name: "fio", ReadShare: 0.7, IOBytes: 16 << 10, Depth: 32})
	syncJobs  = streams(4, sim.NVMeStream{Name: "fio", ReadShare: 0.7, IOBytes: 16 << 10, Depth: 1, Sync: true})
)

func streams(n int, s sim.NVMeStream) []sim.NVMeStream {
	out := make([]sim.NVMeStream, n)
	for i := range out {
		out[i] = s
	}
	return out
}

// watched is a machine with its rendered files, acted on off its grid.
type watched struct {
	*machine
	files *sim.Files
}

func watch(t *testing.T, spec sim.Spec) *watched {
	files, err := sim.NewFiles(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, files.Close()) })
	m := &watched{start(t, spec, sim.DefaultParams()), files}
	time.Sleep(500 * time.Nanosecond)
	return m
}

func (m *watched) startForeign(streams []sim.NVMeStream) int {
	return m.startLoops(loops(streams...)...)
}

func (m *watched) startLoops(loops ...sim.ForeignLoop) int {
	pid, err := m.StartForeign(context.Background(), loops...)
	require.NoError(m.t, err)
	return pid
}

// loops never think.
func loops(streams ...sim.NVMeStream) []sim.ForeignLoop {
	var out []sim.ForeignLoop
	for _, s := range streams {
		out = append(out, sim.ForeignLoop{Stream: s})
	}
	return out
}

// io is what a reader of /proc/<pid>/io sees.
func (m *watched) io(pid int) procfs.ProcIO {
	require.NoError(m.t, m.Render(context.Background(), m.files))
	fs, err := procfs.NewFS(m.files.Proc)
	require.NoError(m.t, err)
	p, err := fs.Proc(pid)
	require.NoError(m.t, err)
	io, err := p.IO()
	require.NoError(m.t, err)
	return io
}

// shown are the processes below proc/ but the server's.
func (m *watched) shown() (pids []int) {
	require.NoError(m.t, m.Render(context.Background(), m.files))
	entries, err := os.ReadDir(m.files.Proc)
	require.NoError(m.t, err)
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != m.pid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// disk are the numbers of the drive's line in diskstats.
func (m *watched) disk() (reads, sectorsRead, msReading, writes, sectorsWritten float64) {
	require.NoError(m.t, m.Render(context.Background(), m.files))
	b, err := os.ReadFile(m.files.Proc + "/diskstats")
	require.NoError(m.t, err)
	var v [7]float64
	for i, f := range strings.Fields(string(b))[3:10] {
		v[i], err = strconv.ParseFloat(f, 64)
		require.NoError(m.t, err)
	}
	return v[0], v[2], v[3], v[4], v[6]
}

// cpu are user plus system and iowait seconds.
func (m *watched) cpu() (busy, iowait float64) {
	busy = cpuSeconds(m.t, m.machine, m.files)
	stat, err := os.ReadFile(m.files.Proc + "/stat")
	require.NoError(m.t, err)
	iowait, err = strconv.ParseFloat(strings.Fields(string(stat))[5], 64)
	require.NoError(m.t, err)
	return busy, iowait / 100
}

// The process's own counters, the drive's and the CPU's tell one story.
func TestForeignLoad(t *testing.T) {
	for name, tc := range map[string]struct {
		jobs []sim.NVMeStream
		sync bool
	}{"asynchronous": {asyncJobs, false}, "blocking": {syncJobs, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := watch(t, specB(t, "L70B"))
				time.Sleep(10 * time.Second)
				assert.Empty(t, m.shown())
				busy0, wait0 := m.cpu()
				reads0, read0, _, _, written0 := m.disk()
				pid := m.startForeign(tc.jobs)
				assert.Equal(t, []int{pid}, m.shown())
				time.Sleep(10 * time.Second)
				io := m.io(pid)
				reads1, read1, _, _, written1 := m.disk()
				busy1, wait1 := m.cpu()

				want := sim.SolveNVMe(sim.DefaultNVMeParams(), tc.jobs).Streams[0]
				assert.InEpsilon(t, 4*want.BytesPerSec*10, float64(io.ReadBytes+io.WriteBytes), 0.001)
				assert.InDelta(t, 0.7, float64(io.ReadBytes)/float64(io.ReadBytes+io.WriteBytes), 1e-5)
				assert.InEpsilon(t, (read1-read0)*512, float64(io.ReadBytes), 0.001, "and the background")
				assert.InEpsilon(t, (written1-written0)*512, float64(io.WriteBytes), 0.001)
				assert.InEpsilon(t, reads1-reads0, float64(io.ReadBytes)/(16<<10), 0.001)
				assert.Zero(t, io.ReadBytes%(16<<10), "whole I/Os")
				ios := float64(io.ReadBytes+io.WriteBytes) / (16 << 10)
				assert.InDelta(t, 10*0.2+ios*2e-6, busy1-busy0, 0.03, "2 us an I/O beside the daemons")
				if tc.sync {
					assert.Equal(t, []uint64{io.ReadBytes, io.WriteBytes}, []uint64{io.RChar, io.WChar})
					assert.Equal(t, []uint64{io.ReadBytes / (16 << 10), io.WriteBytes / (16 << 10)}, []uint64{io.SyscR, io.SyscW})
					assert.InDelta(t, 40, wait1-wait0, 2, "four tasks, blocked nearly all the time on CPUs that are idle")
				} else {
					assert.Zero(t, io.RChar+io.WChar+io.SyscR+io.SyscW, "no call of read() or write()")
					assert.InDelta(t, 0, wait1-wait0, 0.02, "nobody is blocked but by the background")
				}
			})
		})
	}
}

// After its end the process is gone, the drive is idle, and its CPU time stays; the next one begins anew.
func TestForeignEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := watch(t, specB(t, "L70B"))
		first := m.startForeign(asyncJobs)
		time.Sleep(5 * time.Second)
		moved := m.io(first).ReadBytes
		held, err := os.Open(filepath.Join(m.files.Proc, strconv.Itoa(first), "io"))
		require.NoError(t, err)
		defer held.Close()
		require.NoError(t, m.StopForeign(t.Context()))
		time.Sleep(time.Microsecond)
		assert.Empty(t, m.shown())
		last, err := io.ReadAll(held)
		require.NoError(t, err)
		assert.Empty(t, last, "nor has who holds its file open anything to read")
		reads0, _, _, _, _ := m.disk()
		busy0, _ := m.cpu()
		assert.InDelta(t, float64(moved)/0.7/(16<<10)*2e-6+5*0.2, busy0, 0.03)
		time.Sleep(5 * time.Second)
		reads1, _, _, _, _ := m.disk()
		busy1, _ := m.cpu()
		assert.Less(t, reads1-reads0, 30.0, "the background alone")
		assert.InDelta(t, 5*0.2, busy1-busy0, 0.021)

		second := m.startForeign(asyncJobs[:1])
		assert.NotEqual(t, first, second)
		assert.Less(t, m.io(second).ReadBytes, moved/1000, "counters of its own")
		assert.Equal(t, []int{second}, m.shown())
	})
}

func TestForeignRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := watch(t, specB(t, "L70B"))
		ctx := t.Context()
		require.EqualError(t, m.StopForeign(ctx), "no foreign process loads the drive")
		_, err := m.StartForeign(ctx)
		require.EqualError(t, err, "a foreign load needs at least one loop")
		_, err = m.StartForeign(ctx, loops(sim.NVMeStream{Name: "x"})...)
		require.ErrorContains(t, err, `nvme stream "x": IOBytes is 0`)
		pid := m.startForeign(asyncJobs)
		_, err = m.StartForeign(ctx, loops(asyncJobs...)...)
		require.EqualError(t, err, fmt.Sprintf("process %d loads the drive already: stop it first", pid))
		m.Close() // with the load running
		_, err = m.StartForeign(ctx, loops(asyncJobs...)...)
		require.ErrorIs(t, err, sim.ErrStopped)
		require.ErrorIs(t, m.StopForeign(ctx), sim.ErrStopped)
	})
}

// Another process knows nothing of the server's restart.
func TestForeignOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := watch(t, smallTiers(t, 100, 64))
		pid := m.startForeign(asyncJobs)
		time.Sleep(time.Second)
		before, busy0 := m.io(pid), 0.0
		busy0, _ = m.cpu()
		require.NoError(t, m.restart())
		time.Sleep(time.Second)
		after := m.io(pid)
		busy1, _ := m.cpu()
		assert.InEpsilon(t, 2*float64(before.ReadBytes), float64(after.ReadBytes), 0.001)
		assert.InEpsilon(t, 2*busy0, busy1, 0.02)
	})
}

// A loader with one read of 128 KiB in flight, 68 us in the drive and 220 us of software, takes 1.3 to 2.2
// times as long beside fio's 128 I/Os; the load that it had begun slows at once and hastens at once.
func TestForeignSlowsTheLoader(t *testing.T) {
	ttft := func(from, to time.Duration) (seconds float64) {
		synctest.Test(t, func(t *testing.T) {
			spec := specB(t, "L70B")
			spec.Device.CapacityBytes = 130 * spec.BlockBytes()
			spec.Host.CapacityBytes = 130 * spec.BlockBytes()
			m := watch(t, spec)
			for _, tag := range []string{"alpha", "alpha", "beta"} { // alpha goes to the NVMe, beta pushes it out of memory
				m.ask("u0-q0", prompt(tag, 4096), 2)
				time.Sleep(time.Minute)
			}
			done := make(chan answer)
			time.Sleep(200 * time.Nanosecond)
			go func() { done <- m.ask("u0-q1", prompt("alpha", 4096), 2) }()
			if to > from {
				time.Sleep(from + 500*time.Nanosecond)
				m.startForeign(asyncJobs)
				time.Sleep(to - from)
				require.NoError(t, m.StopForeign(t.Context()))
			}
			a := <-done
			require.Equal(t, 4064, a.cached)
			seconds = a.ttft.Seconds()
		})
		return seconds
	}
	const compute = 0.27 // s, of the rest of the prompt and the first token
	alone, beside := ttft(0, 0)-compute, ttft(0, time.Minute)-compute
	t.Logf("the load takes %.2f s alone, %.2f s beside fio", alone, beside)
	assert.Greater(t, beside/alone, 1.3)
	assert.Less(t, beside/alone, 2.2)
	// For a second of it the load proceeds at the rate that it has beside fio.
	assert.InDelta(t, alone+1-alone/beside, ttft(time.Second, 2*time.Second)-compute, 0.02)
}

// The same calls give the same figures, however often the machine is looked at and however many threads
// there are.
func TestForeignRepeats(t *testing.T) {
	run := func(t *testing.T, looks int) (seen string) {
		synctest.Test(t, func(t *testing.T) {
			m := watch(t, smallTiers(t, 33, 64))
			for i := range 8 {
				if i%4 == 1 {
					m.startForeign(asyncJobs)
				}
				if i%4 == 3 {
					require.NoError(t, m.StopForeign(t.Context()))
				}
				time.Sleep(time.Second - time.Since(time.Unix(0, 0))%time.Second)
				a := m.ask(fmt.Sprintf("u%d-q%d", i%2, i), prompt(fmt.Sprint("p", i%2), 1024), 8)
				seen += fmt.Sprintln(a.ttft, a.e2e, a.cached)
				for range looks {
					time.Sleep(time.Second / time.Duration(looks))
					m.shown()
				}
				time.Sleep(time.Second - time.Since(time.Unix(0, 0))%time.Second + 500*time.Nanosecond)
			}
			reads, read, ms, writes, written := m.disk()
			seen += fmt.Sprintln(reads, read, ms, writes, written)
			busy, _ := m.cpu() // iowait depends on the intervals in which it is accounted
			seen += fmt.Sprintln(busy)
		})
		return seen
	}
	once := run(t, 1)
	require.Equal(t, once, run(t, 20))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	require.Equal(t, once, run(t, 1))
}
