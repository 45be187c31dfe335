package sim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// An iteration that has to read weights first takes as long as before and the reads, each of a readahead window:
// 68.5 us in the drive and 50.7 us of the kernel's.
func TestPagedWeights(t *testing.T) {
	const steps = 21
	p := sim.DefaultParams()
	resident, _ := beside(t, p, 100, steps)
	p.Mechanisms.PagedWeightsBytes = 512 << 20
	paged, _ := beside(t, p, 100, steps)
	windows := float64(p.Mechanisms.PagedWeightsBytes / p.Host.ReadaheadBytes)
	reads := steps * windows * (68.5e-6 + 50.7e-6)
	assert.InDelta(t, resident.e2e.Seconds()+reads, paged.e2e.Seconds(), 0.03*reads, "%.1f s of reading", reads)
}

// Whatever is paged, one task at a time sleeps on it, for as long as its reads take; the rest of the machine is as ever.
func TestPagedWeightsBlockOneTask(t *testing.T) {
	for _, mib := range []int64{64, 128, 192, 256, 512} {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, specA(t, "L70B"), quiet(sim.Mechanisms{PagedWeightsBytes: mib << 20}))
			files, err := sim.NewFiles(t.TempDir())
			require.NoError(t, err)
			defer files.Close()
			const steps = 21
			before := look(t, m, files)
			a := m.ask("u0-q0", prompt("x", 100), steps)
			after := look(t, m, files)
			read := float64(steps * mib << 20)
			assert.Equal(t, read, after.readBytes-before.readBytes)
			blocked := read / (128 << 10) * 68.5e-6
			assert.InEpsilon(t, blocked, after.ioSome-before.ioSome, 0.02, "%d MiB", mib)
			assert.InDelta(t, after.ioSome-before.ioSome, after.iowait-before.iowait, 0.1*blocked+0.011, "%d MiB: one task, but for what busy CPUs hide", mib)
			assert.Less(t, after.ioSome-before.ioSome, 0.5*a.e2e.Seconds(), "%d MiB", mib)
		})
	}
}

// An engine that waits for a slow drive learns that it has become faster: the weights are there when they are there, and not
// when the drive of the beginning would have had them.
func TestPagedWeightsOfADriveThatRecovers(t *testing.T) {
	p := quiet(sim.Mechanisms{PagedWeightsBytes: 10 << 30})
	fresh, _ := beside(t, p, 100, 1)
	p.Mechanisms.CarryOver = sim.CarryOverSpec{Latency: 10, Decay: 2 * time.Second}
	slow, _ := beside(t, p, 100, 1)
	assert.Greater(t, slow.ttft, fresh.ttft+time.Second)
	assert.Less(t, slow.ttft, fresh.ttft+10*time.Second, "ten times as long it would be another 50 s")
}
