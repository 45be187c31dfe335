package sim

// kvManager holds the KV blocks of the device pool and, for Stack B, of the host and NVMe tiers.
//
// Blocks are keyed by a hash chained over the whole prefix, so an equal key means an equal prefix.
// Lower tiers are inclusive and written through unless the spec makes them exclusive (exclusive.go): a
// block computed or loaded on the device is also put into the host tier, and from there, if the
// frequency filter lets it pass, onto the NVMe. Bytes are written whether or not a block is ever evicted
// above, and with the filter's default only those of blocks that were seen twice: a prefix that was
// evicted from the host tier after its first use is lost.
type kvManager struct {
	blockTokens int
	blockBytes  int64
	reuse       bool
	device      *tier
	anonymous   int // device blocks of running sequences that are not shared under a key
	host, disk  *tier
	filter      *frequencyFilter
	writing     map[uint64]bool // on the way to tier 2
	exclusive   bool
	demoted     []uint64           // exclusive tiers: evicted from the host tier and not looked at by the filter yet
	arriving    map[uint64]arrival // being prefetched
	prefetches  int                // started so far
	counters    KVCounters
	recent      hitWindow
	swapped     slots // of swapped sequences (KVSwapToNVMe)
	swapKeys    uint64

	staging  bool    // loads from the NVMe stop in the host tier (manager kvbm_v2)
	direct   bool    // device and NVMe, with no host tier between (manager disk)
	buffer   int     // blocks in the pinned buffer of the manager disk
	fs       *fsTier // instead of host and disk; nil with all managers but fs
	offload  OffloadStats
	faults   tierFaults
	lastLoad []uint64          // blocks of the latest load (WrongKV)
	contents map[uint64]uint64 // of blocks on the way to tier 2 that hold other KV than they ought to
}

// KVCounters are counted since the server's start, in blocks unless the name says otherwise.
type KVCounters struct {
	LookupBlocks   int64 // whole prompt blocks that were looked for
	DeviceHits     int64
	DeviceMisses   int64 // looked for and not on the device
	MatchedTokens  int64 // found below the device
	OffloadD2H     int64 // device to host
	OffloadH2D     int64 // host to disk
	OffloadD2D     int64 // device to disk (manager disk)
	OnboardH2D     int64 // host to device
	OnboardD2D     int64 // disk to device
	OnboardD2H     int64 // disk to host, to go on from there (managers kvbm_v2 and fs)
	HostHitBlocks  int64
	DiskHitBlocks  int64
	SwapOutBlocks  int64
	SwapInBlocks   int64
	DeviceEvicted  int64
	AllocatedTotal int64

	Device, Host, Disk TierStats // the lower two are zero without the tier
}

func newKVManager(spec Spec) (*kvManager, error) {
	k := &kvManager{
		blockTokens: spec.BlockTokens,
		blockBytes:  spec.BlockBytes(),
		reuse:       spec.BlockReuse,
		writing:     map[uint64]bool{},
		arriving:    map[uint64]arrival{},
		contents:    map[uint64]uint64{},
	}
	var err error
	if k.device, err = newTier(spec.Device, k.blockBytes); err != nil {
		return nil, err
	}
	if spec.Offload.Manager == OffloadFS {
		k.fs, err = newFSTier(spec, k)
		return k, err
	}
	k.staging, k.direct = spec.Offload.Manager == OffloadKVBMv2, spec.Offload.Manager == OffloadDisk
	k.buffer = spec.Offload.withDefaults().BufferSlots
	if spec.Host.CapacityBytes > 0 {
		if k.host, err = newTier(spec.Host, k.blockBytes); err != nil {
			return nil, err
		}
	}
	if spec.Disk.CapacityBytes > 0 {
		if k.disk, err = newTier(spec.Disk, k.blockBytes); err != nil {
			return nil, err
		}
		k.disk.slots = &slots{}
		k.filter = newFrequencyFilter(spec.OffloadMinFreq)
	}
	if spec.ExclusiveTiers {
		k.exclude()
	}
	return k, nil
}

