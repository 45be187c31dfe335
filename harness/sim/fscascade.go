package sim

// store offers the chunks of a prompt that have been computed since the last call, and returns the job that writes those
// that are new in the CPU tier; nil if none is.
func (t *fsTier) store(s *sequence, now int64) *cascade {
	k := t.kv
	keys := t.keys(s, s.offloaded, s.computed/k.blockTokens)
	var fresh []uint64
	var at []int // of each, its number in the prompt
	for i, key := range keys {
		if !t.cpu.has(key) {
			fresh, at = append(fresh, key), append(at, s.offloaded+i)
		}
	}
	for i := len(keys) - 1; i >= 0; i-- {
		t.cpu.use(keys[i])
	}
	if over := len(t.cpu.blocks) + len(fresh) - t.cpu.capacity; over > 0 && !t.cpu.evict(over) {
		k.offload.AllocationFailures++
		return nil // offered again with the next chunks
	}
	s.offloaded += len(keys)
	if len(fresh) == 0 {
		return nil
	}
	c := &cascade{pinned: fresh, written: map[uint64][]StoredBlock{}, askedNS: now}
	for i, key := range fresh {
		t.cpu.add(key)
		t.cpu.pin(key)
		t.cpu.put(key, s.chunkContent(t.chunk, at[i]))
	}
	bytes := int64(len(fresh)*t.chunk) * k.blockBytes
	k.device.stats.BytesOut += bytes
	t.cpuStats.BytesIn += bytes
	k.counters.OffloadD2H += int64(len(fresh) * t.chunk)
	k.offload.StoreBytes += bytes
	return c
}

// place gives the chunks of a job their files: those that have none, as long as there is space.
func (t *fsTier) place(c *cascade, s *sequence) (blocks []StoredBlock) {
	o := &t.kv.offload
	at := map[uint64]int{}
	for i, h := range s.hashes {
		at[h] = i
	}
	for _, key := range c.pinned {
		switch {
		case t.files[key] != nil:
			o.ChunksSkipped++
		case len(t.files)+t.writing >= t.room:
			c.failed = true
		default:
			t.writing++
			for _, h := range s.hashes[at[key]+1-t.chunk : at[key]+1] {
				b := StoredBlock{Key: h, Slot: t.slots.take()}
				c.written[key] = append(c.written[key], b)
				blocks = append(blocks, b)
			}
		}
	}
	o.ActiveCascades++
	o.CascadingChunks += len(c.pinned)
	return blocks
}

// cascaded takes note that a job has ended which has written so many blocks.
func (t *fsTier) cascaded(c *cascade, blocks int, now int64) {
	o := &t.kv.offload
	for i := len(c.pinned) - 1; i >= 0; i-- {
		key := c.pinned[i]
		if file := c.written[key]; file != nil {
			t.writing--
			t.files[key] = file
		}
		t.cpu.unpin(key)
	}
	bytes := int64(blocks) * t.kv.blockBytes
	t.cpuStats.BytesOut += bytes
	t.fsStats.BytesIn += bytes
	t.kv.counters.OffloadH2D += int64(blocks)
	o.ActiveCascades--
	o.CascadingChunks -= len(c.pinned)
	if c.failed {
		o.CascadeFailures++ // what it has written all the same is not counted
		return
	}
	o.Writes++
	o.WriteBytes += int64(len(c.pinned)*t.chunk) * t.kv.blockBytes
	o.WriteNS += now - c.askedNS
}

// chunkContent is what the chunk c of a prompt holds.
func (s *sequence) chunkContent(blocks, c int) uint64 {
	for i := c * blocks; s.contents != nil && i < (c+1)*blocks; i++ {
		if content := s.contentAt(i, s.match.blocks()); content != 0 {
			return mix64(content) | 1
		}
	}
	return 0
}

// snapshot are the stats of the two tiers, in blocks.
func (t *fsTier) snapshot() (host, disk TierStats) {
	o, n := t.kv.offload, int64(t.chunk)
	host, disk = t.cpuStats, t.fsStats
	host.Hits, host.Misses = o.Primary.Hits*n, (o.Primary.Queries-o.Primary.Hits)*n
	disk.Hits, disk.Misses = o.Secondary.Hits*n, (o.Secondary.Queries-o.Secondary.Hits)*n
	host.Evictions = t.cpu.stats.Evictions * n
	host.OccupancyBlocks, host.CapacityBlocks = len(t.cpu.blocks)*t.chunk, t.cpu.capacity*t.chunk
	disk.OccupancyBlocks, disk.CapacityBlocks = len(t.files)*t.chunk, t.room*t.chunk
	return host, disk
}
