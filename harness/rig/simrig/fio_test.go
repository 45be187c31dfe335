package simrig

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/fio"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/sim"
	"sparkharness/harness/telemetry"
)

// profile is the text of a committed job file.
func profile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(configs + "fio/" + name + ".fio")
	require.NoError(t, err)
	return string(text)
}

// jobs are what a committed job file asks for.
func jobs(t *testing.T, name string) []fio.Job {
	t.Helper()
	list, err := fio.Parse(name+".fio", []byte(profile(t, name)))
	require.NoError(t, err)
	return list
}

func TestStartFio(t *testing.T) {
	run := func(t *testing.T, stack, name string) (out record.FioRun) {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, options(t, stack))
			began := time.Now()
			var err error
			out, err = s.startFio(t.Context(), rig.Treatment{Name: name, Text: profile(t, name)})
			require.NoError(t, err)
			assert.InDelta(t, 2*fioSpan.Seconds(), time.Since(began).Seconds(), 1e-5, "every arm takes the same time")
			require.NoError(t, s.stopFio(t.Context()))
			require.NoError(t, s.stopFio(t.Context()), "again is nothing")
		})
		return out
	}
	for _, stack := range []string{"A", "B"} {
		t.Run(stack, func(t *testing.T) {
			none := run(t, stack, "none")
			assert.Equal(t, record.FioRun{Jobs: []string{}, SpanS: 5, DriveReadBytes: none.DriveReadBytes, DriveWriteBytes: none.DriveWriteBytes}, none,
				"some ten reads of 60 us say nothing in whole milliseconds")
			assert.Less(t, none.DriveReadBytes, 1e6, "the background")
			var await []float64
			for name, inFlight := range map[string]int{"moderate": 64, "heavy": 128} {
				got := run(t, stack, name)
				assert.Equal(t, got, run(t, stack, name), "the same seed, the same figures")
				assert.Equal(t, inFlight, got.InFlight)
				require.Len(t, got.Jobs, 1)
				assert.Contains(t, got.Jobs[0], name+": rw=randrw rwmixread=99 bs=16384")
				assert.Nil(t, got.RAwaitBefore)
				require.NotNil(t, got.RAwaitAfter)
				await = append(await, *got.RAwaitAfter)
				require.NotNil(t, got.ReadBytes)
				require.NotNil(t, got.WriteBytes)
				assert.InEpsilon(t, got.DriveReadBytes, *got.ReadBytes, 0.001, "nearly all that the drive does")
				assert.InEpsilon(t, got.DriveWriteBytes, *got.WriteBytes, 0.01, "the system writes, too")
				assert.InDelta(t, 0.99, *got.ReadBytes/(*got.ReadBytes+*got.WriteBytes), 1e-4)
			}
			assert.Greater(t, max(await[0], await[1])/min(await[0], await[1]), 1.5, "heavy against moderate")
		})
	}
}

// A drive that is busy before has a mean to compare with.
func TestStartFioBesideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "B"))
		_, err := s.startFio(t.Context(), rig.Treatment{Name: "moderate", Text: profile(t, "moderate")})
		require.NoError(t, err)
		_, err = s.startFio(t.Context(), rig.Treatment{Name: "heavy", Text: profile(t, "heavy")})
		require.EqualError(t, err, "fio runs already: stop it first")
		other := s.fioRuns
		s.fioRuns = nil
		got, err := s.startFio(t.Context(), rig.Treatment{Name: "none", Text: ""})
		require.NoError(t, err)
		require.NotNil(t, got.RAwaitBefore)
		assert.InEpsilon(t, *got.RAwaitBefore, *got.RAwaitAfter, 0.01)
		assert.Nil(t, got.ReadBytes)
		_, err = s.startFio(t.Context(), rig.Treatment{Name: "heavy", Text: profile(t, "heavy")})
		require.ErrorContains(t, err, "start fio: process 41001 loads the drive already")
		s.fioRuns = other
	}) // closed with fio running
}

