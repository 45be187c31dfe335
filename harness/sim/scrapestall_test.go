package sim_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// stallPages are the pages of each stack that count, by the handler that serves them.
var stallPages = map[string][][2]string{
	"A": {{"frontend", "/prometheus/metrics"}, {"frontend", "/metrics"}, {"frontend", "/perf_metrics"}},
	"B": {{"frontend", "/metrics"}, {"worker", "/metrics"}, {"kvbm", "/metrics"}},
}

// A page holds the engine once: the iteration that starts next takes longer by it, whichever page it is, and
// pages add up. A core is busy with it, the GPU is not.
func TestScrapeStall(t *testing.T) {
	run := func(t *testing.T, stack string, stall time.Duration, pages int) (a answer, cpu float64, st sim.EngineStats) {
		synctest.Test(t, func(t *testing.T) {
			spec := specA(t, "L8B")
			if stack == "B" {
				spec = specB(t, "L8B")
			}
			p := sim.DefaultParams()
			p.Mechanisms.ScrapeStall = stall
			m := start(t, spec, p)
			files, err := sim.NewFiles(t.TempDir())
			require.NoError(t, err)
			defer files.Close()
			ctx, cancel := context.WithCancel(context.Background())
			gpu := make(chan struct{})
			go func() {
				defer close(gpu)
				time.Sleep(300 * time.Nanosecond)
				m.StreamGPU(ctx, io.Discard, 10*time.Millisecond)
			}()
			before := cpuSeconds(t, m, files)
			done := make(chan struct{})
			go func() {
				defer close(done)
				a = m.ask("u0-q0", prompt("x", 100), 20)
			}()
			time.Sleep(300*time.Millisecond + 500*time.Nanosecond)
			for i := range pages {
				page := stallPages[stack][i%3]
				m.get(page[0], page[1])
				_ = m.get("frontend", "/health")
				_ = m.get("frontend", "/v1/models")
				require.NoError(t, m.Render(ctx, files))
				if i%2 == 1 { // two at a time
					time.Sleep(200 * time.Millisecond)
				}
			}
			<-done
			cpu = cpuSeconds(t, m, files) - before
			st = m.stats()
			cancel()
			<-gpu
		})
		return a, cpu, st
	}
	for stack := range stallPages {
		t.Run(stack, func(t *testing.T) {
			none, cpu, _ := run(t, stack, 40*time.Millisecond, 0)
			free, freeCPU, _ := run(t, stack, 0, 6)
			assert.Equal(t, none.e2e, free.e2e, "off by default")
			assert.InDelta(t, cpu, freeCPU, 0.021)
			held, heldCPU, st := run(t, stack, 40*time.Millisecond, 6)
			assert.Equal(t, none.ttft, held.ttft, "the pages came later")
			assert.Equal(t, none.e2e+6*40*time.Millisecond, held.e2e)
			assert.InDelta(t, cpu+6*0.040*(1+0.2), heldCPU, 0.021, "one core, and daemons")
			assert.InDelta(t, held.e2e, st.BusyNS, 1e6)
		})
	}
}

// While there is nothing to do a stall elapses.
func TestScrapeStallOfAnIdleEngine(t *testing.T) {
	ttft := func(pages int, ago time.Duration) (d time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			p := sim.DefaultParams()
			p.Mechanisms.ScrapeStall = 40 * time.Millisecond
			m := start(t, specA(t, "L8B"), p)
			time.Sleep(time.Second + 500*time.Nanosecond)
			for range pages {
				m.get("frontend", "/metrics")
			}
			time.Sleep(ago + 500*time.Nanosecond)
			d = m.ask("u0-q0", prompt("x", 100), 2).ttft
		})
		return d
	}
	free := ttft(0, 0)
	assert.Equal(t, free, ttft(3, 121*time.Millisecond))
	assert.InDelta(t, free+30*time.Millisecond, ttft(1, 10*time.Millisecond), 2000)
	assert.InDelta(t, free+110*time.Millisecond, ttft(3, 10*time.Millisecond), 2000)
}
