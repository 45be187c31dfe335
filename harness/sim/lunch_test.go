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

// Eight requests whose prefix lies in the host tier are served by one memory: their copies take as long together as one
// copy of all of their bytes.
func TestHostCopiesShareTheMemory(t *testing.T) {
	const users, tokens = 8, 16384
	first := func(together int) (slowest time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			spec := specB(t, "L8B")
			spec.KVElemBytes = 1
			spec.Device.CapacityBytes, spec.Host.CapacityBytes = users*(tokens+64)*spec.KVBytesPerToken(), 24<<30
			m := start(t, spec, sim.DefaultParams())
			for u := range users {
				m.ask(fmt.Sprintf("u%d-q0", u), prompt(fmt.Sprint("user", u), tokens), 1)
			}
			for u := range users { // push them off the device
				m.ask(fmt.Sprintf("v%d-q0", u), prompt(fmt.Sprint("other", u), tokens), 1)
			}
			var all sync.WaitGroup
			var mu sync.Mutex
			for u := range together {
				all.Go(func() {
					a := m.ask(fmt.Sprintf("u%d-q1", u), prompt(fmt.Sprint("user", u), tokens), 1)
					mu.Lock()
					defer mu.Unlock()
					assert.Greater(t, a.cached, tokens-100, "from the host tier")
					slowest = max(slowest, a.ttft)
				})
			}
			all.Wait()
		})
		return slowest
	}
	one, eight := first(1), first(users)
	copyTime := func(n int) float64 { return float64(n*(tokens-32)*65_536) / 100e9 }
	assert.Greater(t, one.Seconds(), copyTime(1))
	assert.Greater(t, eight.Seconds()-one.Seconds(), copyTime(users)-copyTime(1))
	assert.Less(t, eight.Seconds()-one.Seconds(), copyTime(users)+0.1, "and not much longer: their last blocks are computed")
}

// In any millisecond of any world all that moves stays below what the memory, the drive's link and the loader can do.
func TestNoFreeLunch(t *testing.T) {
	worlds := uint64(12)
	if testing.Short() {
		worlds = 3
	}
	for seed := range worlds {
		t.Run(fmt.Sprint("world ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { lunch(t, rand.New(rand.NewPCG(seed, 14))) })
		})
	}
}

func lunch(t *testing.T, rng *rand.Rand) {
	spec := specB(t, []string{"L8B", "L70B"}[rng.IntN(2)])
	p := sim.DefaultParams()
	spec.Loader.QueueDepth = []int{1, 8, 32}[rng.IntN(3)]
	spec.Loader.IOBytes = []int64{128 << 10, 512 << 10}[rng.IntN(2)]
	spec.Loader.SoftwareNSPerIO = []int64{0, 220_000}[rng.IntN(2)]
	spec.OffloadMinFreq = 1
	spec.ExclusiveTiers, spec.PrefetchDepth = rng.IntN(3) == 0, rng.IntN(3)
	const tokens = 2048
	spec.Device.CapacityBytes = int64(4+rng.IntN(6)) * tokens * spec.KVBytesPerToken()
	spec.Host.CapacityBytes = int64(2+rng.IntN(12)) * tokens * spec.KVBytesPerToken()
	p.Mechanisms.BufferedKVTier = rng.IntN(3) == 0
	p.Mechanisms.KVOnSecondDrive = rng.IntN(3) == 0
	m := start(t, spec, p)
	link := p.NVMe.LinkBytesPerSec
	if p.Mechanisms.KVOnSecondDrive {
		link *= 2
	}
	if rng.IntN(2) == 0 {
		stop, err := m.Stream(context.Background(), sim.NVMeStream{ReadShare: 0.7, IOBytes: 16 << 10, Depth: 128})
		require.NoError(t, err)
		defer func() { assert.NoError(t, stop()) }()
	} else if ns := spec.Loader.SoftwareNSPerIO; ns > 0 {
		// A loader that reads and one that writes do nothing else between two I/Os than their software's part.
		link = min(link, 2*float64(int64(spec.Loader.QueueDepth)*spec.Loader.IOBytes)/float64(ns)*1e9)
	}
	users := 4 + rng.IntN(12)
	ctx, done := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for u := range users {
		all.Go(func() {
			for q := 0; ctx.Err() == nil; q++ {
				m.ask(fmt.Sprintf("u%d-q%d", u, q), prompt(fmt.Sprint("user", u), tokens), 4)
			}
		})
	}
	const grain = 50 * time.Microsecond
	time.Sleep(time.Duration(rng.IntN(int(30*time.Second))) + 700*time.Nanosecond)
	var sum, most sim.Movement
	busiest, copiedBefore := 0.0, -1.0
	const millisecond = int(time.Millisecond / grain)
	milliseconds := 3000
	if testing.Short() {
		milliseconds = 600
	}
	for i := 0; i < milliseconds*millisecond && !t.Failed(); i++ {
		rate, copied, err := m.Moving(context.Background())
		require.NoError(t, err)
		sum.DMA, sum.Copies, sum.GPU = sum.DMA+rate.DMA, sum.Copies+rate.Copies, sum.GPU+rate.GPU
		most.Copies, most.DMA = max(most.Copies, rate.Copies), max(most.DMA, rate.DMA)
		if (i+1)%millisecond == 0 {
			total := (sum.DMA + sum.Copies + sum.GPU) * grain.Seconds()
			busiest = max(busiest, total)
			assert.LessOrEqual(t, total, peakDRAM*1e-3*(1+1e-9), "bytes of a millisecond: %+v", sum)
			assert.LessOrEqual(t, sum.DMA*grain.Seconds(), link*1e-3*(1+1e-9), "the links of the drives, or the loaders")
			if copiedBefore >= 0 {
				assert.LessOrEqual(t, copied-copiedBefore, p.Host.HostCopyBytesPerSec*1.001e-3, "copies, less the grid of a microsecond")
			}
			copiedBefore, sum = copied, sim.Movement{}
		}
		time.Sleep(grain)
	}
	done()
	all.Wait()
	t.Logf("busiest millisecond %.0f MB of %.0f; copies up to %.0f GB/s, DMA up to %.1f GB/s", busiest/1e6, peakDRAM/1e9, most.Copies/1e9, most.DMA/1e9)
	assert.Greater(t, busiest, 0.3*peakDRAM*1e-3, "something moves")
}