// processes are those below the machine's proc/ but the server's.
func processes(t *testing.T, s *Machine) int {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(s.files.Proc, "[0-9]*"))
	require.NoError(t, err)
	pid, err := s.machine.ServerPID(t.Context())
	require.NoError(t, err)
	server := filepath.Join(s.files.Proc, strconv.Itoa(pid))
	return len(slices.DeleteFunc(dirs, func(dir string) bool { return dir == server }))
}

// An interrupt ends fio, whichever span it falls into.
func TestStartFioInterrupted(t *testing.T) {
	for _, after := range []time.Duration{0, 2 * time.Second, 7 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, options(t, "A"))
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			_, err := s.startFio(ctx, rig.Treatment{Name: "heavy", Text: profile(t, "heavy")})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Zero(t, processes(t, s))
			require.ErrorContains(t, s.machine.StopForeign(t.Context()), "no foreign process")

			_, err = s.startFio(t.Context(), rig.Treatment{Name: "heavy", Text: profile(t, "heavy")})
			require.NoError(t, err)
			assert.Equal(t, 1, processes(t, s))
			require.NoError(t, s.stopFio(ctx), "a context that has ended does not keep fio alive")
			assert.Zero(t, processes(t, s))
		})
	}
}

func TestStartFioRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "A"))
		without := func(line string) string {
			text := strings.Replace(profile(t, "heavy"), "\n"+line+"\n", "\n", 1)
			require.NotEqual(t, profile(t, "heavy"), text)
			return text
		}
		for line, want := range map[string]string{
			"time_based": `fio job "heavy" would end after one pass over its file: set time_based`,
			"runtime=4h": `and a runtime longer than a cell`,
			"thread":     `fio job "heavy" would be a process of its own, whose bytes do not show`,
		} {
			_, err := s.startFio(t.Context(), rig.Treatment{Name: "heavy", Text: without(line)})
			require.ErrorContains(t, err, want)
		}
		_, err := s.startFio(t.Context(), rig.Treatment{Name: "heavy", Text: "rw=randread\n"})
		require.ErrorContains(t, err, "heavy.fio:1")
		assert.Zero(t, processes(t, s), "none of them was started")
		_, err = s.startFio(t.Context(), rig.Treatment{Name: "heavy", Text: strings.Replace(profile(t, "heavy"), "runtime=4h", "runtime=1m", 1)})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.EqualError(t, s.stopFio(t.Context()), `fio job "heavy" was needed for 1m5s and would have ended by itself after 1m0s: raise its runtime`)
		assert.Zero(t, processes(t, s), "it has ended all the same")
	})
}

// The sampler lives through the whole cell: samples have fio's bytes while it runs, and nothing else before
// and after.
func TestFioIsSampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "B"))
		tel := s.Sources()
		var samples []record.SysSample
		sampler := &telemetry.Sampler{Cadence: 200 * time.Millisecond, Offset: tickOffset, Start: time.Now(), Refresh: tel.Refresh, Sys: tel.Sys,
			Phase: func() string { return record.PhaseMeasure },
			OnSys: func(s *record.SysSample) error { samples = append(samples, *s); return nil }}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			cov, err := sampler.Run(ctx)
			assert.NoError(t, err)
			for _, src := range cov.Sources {
				assert.Equal(t, cov.Slots, src.Samples, "%s: %s", src.Name, src.LastError)
			}
		})
		time.Sleep(time.Second)
		_, err := s.startFio(t.Context(), rig.Treatment{Name: "heavy", Text: profile(t, "heavy")})
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		require.NoError(t, s.stopFio(t.Context()))
		time.Sleep(time.Second)
		cancel()
		wg.Wait()
		var with []int
		own, drive := 0.0, 0.0
		for i, sample := range samples {
			assert.False(t, sample.Reset)
			if sample.Fio != nil {
				with = append(with, i)
				own, drive = own+sample.Fio.WriteBytes, drive+sample.NVMe.WriteBytes
			}
		}
		require.NotEmpty(t, with)
		assert.Equal(t, len(with), with[len(with)-1]-with[0]+1, "without a gap")
		assert.InDelta(t, 15*5, len(with), 2)
		assert.Greater(t, with[0], 5*5)
		assert.InEpsilon(t, drive, own, 0.01)
		assert.InDelta(t, 0.15e9*15, own, 0.02e9*15, "0.15 GB a second are written")
	})
}

