package sim

// OffloadStats are what vLLM's managers (fs, disk) count since the server's start, and their gauges. Times are ns summed
// over jobs from when they were asked for, so that those side by side count each.
type OffloadStats struct {
	// Tokens of prompts that have been computed, by where their KV came from.
	LocalCompute, LocalCacheHit, External int64
	// Tokens that were looked for and found, on the device and below it, when requests were admitted.
	Queries, Hits, ExternalQueries, ExternalHits int64

	// The rest is of the manager fs, to StoreBytes between CPU tier and device.
	Loads, LoadBytes, LoadNS    int64
	StoreBytes                  int64
	AllocationFailures          int64 // batches that the CPU tier had no room for
	Primary, Secondary          ChunkLookups
	PromotionAllocationFailures int64
	Reads, ReadBytes, ReadNS    int64 // promotions
	Writes, WriteBytes, WriteNS int64 // cascades that did not fail, with the bytes of chunks that had a file
	CascadeFailures             int64
	ChunksSkipped               int64 // that had a file
	ActivePromotions            int
	ActiveCascades              int
	PromotingChunks             int
	CascadingChunks             int
	CPUChunks, CPUCapacity      int
	CPUHeld                     int // chunks that a transfer or a chain holds

	// The manager disk, blocks unless the name says otherwise.
	StoresDropped               int64
	SlotsTotal, SlotsUsed       int // used: that a transfer holds
	PendingLoads, PendingStores int // transfers
}

// ChunkLookups are those of one tier.
type ChunkLookups struct{ Queries, Hits int64 }

// prompted counts a prompt that has been computed.
func (k *kvManager) prompted(s *sequence) {
	o := &k.offload
	local, external := int64(s.match.device*k.blockTokens), int64((s.match.host+s.match.disk)*k.blockTokens)
	o.LocalCacheHit += local
	o.External += external
	o.LocalCompute += int64(s.promptTokens) - local - external
}

// lookedUp counts the lookup of a request that has been admitted.
func (k *kvManager) lookedUp(s *sequence) {
	if !k.reuse {
		return
	}
	k.offload.Queries += int64(s.promptTokens)
	k.offload.Hits += int64(s.match.device * k.blockTokens)
	if k.fs != nil {
		return // its chain is looked up when loading starts
	}
	if k.direct && s.match.disk > 0 {
		k.offload.PendingLoads++
	}
	k.externalFound(s, s.match.host+s.match.disk)
}

// externalFound counts what has been found below the device, blocks.
func (k *kvManager) externalFound(s *sequence, blocks int) {
	k.offload.ExternalQueries += int64(s.promptTokens - s.match.device*k.blockTokens)
	k.offload.ExternalHits += int64(blocks * k.blockTokens)
	if k.fs != nil {
		k.counters.MatchedTokens += int64(blocks * k.blockTokens)
		k.counters.HostHitBlocks += int64(s.match.host)
		k.counters.DiskHitBlocks += int64(s.match.disk)
	}
}

// offloadStats is what the manager has counted until now.
func (k *kvManager) offloadStats() OffloadStats {
	o := k.offload
	if k.fs != nil {
		o.CPUChunks, o.CPUCapacity, o.CPUHeld = len(k.fs.cpu.blocks), k.fs.cpu.capacity, k.fs.cpu.used
	}
	if k.direct {
		o.SlotsTotal, o.SlotsUsed = k.disk.capacity, k.disk.used+len(k.writing)
	}
	return o
}
