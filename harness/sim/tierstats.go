package sim

import "cmp"

// TierStats are the counters of one KV tier since the server's start, and its gauges. No server exposes
// them all; the HTTP pages show what the real ones do.
type TierStats struct {
	// Hits and Misses are whole prompt blocks of admitted requests, counted where the match looked: the
	// host tier is asked for what the device did not have, the NVMe for the rest. A match ends at the
	// first gap, so blocks behind it are misses wherever they are.
	Hits, Misses int64
	// BytesIn and BytesOut are KV that has been copied into the tier from another and out of it to
	// another. What the device computes is not copied in, and swapped sequences are in no tier.
	BytesIn, BytesOut int64
	Evictions         int64 // blocks that gave up their room; exclusive tiers move them down
	Prefetches        int64 // blocks that came by prefetch
	PrefetchesUsed    int64 // of these, blocks that a request was admitted with afterwards or meanwhile
	OccupancyBlocks   int   // of the device, those of running sequences included
	CapacityBlocks    int
}

// looked counts a lookup of so many blocks.
func (s *TierStats) looked(hits, blocks int) {
	s.Hits += int64(hits)
	s.Misses += int64(blocks - hits)
}

// copied counts blocks that were copied from one tier to another.
func (k *kvManager) copied(from, to *tier, blocks int) {
	bytes := int64(blocks) * k.blockBytes
	from.stats.BytesOut += bytes
	to.stats.BytesIn += bytes
}

// snapshot is what the manager has counted until now.
func (k *kvManager) snapshot() KVCounters {
	c := k.counters
	c.Device = k.device.snapshot()
	c.Device.OccupancyBlocks += k.anonymous
	if k.host != nil {
		c.Host = k.host.snapshot()
	}
	if k.disk != nil {
		c.Disk = k.disk.snapshot()
	}
	if k.fs != nil {
		c.Host, c.Disk = k.fs.snapshot()
	}
	return c
}

func (t *tier) snapshot() TierStats {
	s := t.stats
	s.OccupancyBlocks, s.CapacityBlocks = len(t.blocks), cmp.Or(t.told, t.capacity)
	return s
}