// match is where the leading blocks of a prompt were found: first a run on the device, from its end a
// run in the host tier, from its end a run on the NVMe. A gap ends the match.
type match struct {
	device, host, disk int
}

func (m match) blocks() int { return m.device + m.host + m.disk }

// find matches a prompt's whole blocks. At least one token is left to compute, because the engine needs
// the last token's output.
func (k *kvManager) find(s *sequence) match {
	if !k.reuse {
		return match{}
	}
	hashes := s.hashes[:min(len(s.hashes), (s.promptTokens-1)/k.blockTokens)]
	var m match
	m.device = k.device.run(hashes)
	if k.host != nil {
		m.host = k.host.run(hashes[m.device:])
	}
	if k.disk != nil && !k.faults.neverFires {
		m.disk = k.disk.run(hashes[m.device+m.host:])
	}
	return m
}

// blocksFor is how many device blocks a sequence of n tokens needs.
func (k *kvManager) blocksFor(tokens int) int { return (tokens + k.blockTokens - 1) / k.blockTokens }

// free is how many device blocks could be had, counting those that can be evicted.
func (k *kvManager) free() int { return k.device.capacity - k.device.used - k.anonymous }

// admit reserves the device blocks that the sequence needs until its last token. It returns false, and
// changes nothing, if they cannot be had.
func (k *kvManager) admit(s *sequence, overcommit bool) bool {
	m := k.find(s)
	need := k.blocksFor(s.promptTokens + s.maxTokens)
	// Matched device blocks that nobody uses now stop being evictable.
	idle := 0
	for _, h := range s.hashes[:m.device] {
		if k.device.blocks[h].refs == 0 {
			idle++
		}
	}
	if k.free()-idle < need-m.device && !overcommit {
		return false
	}
	for _, h := range s.hashes[:m.device] {
		k.device.retain(h)
	}
	if m.disk > 0 && !k.makesRoom(s, m) {
		m.disk = 0
	}
	s.shared = append(s.shared[:0], s.hashes[:m.device]...)
	s.anonymous = need - m.device
	k.anonymous += s.anonymous
	k.counters.AllocatedTotal += int64(s.anonymous)
	s.match = m
	if m.disk > 0 {
		s.fetch = make([]StoredBlock, 0, m.disk)
	}
	if k.reuse {
		k.counters.LookupBlocks += int64(len(s.hashes))
		k.recent.add(m, len(s.hashes))
		k.matchedContent(s, m)
		k.counters.DeviceHits += int64(m.device)
		k.counters.DeviceMisses += int64(len(s.hashes) - m.device)
		k.counters.HostHitBlocks += int64(m.host)
		k.counters.DiskHitBlocks += int64(m.disk)
		k.device.stats.looked(m.device, len(s.hashes))
		if k.host != nil {
			k.host.stats.looked(m.host, len(s.hashes)-m.device)
		}
		if k.disk != nil {
			k.disk.stats.looked(m.disk, len(s.hashes)-m.device-m.host)
		}
		k.counters.MatchedTokens += int64((m.host + m.disk) * k.blockTokens)
		for _, h := range s.hashes[m.device : m.device+m.host] {
			k.useHost(h)
		}
		for _, h := range s.hashes[m.device+m.host : m.blocks()] {
			k.useDisk(h, s)
		}
	}
	k.lookedUp(s)
	if over := len(k.device.blocks) + k.anonymous - k.device.capacity; over > 0 {
		over = min(over, len(k.device.blocks)-k.device.used)
		k.device.evict(over)
		k.counters.DeviceEvicted += int64(over)
	}
	return true
}

