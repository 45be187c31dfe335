package simrig

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
	"sparkharness/harness/telemetry"
)

// hostSeconds are what a real sampler sees of the rendered files second by second, from the start of a profile's jobs.
func hostSeconds(t *testing.T, name string, seconds int) (out []record.SysSample, run record.FioRun) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, options(t, "B"))
		tel := s.Sources()
		sampler := &telemetry.Sampler{Cadence: time.Second, Offset: tickOffset, Start: time.Now(), Refresh: tel.Refresh, Sys: tel.Sys,
			Phase: func() string { return record.PhaseMeasure },
			OnSys: func(s *record.SysSample) error { out = append(out, *s); return nil }}
		// The jobs start when the first span has passed, on a second but for less than a microsecond.
		ctx, cancel := context.WithTimeout(t.Context(), fioSpan+time.Duration(seconds)*time.Second+time.Millisecond)
		defer cancel()
		done := make(chan error)
		go func() { _, err := sampler.Run(ctx); done <- err }()
		var err error
		run, err = s.startFio(t.Context(), rig.Treatment{Name: name, Text: profile(t, name)})
		require.NoError(t, err)
		require.NoError(t, <-done)
		require.NoError(t, s.stopFio(t.Context()))
	})
	const first = int(fioSpan / time.Second) // a sample a second, of the second before
	require.GreaterOrEqual(t, len(out), first+seconds)
	return out[first : first+seconds], run
}

// Over 200 s the neighbours' I/O and computing show in iowait, in the pressure on I/O and in the CPU's busy time,
// in cycles that differ from window to window, and nowhere else; without them nothing moves.
func TestNeighboursShow(t *testing.T) {
	const seconds = 200
	jobs := jobs(t, "neighbours")
	with, run := hostSeconds(t, "neighbours", seconds)
	without, _ := hostSeconds(t, "none", seconds)
	const cpus, perRead = 20.0, 2e-6 // s of a CPU for each read of fio
	for i := range seconds {
		reading, spinning := 0, 0
		for _, j := range jobs {
			switch at := time.Duration(i) * time.Second % (j.IOTime + j.ThinkTime); {
			case at < j.IOTime:
				reading += j.NumJobs
			case at < j.IOTime+j.SpinTime:
				spinning += j.NumJobs
			}
		}
		got, alone := with[i], without[i]
		busy := func(s record.SysSample) float64 { return s.CPU.User + s.CPU.System }
		computing := float64(spinning) + perRead*(got.NVMe.ReadBytes-alone.NVMe.ReadBytes)/(256<<10)
		assert.InDelta(t, 100*computing/cpus, busy(got)-busy(alone), 0.11, "second %d, %d tasks spin", i, spinning)
		assert.InDelta(t, 100*float64(reading)/cpus*(1-busy(got)/100), got.CPU.IOWait, 0.1, "second %d, %d tasks read on CPUs that are idle", i, reading)
		some := 0.0
		if reading > 0 {
			some = 1e6
		}
		assert.InDelta(t, some, *got.PSI.IOSomeUS, 5e3, "second %d", i)
		assert.InDelta(t, 0, alone.CPU.IOWait, 0.06, "second %d", i)
		assert.InDelta(t, 0, *alone.PSI.IOSomeUS, 5e3, "second %d", i)
		assert.InDelta(t, 1, busy(alone), 0.06, "second %d", i)
		// Nothing else moves.
		assert.Equal(t, alone.Mem, got.Mem)
		assert.Equal(t, alone.GPU, got.GPU)
		assert.Equal(t, alone.Engine, got.Engine)
		assert.Equal(t, alone.PSI.MemSomeUS, got.PSI.MemSomeUS)
		assert.InDelta(t, alone.NVMe.WriteBytes, got.NVMe.WriteBytes, 0, "second %d", i)
		if i == 0 {
			continue // fio's own counters have no earlier reading
		}
		require.NotNil(t, got.Fio)
		assert.InDelta(t, got.Fio.ReadBytes, got.NVMe.ReadBytes-alone.NVMe.ReadBytes, 2<<20, "second %d: all other reads are the system's", i)
		assert.Zero(t, got.Fio.WriteBytes)
	}
	assert.Equal(t, 3, run.InFlight)
	require.Len(t, run.Jobs, 2)
	assert.Contains(t, run.Jobs[0], "thinktime_iotime=12s thinktime=25s thinktime_spin=10s")
	require.NotNil(t, run.ReadBytes)
	assert.InEpsilon(t, run.DriveReadBytes, *run.ReadBytes, 0.001, "the span after the start shows all jobs at their I/O")
	require.NotNil(t, run.RAwaitAfter)
	// Windows of 10 s differ by nearly all that there is.
	for what, of := range map[string]struct {
		reading func(record.SysSample) float64
		lowest  float64
		highest float64
	}{
		"iowait, %":   {func(s record.SysSample) float64 { return s.CPU.IOWait }, 0.1, 12},
		"io some, %":  {func(s record.SysSample) float64 { return *s.PSI.IOSomeUS / 1e4 }, 1, 99},
		"CPU busy, %": {func(s record.SysSample) float64 { return s.CPU.User + s.CPU.System }, 1.1, 12},
	} {
		least, most, mean := math.Inf(1), 0.0, 0.0
		for w := 0; w < seconds; w += 10 {
			window := 0.0
			for _, s := range with[w : w+10] {
				window += of.reading(s) / 10
			}
			least, most, mean = min(least, window), max(most, window), mean+window/(seconds/10)
		}
		t.Logf("%s: windows of 10 s from %.2f to %.2f, mean %.2f", what, least, most, mean)
		assert.Less(t, least, of.lowest, what)
		assert.Greater(t, most, of.highest, what)
	}
}
