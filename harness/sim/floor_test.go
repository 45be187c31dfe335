package sim_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// The few tokens that a cache leaves of a long prompt look back at all of its KV, which the memory has to give them.
func TestCachedPrefixIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := specB(t, "L8B")
		spec.Device.CapacityBytes = 16 << 30
		spec.Model.DecodeBaseNS = 30e6
		m := start(t, spec, sim.DefaultParams())
		const tokens = 60_000
		m.ask("u0-q0", prompt("x", tokens), 1)
		a := m.ask("u0-q1", prompt("x", tokens), 1)
		require.Greater(t, a.cached, tokens-64)
		bytes := float64(spec.Model.StepBytes) + float64(a.cached)*131_072
		assert.InDelta(t, bytes/peakDRAM, a.ttft.Seconds(), 1e-4, "weights and KV at the memory's peak")
	})
}

// What an iteration takes does not depend on who looks at the machine meanwhile: the memory's load is followed when it
// changes, also within a pause of the drive and while a metrics page holds the engine.
func TestLooksDoNotMatter(t *testing.T) {
	decode := func(t *testing.T, p sim.Params, look bool) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			m := start(t, specA(t, "L8B"), p)
			ctx, cancel := context.WithCancel(context.Background())
			var other sync.WaitGroup
			other.Go(func() {
				time.Sleep(500*time.Millisecond + 100*time.Nanosecond)
				m.get("frontend", "/prometheus/metrics")
				time.Sleep(50 * time.Millisecond)
				stop, err := m.Stream(context.Background(), sim.NVMeStream{ReadShare: 1, IOBytes: 512 << 10, Depth: 32})
				assert.NoError(t, err)
				defer func() { assert.NoError(t, stop()) }()
				for look && ctx.Err() == nil {
					time.Sleep(50 * time.Microsecond)
					_, err := m.Stats(context.Background())
					assert.NoError(t, err)
				}
				<-ctx.Done()
			})
			took = m.ask("u0-q0", prompt("x", 100), 30).e2e
			cancel()
			other.Wait()
		})
		return took
	}
	for name, change := range map[string]func(*sim.Params){
		"neither": func(*sim.Params) {},
		"pauses":  func(p *sim.Params) { p.NVMe.PausesPerSec, p.NVMe.PauseMS, p.NVMe.PauseSigma = 10, 50, 0.5 },
		"a page":  func(p *sim.Params) { p.Mechanisms.ScrapeStall = 200 * time.Millisecond },
	} {
		p := sim.DefaultParams()
		change(&p)
		assert.InDelta(t, decode(t, p, true).Seconds(), decode(t, p, false).Seconds(), 31e-6, name)
	}
}

// A cache that takes a drive's writes makes no drive faster than its flash, however large it is.
func TestLargeWriteCache(t *testing.T) {
	writes := []sim.NVMeStream{{IOBytes: 512 << 10, Depth: 32}}
	for _, cache := range []int64{8 << 20, 256 << 20, 4 << 30} {
		p := sim.DefaultNVMeParams()
		p.WriteCacheBytes = cache
		assert.InEpsilon(t, 12.1e9, sim.SolveNVMe(p, writes).Streams[0].BytesPerSec, 0.01, "a cache of %d bytes", cache)
	}
}

// No mix of streams moves more than the link of a drive, nor writes more than its flash takes.
func TestNoMixBeatsTheLink(t *testing.T) {
	mixes := 40
	if testing.Short() {
		mixes = 8
	}
	for seed := range uint64(mixes) {
		rng := rand.New(rand.NewPCG(seed, 5))
		p := sim.DefaultNVMeParams()
		p.LinkBytesPerSec = []float64{400e6, 560e6, 5.58e9, 14.95e9}[rng.IntN(4)]
		p.FlashWriteBytesPerSec = p.LinkBytesPerSec * (0.5 + rng.Float64()/2)
		p.ControllerCmdsPerSec = []float64{1e4, 98e3, 2e6}[rng.IntN(3)]
		var mix []sim.NVMeStream
		for range 1 + rng.IntN(6) {
			mix = append(mix, sim.NVMeStream{ReadShare: []float64{0, 0.5, 0.7, 1}[rng.IntN(4)], IOBytes: 4096 << rng.IntN(12),
				Depth: 1 << rng.IntN(6), SoftwareNS: []int64{0, 50_700, 220_000, 5_000_000}[rng.IntN(4)]})
		}
		var moved, written float64
		for i, r := range sim.SolveNVMe(p, mix).Streams {
			moved += r.BytesPerSec
			written += r.WriteIOPS * float64(mix[i].IOBytes)
		}
		said := fmt.Sprintf("mix %d: %+v", seed, mix)
		assert.LessOrEqual(t, moved, p.LinkBytesPerSec*1.000001, said)
		assert.LessOrEqual(t, written, p.FlashWriteBytesPerSec*1.005, said) // the cache breathes while it is measured
	}
}

// Two sequences read no less than one, and a cache that keeps windows only has nothing for a pool of blocks.
func TestExoticModelsAreRefused(t *testing.T) {
	spec := specA(t, "L8B")
	spec.Model.ExpertsTwoNS = 1e6
	_, err := sim.Start(spec, sim.DefaultParams(), 1)
	require.ErrorContains(t, err, "model L8B reads 8.03e+09 B of weights in a step of two sequences of 1 ms, 8.03e+12 B/s: the memory has 2.73e+11 B/s")
	spec = specA(t, "L8B")
	spec.Model.WindowLayers, spec.Model.WindowTokens, spec.WindowAware = 32, 4096, true
	_, err = sim.Start(spec, sim.DefaultParams(), 1)
	require.ErrorContains(t, err, "needs a layer without a sliding window")
}
