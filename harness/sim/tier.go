package sim

// tier is a set of cached blocks with a capacity in blocks.
type tier struct {
	capacity int
	order    policy
	blocks   map[uint64]*block
	used     int // blocks with refs > 0
}

func newTier(spec TierSpec, blockBytes int64) (*tier, error) {
	p, err := newPolicy(spec.Policy)
	if err != nil {
		return nil, err
	}
	return &tier{capacity: int(spec.CapacityBytes / blockBytes), order: p, blocks: map[uint64]*block{}}, nil
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

// touch marks a block as just used.
func (t *tier) touch(hash uint64) {
	b := t.blocks[hash]
	if b == nil || t.order.keepsPlace() {
		return
	}
	t.order.remove(b)
	t.order.add(b)
}

// insert caches a block that no sequence uses, evicting for it if need be. It returns false if the tier
// has no room that it may free.
func (t *tier) insert(hash uint64) bool {
	if t.has(hash) {
		return true
	}
	if len(t.blocks) >= t.capacity && !t.evict(1) {
		return false
	}
	b := &block{hash: hash}
	t.blocks[hash] = b
	t.order.add(b)
	return true
}

// evict drops n unused blocks, or none if there are fewer.
func (t *tier) evict(n int) bool {
	if len(t.blocks)-t.used < n {
		return false
	}
	for range n {
		b := t.order.victim()
		t.order.remove(b)
		delete(t.blocks, b.hash)
	}
	return true
}

// retain marks a cached block as used by one more sequence.
func (t *tier) retain(hash uint64) {
	b := t.blocks[hash]
	if b.refs == 0 {
		t.used++
	}
	b.refs++
}

// release undoes retain; the block becomes the newest of the unused.
func (t *tier) release(hash uint64) {
	b := t.blocks[hash]
	b.refs--
	if b.refs == 0 {
		t.used--
		t.touch(hash)
	}
}