// computed is called when the whole prompt of s is on the device: its full blocks can be shared from
// now on and go down the tiers. It returns the blocks that have to be written to the NVMe.
func (k *kvManager) computed(s *sequence, now int64) []StoredBlock {
	k.prompted(s)
	if !k.reuse {
		return nil
	}
	for i, h := range s.hashes {
		if i < s.match.device {
			continue // held since its admission
		}
		if k.device.has(h) {
			continue // another sequence computed the same block meanwhile; ours stays a private copy
		}
		k.device.insertHeld(h)
		k.device.put(h, s.contentAt(i, s.match.blocks()))
		if k.exclusive {
			k.promoted(h)
		}
		s.shared = append(s.shared, h)
		s.anonymous--
		k.anonymous--
	}
	if k.direct {
		return k.storeDirect(s)
	}
	if k.host == nil {
		return nil
	}
	var write []StoredBlock
	// The end of a prompt goes first, so that within one prompt the end is also evicted first: a prefix
	// without its end is of use, an end without its prefix is not.
	for i := len(s.hashes) - 1; i >= 0; i-- {
		h := s.hashes[i]
		if k.exclusive {
			if k.disk != nil {
				k.filter.see(h, now)
			}
			continue
		}
		switch {
		case !k.host.has(h):
			k.toHost(h, k.device.contentOf(h))
		case i >= s.match.device && i < s.match.blocks():
			k.host.refresh(h) // admit has counted the use
		default:
			k.host.use(h)
		}
		if k.disk == nil {
			continue
		}
		if k.filter.see(h, now) && !k.disk.has(h) && !k.writing[h] {
			write = append(write, k.write(h))
		}
	}
	return write
}

// toHost copies a block from the device into the host tier.
func (k *kvManager) toHost(hash, content uint64) {
	if k.host.insert(hash) {
		k.host.put(hash, content)
		k.counters.OffloadD2H++
		k.copied(k.device, k.host, 1)
	}
}

// write notes that a block is going to be written to tier 2, and where.
func (k *kvManager) write(hash uint64) StoredBlock {
	k.writing[hash] = true
	k.keepContent(hash, k.above(hash))
	return StoredBlock{Key: hash, Slot: k.disk.slots.take()}
}

// written puts blocks into tier 2 whose write has completed.
func (k *kvManager) written(blocks []StoredBlock) {
	if k.direct {
		k.offload.PendingStores--
	}
	for _, b := range blocks {
		content := k.contents[b.Key]
		delete(k.writing, b.Key)
		delete(k.contents, b.Key)
		if k.direct {
			k.counters.OffloadD2D++
			k.copied(k.device, k.disk, 1)
		} else {
			k.counters.OffloadH2D++
			k.copied(k.host, k.disk, 1)
		}
		if k.exclusive && (k.device.has(b.Key) || k.host.has(b.Key)) {
			k.disk.slots.release(b.Slot) // computed again meanwhile
			continue
		}
		k.disk.store(b)
		k.disk.put(b.Key, content)
	}
}

// fromHost and fromDisk note that blocks have been copied onto the device.
func (k *kvManager) fromHost(blocks int) {
	k.counters.OnboardH2D += int64(blocks)
	k.copied(k.host, k.device, blocks)
}

func (k *kvManager) fromDisk(blocks []StoredBlock) {
	k.counters.OnboardD2D += int64(len(blocks))
	k.copied(k.disk, k.device, len(blocks))
	k.disk.slots.releaseAll(blocks)
	k.unpin(blocks)
}

// finish returns the sequence's device blocks: shared ones stay cached, the rest is free. Released from
// the end, so that the end is evicted first.
func (k *kvManager) finish(s *sequence) {
	for i := len(s.shared) - 1; i >= 0; i-- {
		k.device.release(s.shared[i])
	}
	k.anonymous -= s.anonymous
	s.shared, s.anonymous = nil, 0
	k.dropSwapped(s)
}

// usedBlocks is how many device blocks running sequences hold.
func (k *kvManager) usedBlocks() int { return k.device.used + k.anonymous }
