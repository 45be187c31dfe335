package sim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// The disk backend gives the slot away that was used the longest time ago, and never has more blocks than slots.
func TestDiskSlotsAreLRU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := offloadSpec(sim.OffloadDisk, 3, 0, 4)
		l := newLedger(t, spec, 1)
		m := startOn(t, spec, quiet(sim.Mechanisms{}), l)
		m.told("a", 65)
		m.told("b", 65)
		require.Equal(t, 64, m.told("a", 65), "from its slots")
		m.told("c", 65)
		page := m.get("worker", "/metrics")
		for gauge, want := range map[string]float64{
			"total_blocks": 4, "free_blocks": 4, "used_blocks": 0, "usage_perc": 0, "pending_loads": 0, "pending_stores": 0,
		} {
			assert.Equal(t, map[string]float64{vllmLabels: want}, series(page, "vllm:simple_cpu_offload_"+gauge), gauge)
		}
		assert.EqualValues(t, 2, m.stats().KV.Disk.Evictions)
		assert.Equal(t, 64, m.told("a", 65), "used again")
		assert.Zero(t, m.told("b", 65), "the oldest went")
		assert.LessOrEqual(t, l.top, int32(3), "the file has four slots")
		assert.Zero(t, m.stats().KV.Host.OccupancyBlocks)
		assert.NotContains(t, page, "kv_offload_", "it counts no bytes")
	})
}

// A slot that a transfer holds is not given away: what finds none is not stored.
func TestDiskSlotsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := offloadSpec(sim.OffloadDisk, 24, 0, 4)
		spec.Loader.SoftwareNSPerIO = 1e9
		m := start(t, spec, quiet(sim.Mechanisms{}))
		m.ask("u0-q0", prompt("a", 193), 1)
		o := m.stats().Offload
		assert.Equal(t, 4, o.SlotsUsed)
		assert.Equal(t, 1, o.PendingStores)
		assert.EqualValues(t, 2, o.StoresDropped)
		time.Sleep(time.Hour)
		assert.Zero(t, m.stats().Offload.SlotsUsed)
		assert.EqualValues(t, 4, m.stats().KV.Disk.OccupancyBlocks)
	})
}

// A prompt that the device serves has used its slots all the same.
func TestDeviceHitsUseSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, offloadSpec(sim.OffloadDisk, 7, 0, 4), quiet(sim.Mechanisms{}))
		m.told("a", 65)
		m.told("b", 65)
		require.Equal(t, 64, m.told("a", 65))
		require.Zero(t, m.stats().KV.OnboardD2D, "by the device")
		m.told("c", 65)
		m.pushes(7)
		assert.Equal(t, 64, m.told("a", 65))
		m.pushes(7)
		assert.Zero(t, m.told("b", 65))
	})
}

// A slot that is being read is held.
func TestDiskSlotsBeingRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := offloadSpec(sim.OffloadDisk, 7, 0, 4)
		spec.Loader.SoftwareNSPerIO = 1e9
		m := start(t, spec, quiet(sim.Mechanisms{}))
		m.told("a", 65)
		time.Sleep(time.Hour)
		m.pushes(7)
		done := make(chan answer)
		go func() { done <- m.ask("u0-q1", prompt("a", 65), 1) }()
		time.Sleep(100 * time.Millisecond)
		o := m.stats().Offload
		assert.Equal(t, []int{2, 1}, []int{o.SlotsUsed, o.PendingLoads})
		assert.Equal(t, 64, (<-done).cached)
		o = m.stats().Offload
		assert.Equal(t, []int{0, 0}, []int{o.SlotsUsed, o.PendingLoads})
	})
}

// With two buffers the copies to the device run beside the reads, all but the last; with one they do not.
func TestDiskDoubleBuffer(t *testing.T) {
	took := map[int]time.Duration{}
	for _, slots := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			spec := specB(t, "L70B")
			spec.Offload = sim.OffloadSpec{Manager: sim.OffloadDisk, BufferSlots: slots}
			spec.Host, spec.OffloadMinFreq = sim.TierSpec{}, 1
			spec.Device.CapacityBytes = 33 * spec.BlockBytes()
			m := start(t, spec, quiet(sim.Mechanisms{}))
			m.told("a", 1025)
			m.told("b", 1025)
			time.Sleep(time.Minute)
			a := m.ask("u0-q1", prompt("a", 1025), 1)
			require.Equal(t, 1024, a.cached)
			took[slots] = a.ttft
		})
	}
	block := 10 << 20
	assert.InDelta(t, 31*float64(block)/100e9, (took[1] - took[2]).Seconds(), 1e-4, "31 copies of 10 MiB")
}
