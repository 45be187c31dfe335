package sim_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

const probeBytes = 128 << 10

func (m *watched) startProbe() {
	require.NoError(m.t, m.StartProbe(context.Background(), probeBytes, 50*time.Millisecond))
}

func (m *watched) probed() []time.Duration {
	reads, err := m.ProbeReads(context.Background())
	require.NoError(m.t, err)
	return reads
}

func meanOf(reads []time.Duration) time.Duration {
	var sum time.Duration
	for _, r := range reads {
		sum += r
	}
	return sum / time.Duration(max(1, len(reads)))
}

// On an idle drive a read of the probe takes what the data sheet's latency makes of 128 KiB; beside fio several times
// that, and as long as before when fio has ended. The drive counts it as any other read.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := watch(t, specB(t, "L70B"))
		assert.Empty(t, m.probed(), "nobody has started one")
		m.startProbe()
		_, sectors0, ms0, _, _ := m.disk()
		time.Sleep(time.Minute)
		idle := m.probed()
		_, sectors1, ms1, _, _ := m.disk()
		assert.InDelta(t, 1200, len(idle), 60)
		assert.InDelta(t, 80*time.Microsecond, meanOf(idle), float64(15*time.Microsecond))
		slices.Sort(idle)
		assert.Less(t, idle[0], idle[len(idle)-1]-5*time.Microsecond, "reads differ")
		const background = 2 * 60 * 16 << 10
		assert.InDelta(t, float64(len(idle))*probeBytes+background, (sectors1-sectors0)*512, 0.3*background+probeBytes)
		assert.InDelta(t, float64(len(idle))*0.08, ms1-ms0, 30)

		m.startForeign(asyncJobs)
		time.Sleep(time.Minute)
		busy := m.probed()
		require.NoError(t, m.StopForeign(context.Background()))
		assert.Greater(t, meanOf(busy), 2*meanOf(idle))
		time.Sleep(time.Minute)
		assert.InEpsilon(t, meanOf(idle), meanOf(m.probed()), 0.02)

		require.NoError(t, m.StopProbe(context.Background()))
		time.Sleep(time.Second)
		m.probed()
		time.Sleep(time.Minute)
		assert.Empty(t, m.probed())
	})
}

// What the probe reads and how long that takes does not depend on when somebody looks, and the server is served alike with
// and without it.
func TestProbeIsSteadyAndSlowsNobody(t *testing.T) {
	run := func(every time.Duration, probe bool) (reads []time.Duration, took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			m := watch(t, specB(t, "L70B"))
			if probe {
				m.startProbe()
			}
			m.startForeign(asyncJobs)
			began := time.Now()
			m.ask("u0-q0", prompt("a", 512), 4)
			took = time.Since(began)
			for range 30 * time.Second / every {
				time.Sleep(every)
				reads = append(reads, m.probed()...)
			}
		})
		return reads, took
	}
	once, took := run(30*time.Second, true)
	often, _ := run(300*time.Millisecond, true)
	assert.Equal(t, once, often)
	none, alone := run(30*time.Second, false)
	assert.Empty(t, none)
	assert.Equal(t, alone, took)
}

// A pause of the drive keeps the probe waiting as it does everybody: one read at a time, which ends with the pause.
func TestProbeWaitsThroughPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sim.DefaultParams()
		p.NVMe.PausesPerSec, p.NVMe.PauseMS, p.NVMe.PauseSigma = 0.2, 300, 0
		m := start(t, specB(t, "L70B"), p)
		time.Sleep(500 * time.Nanosecond)
		require.NoError(t, m.StartProbe(context.Background(), probeBytes, 50*time.Millisecond))
		time.Sleep(time.Minute)
		reads, err := m.ProbeReads(context.Background())
		require.NoError(t, err)
		assert.Less(t, len(reads), 1190, "none is sent while another waits")
		slow := slices.DeleteFunc(slices.Clone(reads), func(d time.Duration) bool { return d < 10*time.Millisecond })
		assert.InDelta(t, 12, len(slow), 9)
		assert.LessOrEqual(t, slices.Max(slow), 302*time.Millisecond)
	})
}

func TestProbeRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := watch(t, specB(t, "L70B"))
		ctx := context.Background()
		require.ErrorContains(t, m.StartProbe(ctx, 0, time.Second), "ask for at least a byte")
		require.ErrorContains(t, m.StartProbe(ctx, 1, time.Microsecond), "at most a thousand reads a second")
		require.NoError(t, m.StopProbe(ctx), "none runs")
		m.startProbe()
		require.ErrorContains(t, m.StartProbe(ctx, probeBytes, time.Second), "runs already")
		require.NoError(t, m.StopProbe(ctx))
		m.startProbe()
	})
}
