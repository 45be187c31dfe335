package sim_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// visited is what a machine without requests has read and written after a time, and how long tasks were blocked; somebody
// looks now and then.
func visited(t *testing.T, p sim.Params, seed uint64, span, look time.Duration) (read, written int64, c counters) {
	synctest.Test(t, func(t *testing.T) {
		machine, err := sim.Start(specA(t, "L8B"), p, seed)
		require.NoError(t, err)
		m := running(t, specA(t, "L8B"), machine)
		files, err := sim.NewFiles(t.TempDir())
		require.NoError(t, err)
		defer files.Close()
		time.Sleep(500 * time.Nanosecond)
		for range span / look {
			time.Sleep(look)
			c = hostCounters(t, m, files)
		}
		r, w := diskBytes(t, files)
		read, written = r["nvme0n1"], w["nvme0n1"]
	})
	return read, written, c
}

// Other programs come at random, whole visits at a time, as often as they are said to; the seed alone decides when. The
// operating system's own requests are those of a machine that nobody visits.
func TestVisits(t *testing.T) {
	const size, hour = 64 << 20, time.Hour
	visits := sim.VisitSpec{MeanGap: 30 * time.Second, Bytes: size}
	p := sim.DefaultParams()
	osRead, osWritten, alone := visited(t, p, 1, hour, hour)

	p.Mechanisms.CronReads = visits
	read, written, reading := visited(t, p, 1, hour, hour)
	assert.Equal(t, osWritten, written)
	assert.Zero(t, (read-osRead)%size)
	assert.InDelta(t, 120, (read-osRead)/size, 33, "three standard deviations")
	blocked := float64((read-osRead)/(128<<10)) * 68.5e-6
	assert.InEpsilon(t, blocked, reading.ioSome-alone.ioSome, 0.02, "a task sleeps on each read")
	assert.InEpsilon(t, blocked, reading.iowait-alone.iowait, 0.03)

	again, _, often := visited(t, p, 1, hour, 8*time.Second)
	assert.Equal(t, read, again, "whoever looks")
	assert.InDelta(t, reading.ioSome, often.ioSome, 1e-3)
	assert.InDelta(t, reading.iowait, often.iowait, 0.011, "a jiffy")
	other, _, _ := visited(t, p, 2, hour, hour)
	assert.NotEqual(t, (read-osRead)/size, other/size)

	p.Mechanisms = sim.Mechanisms{CronWrites: visits}
	read, written, writing := visited(t, p, 1, hour, hour)
	assert.Equal(t, osRead, read)
	assert.Zero(t, (written-osWritten)%size)
	assert.InDelta(t, 120, (written-osWritten)/size, 33)
	assert.InDelta(t, alone.ioSome, writing.ioSome, 1e-3, "the kernel writes back, and nobody sleeps on it")
}

// What busy CPUs hide of a visit's reads does not depend on who looks when.
func TestVisitsBesideBusyCPUs(t *testing.T) {
	iowait := func(looks int) (s float64) {
		synctest.Test(t, func(t *testing.T) {
			p := quiet(sim.Mechanisms{CronReads: sim.VisitSpec{MeanGap: 10 * time.Second, Bytes: 4 << 30}})
			p.Host.EngineCores = 19
			m := start(t, specA(t, "L8B"), p)
			files, err := sim.NewFiles(t.TempDir())
			require.NoError(t, err)
			defer files.Close()
			began := time.Now()
			var all sync.WaitGroup
			all.Go(func() { // busy for one minute of two
				for time.Since(began) < time.Minute {
					m.ask("u0-q0", prompt("p", 2048), 1)
				}
			})
			time.Sleep(500 * time.Nanosecond)
			for range looks {
				time.Sleep(2 * time.Minute / time.Duration(looks))
				s = hostCounters(t, m, files).iowait
			}
			all.Wait()
		})
		return s
	}
	seldom := iowait(1)
	assert.Greater(t, seldom, 1.0)
	assert.InDelta(t, seldom, iowait(600), 0.011, "a jiffy")
}

// Gaps are exponential: a fifth of spans of 30 s sees two visits or more, and more than a third sees none.
func TestVisitsAreIrregular(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		visits := sim.VisitSpec{MeanGap: 30 * time.Second, Bytes: 1 << 20}
		m := start(t, specA(t, "L8B"), quiet(sim.Mechanisms{CronReads: visits, CronWrites: visits}))
		seen := map[int64]int{}
		before, together := int64(0), 0
		for range 400 {
			time.Sleep(30 * time.Second)
			read, written := m.drive()
			if read == written {
				together++
			}
			seen[(read-before)>>20]++
			before = read
		}
		assert.InDelta(t, 400*0.368, seen[0], 30)
		assert.InDelta(t, 400*0.264, 400-seen[0]-seen[1], 30)
		assert.Less(t, together, 200, "who reads and who writes are two")
	})
}

// Storage of the caller's own knows nothing of what only the modelled drives can do.
func TestMechanismsOfTheModelledDrives(t *testing.T) {
	visits := sim.VisitSpec{MeanGap: time.Second, Bytes: 1}
	storage := newFileStorage(t, 1)
	defer func() { assert.NoError(t, storage.Close()) }()
	for name, m := range map[string]sim.Mechanisms{
		"CronReads": {CronReads: visits}, "CronWrites": {CronWrites: visits}, "PowerSave": {PowerSave: sim.SleepSpec{Idle: 1, Exit: 1}},
		"CarryOver": {CarryOver: sim.CarryOverSpec{Latency: 2}}, "CountersFrozen": {CountersFrozen: true},
		"IOStatsOff": {IOStatsOff: true}, "CountersReset": {CountersReset: 1},
	} {
		p := sim.DefaultParams()
		p.Mechanisms = m
		_, err := sim.StartOn(specA(t, "L8B"), p, storage)
		require.ErrorContains(t, err, "are of the modelled drives", name)
	}
}
