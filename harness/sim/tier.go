package sim

// tier is a set of cached blocks with a capacity in blocks.
type tier struct {
	capacity int
	told     int // what its manager says of it, 0: the capacity
	order    policy
	blocks   map[uint64]*block
	used     int // blocks with refs > 0
	reserved int // room that is kept for blocks on their way
	stats    TierStats
	// demote takes what is evicted, in exclusive tiers; nil: it is gone.
	demote func(*block)
	slots  *slots // of the NVMe tier; nil for the others
}

func newTier(spec TierSpec, blockBytes int64) (*tier, error) {
	capacity := int(spec.CapacityBytes / blockBytes)
	p, err := newPolicy(spec.Policy, capacity)
	if err != nil {
		return nil, err
	}
	return &tier{capacity: capacity, order: p, blocks: map[uint64]*block{}}, nil
}

func (t *tier) has(hash uint64) bool { return t.blocks[hash] != nil }

// run returns how many of the leading hashes are here.
func (t *tier) run(hashes []uint64) int {
	for i, h := range hashes {
		if !t.has(h) {
			return i
		}
	}
	return len(hashes)
}

// use notes that a block that no sequence holds serves a request; one that is not here is ignored.
func (t *tier) use(hash uint64) {
	if b := t.blocks[hash]; b != nil {
		t.order.use(b)
	}
}

// load is use of a block that is going to be read from its slot, which stays its own until that is done.
func (t *tier) load(hash uint64) StoredBlock {
	b := t.blocks[hash]
	t.order.use(b)
	t.slots.hold(b.slot)
	return StoredBlock{Key: hash, Slot: b.slot}
}

// refresh makes a block as recent as a new one without a further use.
func (t *tier) refresh(hash uint64) { t.order.refresh(t.blocks[hash]) }

// insert caches a block that no sequence uses, evicting for it if need be. It returns false if the tier
// has no room that it may free.
func (t *tier) insert(hash uint64) bool { return t.has(hash) || t.add(hash) != nil }

// store caches a block in its slot, or lets go of the slot if the block is here or there is no room.
func (t *tier) store(b StoredBlock) {
	if !t.has(b.Key) {
		if added := t.add(b.Key); added != nil {
			added.slot = b.Slot
			return
		}
	}
	t.slots.release(b.Slot)
}

// add is insert for a block that is not here; nil without room.
func (t *tier) add(hash uint64) *block {
	if len(t.blocks)+t.reserved >= t.capacity && !t.evict(1) {
		return nil
	}
	b := &block{hash: hash}
	t.blocks[hash] = b
	t.order.insert(b)
	return b
}

// insertHeld caches a new block that one sequence uses; its room is the sequence's.
func (t *tier) insertHeld(hash uint64) {
	b := &block{hash: hash, refs: 1}
	t.blocks[hash] = b
	t.order.insert(b)
	t.order.hold(b)
	t.used++
}

// evict drops n unused blocks, or none if there are fewer.
func (t *tier) evict(n int) bool {
	if len(t.blocks)-t.used < n {
		return false
	}
	for range n {
		b := t.order.victim()
		t.drop(b.hash)
		t.stats.Evictions++
		if t.demote != nil {
			t.demote(b)
		}
	}
	return true
}

// drop forgets a block that no sequence uses; one that is not here is ignored.
func (t *tier) drop(hash uint64) {
	if b := t.blocks[hash]; b != nil {
		t.order.remove(b)
		delete(t.blocks, hash)
		if t.slots != nil {
			t.slots.release(b.slot)
		}
	}
}

// retain marks a cached block as used by one more sequence.
func (t *tier) retain(hash uint64) {
	b := t.blocks[hash]
	if b.refs == 0 {
		t.used++
		t.order.hold(b)
	}
	b.refs++
	t.order.use(b)
}

// release undoes retain; the policy decides where among the unused the block comes.
func (t *tier) release(hash uint64) {
	b := t.blocks[hash]
	b.refs--
	if b.refs == 0 {
		t.used--
		t.order.free(b)
	}
}