func TestFioIsUncalibrated(t *testing.T) {
	o := options(t, "B")
	without, err := o.Uncalibrated()
	require.NoError(t, err)
	o.Fio = true
	with, err := o.Uncalibrated()
	require.NoError(t, err)
	assert.Len(t, with, len(without)+2, "mixed reads and writes are listed once")
	assert.Contains(t, with, "fio's CPU time (assumed 2 us an I/O; it feeds counters, not latency)")
}

// What the profiles do to the simulated drive, alone and beside the loader of Stack B (one read of 128 KiB
// in flight, 220 us of software each). No mixed load of this drive has been published; the bounds are the
// orders of magnitude of another queue model with the same servers: 60 to 70 us idle, 1 to 2 times that with
// the moderate profile and 2 to 6 times with the heavy one.
func TestFioProfilesOnTheDrive(t *testing.T) {
	spec, params, err := Spec(options(t, "B"))
	require.NoError(t, err)
	loader := sim.NVMeStream{Name: "kv-load", ReadShare: 1, IOBytes: spec.Loader.IOBytes, Depth: spec.Loader.QueueDepth,
		SoftwareNS: spec.Loader.SoftwareNSPerIO, Sync: true}
	require.Equal(t, []any{int64(128 << 10), 1, int64(220_000)}, []any{loader.IOBytes, loader.Depth, loader.SoftwareNS})
	// await is the drive's mean read latency in us as the kernel counts it over 1000 s, and own that of the loader.
	await := func(name string, mix ...sim.NVMeStream) (us, own, written float64) {
		for _, l := range fioLoops(jobs(t, name)) {
			mix = append(mix, l.Stream)
		}
		d := sim.NewNVMeDevice(params.NVMe, 1)
		for _, s := range mix {
			d.Start(0, s, -1)
		}
		c := d.Counters(1000e9)
		require.Greater(t, c.MSReading, uint64(50), "the resolution is 2 %")
		if len(mix) > 0 {
			own = sim.SolveNVMe(params.NVMe, mix).Streams[0].ReadMeanNS / 1e3
		}
		return 1e3 * float64(c.MSReading) / float64(c.ReadsCompleted), own, float64(c.SectorsWritten) * 512 / 1000 / 1e9
	}
	idle, _, _ := await("none")
	loaderAlone, latency, _ := await("none", loader)
	t.Logf("%-9s r_await %5.1f us; beside the loader %5.1f us, the loader's reads %5.1f us", "none", idle, loaderAlone, latency)
	assert.InDelta(t, 65, idle, 8)
	assert.InDelta(t, 68.5, latency, 2, "as in the published row of 128 KiB reads, one in flight")
	for name, want := range map[string]struct{ low, high, wroteLow, wroteHigh float64 }{
		"moderate": {1, 2, 0.14, 0.16},
		"heavy":    {2, 6, 0.14, 0.16},
	} {
		alone, _, written := await(name)
		beside, slow, _ := await(name, loader)
		t.Logf("%-9s r_await %5.1f us (%.2f x); beside the loader %5.1f us, the loader's reads %5.1f us (%.2f x), its load takes %.2f x as long; %.2f GB/s written",
			name, alone, alone/idle, beside, slow, slow/latency, (slow+220)/(latency+220), written)
		for what, ratio := range map[string]float64{"the drive alone": alone / idle, "the loader's reads": slow / latency} {
			assert.True(t, ratio > want.low && ratio < want.high, "%s, %s: %v", name, what, ratio)
		}
		assert.InEpsilon(t, alone, beside, 0.05, "of everybody's reads nearly all are fio's small ones: %s", name)
		assert.Greater(t, beside/loaderAlone, want.low, name)
		assert.True(t, written > want.wroteLow && written < want.wroteHigh, "%s: %v GB/s written, its file says so", name, written)
	}
}

// The rendered tree holds nothing of a machine that was never treated.
func TestNoFioNoProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "A"))
		s.Sources()
		entries, err := os.ReadDir(s.files.Proc)
		require.NoError(t, err)
		assert.Len(t, entries, 5, "stat, meminfo, diskstats, pressure, the server")
		assert.Zero(t, processes(t, s))
	})
}
