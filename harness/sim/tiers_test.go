package sim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/sim"
)

// smallTiers is a Dynamo stack whose device and host tiers hold so many blocks.
func smallTiers(t *testing.T, device, host int64) sim.Spec {
	spec := specB(t, "L70B")
	spec.Device.CapacityBytes = device * spec.BlockBytes()
	spec.Host.CapacityBytes = host * spec.BlockBytes()
	return spec
}

// With exclusive tiers nothing is written to the NVMe before the host tier evicts it.
func TestExclusiveMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := smallTiers(t, 33, 32) // one prompt of 1024 + 16 tokens
		spec.ExclusiveTiers = true
		m := start(t, spec, sim.DefaultParams())
		for _, id := range []string{"u0-q0", "u0-q1"} {
			m.ask(id, prompt("alpha", 1024), 16)
			time.Sleep(time.Minute)
		}
		m.ask("u1-q0", prompt("beta", 1024), 16)
		time.Sleep(time.Minute)
		assert.Zero(t, m.stats().KV.OffloadH2D, "alpha is in the host tier")
		m.ask("u2-q0", prompt("gamma", 1024), 16)
		time.Sleep(time.Minute)
		assert.EqualValues(t, 32, m.stats().KV.OffloadH2D, "beta has pushed alpha out of it")
		assert.Equal(t, 992, m.ask("u0-q2", prompt("alpha", 1024), 16).cached)
	})
	spec := specB(t, "L70B")
	spec.ExclusiveTiers, spec.Host, spec.Disk = true, sim.TierSpec{}, sim.TierSpec{}
	_, err := sim.Start(spec, sim.DefaultParams(), 1)
	require.EqualError(t, err, "the simulated machine needs a host tier, or ExclusiveTiers off")
}

// What the tiers count in a short story: a prompt is computed, served by the device, served by the NVMe
// after another has pushed it out, and served by the host tier after a prefetch.
func TestTierStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := smallTiers(t, 33, 32) // one prompt of 1024 + 16 tokens
		spec.MaxBatchSize, spec.PrefetchDepth = 1, 1
		m := start(t, spec, sim.DefaultParams())
		block := spec.BlockBytes()
		story := func(id, text string) sim.KVCounters {
			m.ask(id, prompt(text, 1025), 15) // 32 whole blocks, and a token to compute
			time.Sleep(time.Minute)
			return m.stats().KV
		}
		kv := story("u0-q0", "alpha")
		device := sim.TierStats{Misses: 32, BytesOut: 32 * block, OccupancyBlocks: 32, CapacityBlocks: 33}
		host := sim.TierStats{Misses: 32, BytesIn: 32 * block, OccupancyBlocks: 32, CapacityBlocks: 32}
		disk := sim.TierStats{Misses: 32, CapacityBlocks: 512 << 30 / int(block)}
		check := func(kv sim.KVCounters, when string) {
			t.Helper()
			assert.Equal(t, device, kv.Device, when)
			assert.Equal(t, host, kv.Host, when)
			assert.Equal(t, disk, kv.Disk, when)
		}
		check(kv, "computed")

		kv = story("u0-q1", "alpha")
		device.Hits = 32
		host.BytesOut, disk.BytesIn, disk.OccupancyBlocks = 32*block, 32*block, 32 // seen twice
		check(kv, "from the device")

		kv = story("u1-q0", "beta")
		device.Misses, device.BytesOut, device.Evictions = 64, 64*block, 32
		host.Misses, host.BytesIn, host.Evictions = 64, 64*block, 32
		disk.Misses = 64
		check(kv, "another prompt")

		kv = story("u0-q2", "alpha")
		device.Misses, device.BytesIn, device.BytesOut, device.Evictions = 96, 32*block, 96*block, 64
		host.Misses, host.BytesIn, host.Evictions = 96, 96*block, 64
		disk.Hits, disk.BytesOut = 32, 32*block
		check(kv, "from the NVMe")
		assert.Equal(t, kv.DeviceEvicted, kv.Device.Evictions)

		hog := make(chan struct{})
		go func() {
			defer close(hog)
			m.ask("u1-q1", prompt("gamma", 1025), 15)
		}()
		time.Sleep(time.Second + time.Microsecond)
		assert.Equal(t, 33, m.stats().KV.Device.OccupancyBlocks, "with the blocks of a running sequence")
		<-hog
		kv = m.stats().KV
		host, disk = kv.Host, kv.Disk
		queue := make(chan struct{})
		go func() {
			defer close(queue)
			m.ask("u2-q0", prompt("short", 31), 40) // no whole block
		}()
		time.Sleep(time.Second)
		kv = story("u0-q3", "alpha")
		<-queue
		host.Hits += 32
		host.BytesIn += 32 * block
		host.BytesOut += 32 * block
		host.Evictions += 32
		host.Prefetches, host.PrefetchesUsed = 32, 32
		disk.BytesOut += 32 * block
		assert.Equal(t, host, kv.Host)
		assert.Equal(t, disk, kv.Disk, "the NVMe was not asked for what the host tier had")
	})
}
