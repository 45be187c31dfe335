package sim_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

const peakDRAM = 273e9

// beside is a request beside streams of another program on the drive, with the rate at which these move data.
func beside(t *testing.T, p sim.Params, promptTokens, tokens int, streams ...sim.NVMeStream) (a answer, dma float64) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, specA(t, "L8B"), p)
		for _, s := range streams {
			stop, err := m.Stream(context.Background(), s)
			require.NoError(t, err)
			defer func() { assert.NoError(t, stop()) }()
		}
		var err error
		dma, err = m.DMA(context.Background())
		require.NoError(t, err)
		time.Sleep(time.Millisecond)
		a = m.ask("u0-q0", prompt("x", promptTokens), tokens)
	})
	return a, dma
}

// CPU, GPU and drive share one DRAM: a decode step beside a stream of 15 GB/s takes 273 / (273 - 15) times as
// long, whether it reads or writes; a step that the prompt decides takes as long as ever.
func TestDRAMIsShared(t *testing.T) {
	p := sim.DefaultParams()
	read := sim.NVMeStream{ReadShare: 1, IOBytes: 512 << 10, Depth: 32}
	write := sim.NVMeStream{IOBytes: 512 << 10, Depth: 32}
	alone, none := beside(t, p, 100, 21)
	require.Zero(t, none)
	decode := func(a answer) float64 { return (a.e2e - a.ttft).Seconds() }
	// 20 steps: the weights at 20.5 tok/s and 110.5 tokens of 128 KiB at 216 GB/s.
	assert.InDelta(t, 20*(1/20.5+110.5*131072/216e9), decode(alone), 20e-6)
	for name, tc := range map[string]struct {
		streams []sim.NVMeStream
		least   float64 // B/s
	}{
		"reads":  {[]sim.NVMeStream{read}, 14.9e9},
		"writes": {[]sim.NVMeStream{write}, 12e9},
		"both":   {[]sim.NVMeStream{read, write}, 12e9},
	} {
		busy, dma := beside(t, p, 100, 21, tc.streams...)
		require.Greater(t, dma, tc.least, name)
		assert.InDelta(t, decode(alone)*peakDRAM/(peakDRAM-dma), decode(busy), 21e-6, name)
	}
	alone, _ = beside(t, p, 2048, 1)
	busy, _ := beside(t, p, 2048, 1, read)
	assert.Equal(t, alone.ttft, busy.ttft, "2048 tokens of prompt hide the weights")

	p.Mechanisms.UnlimitedCompute = true
	alone, _ = beside(t, p, 100, 21)
	busy, _ = beside(t, p, 100, 21, read)
	assert.Equal(t, alone.e2e, busy.e2e)
}

// A pause of the drive moves nothing.
func TestPausedDriveLeavesTheDRAM(t *testing.T) {
	p := sim.DefaultParams()
	alone, _ := beside(t, p, 100, 21)
	p.NVMe.PausesPerSec, p.NVMe.PauseMS = 1e6, 1e6
	busy, _ := beside(t, p, 100, 21, sim.NVMeStream{ReadShare: 1, IOBytes: 512 << 10, Depth: 32})
	assert.Equal(t, alone.e2e, busy.e2e)
}

// Both drives move data through the one DRAM.
func TestDRAMOfTwoDrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := sim.DefaultParams()
		p.Mechanisms.KVOnSecondDrive = true
		var system float64
		during := make(chan float64, 1)
		loadTierTwo(t, p, func(m *machine) {
			_, err := m.Stream(context.Background(), sim.NVMeStream{ReadShare: 1, IOBytes: 512 << 10, Depth: 32})
			require.NoError(t, err)
			system, err = m.DMA(context.Background())
			require.NoError(t, err)
			time.AfterFunc(time.Second+500*time.Nanosecond, func() {
				both, err := m.DMA(context.Background())
				assert.NoError(t, err)
				during <- both
			})
		})
		assert.InEpsilon(t, 128<<10/288.5e-6, <-during-system, 0.01, "the loader")
	})
	p := sim.DefaultParams()
	p.Host.DRAMBytesPerSec = 230e9
	m, err := sim.Start(specA(t, "L8B"), p, 1)
	require.NoError(t, err, "one link of 14.95 GB/s beside copies that move 214.2 GB/s")
	m.Close()
	p.Mechanisms.KVOnSecondDrive = true
	_, err = sim.Start(specA(t, "L8B"), p, 1)
	require.ErrorContains(t, err, "faster than the links of its drives (2.99e+10 B/s) and the copies in it (2.142e+11 B/s) together")
}

// A model that would read faster than the memory is refused.
func TestNothingBeatsTheDRAM(t *testing.T) {
	spec := specA(t, "L8B")
	spec.Model.DecodeBaseNS = 29e6
	_, err := sim.Start(spec, sim.DefaultParams(), 1)
	require.ErrorContains(t, err, "model L8B reads 8.03e+09 B of weights in a step of 29 ms, 2.77e+11 B/s: the memory has 2.73e+11 B/s")
	spec = specA(t, "L8B")
	spec.Model.KVReadBytesPerSec = 274e9
	_, err = sim.Start(spec, sim.DefaultParams(), 1)
	require.ErrorContains(t, err, "KV is read at 2.74e+11 B/s: the memory has 2.73e+11 B/s")
}

// Each report says that the shared DRAM is arithmetic.
func TestDRAMIsAssumed(t *testing.T) {
	assert.Contains(t, sim.DefaultParams().Assumed(specA(t, "L8B")),
		"NVMe DMA's and host copies' share of the DRAM bandwidth (arithmetic: reading weights and KV takes peak/(peak - what they move) times as long)")
}
