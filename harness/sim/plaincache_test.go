package sim

import "slices"

// plainCache is a tier as slow and as plain as possible: a slice of entries that is searched through for
// each victim. It is the reference for tier and its policies.
type plainCache struct {
	policy   string
	capacity int
	clock    int
	entries  []*plainEntry
}

type plainEntry struct {
	hash      uint64
	refs      int
	arrived   int
	last      int // clock of the latest use, or of entering its segment
	uses      int
	protected bool
}

func (c *plainCache) tick() int {
	c.clock++
	return c.clock
}

func (c *plainCache) find(hash uint64) *plainEntry {
	for _, e := range c.entries {
		if e.hash == hash {
			return e
		}
	}
	return nil
}

// before tells which of two unused entries goes first.
func (c *plainCache) before(a, b *plainEntry) bool {
	switch c.policy {
	case "LRU":
		return a.last < b.last
	case "FIFO":
		return a.arrived < b.arrived
	case "LFU":
		return a.uses < b.uses || a.uses == b.uses && a.last < b.last
	case "SEGMENTED":
		return !a.protected && b.protected || a.protected == b.protected && a.last < b.last
	}
	panic("no such policy")
}

func (c *plainCache) evict() bool {
	var victim *plainEntry
	for _, e := range c.entries {
		if e.refs == 0 && (victim == nil || c.before(e, victim)) {
			victim = e
		}
	}
	if victim == nil {
		return false
	}
	c.entries = slices.DeleteFunc(c.entries, func(e *plainEntry) bool { return e == victim })
	return true
}

func (c *plainCache) insert(hash uint64, refs int) {
	for refs == 0 && len(c.entries) >= c.capacity {
		if !c.evict() {
			return
		}
	}
	c.entries = append(c.entries, &plainEntry{hash: hash, refs: refs, arrived: c.tick(), last: c.tick(), uses: 1})
}

func (c *plainCache) use(e *plainEntry) {
	e.uses++
	e.protected = true
	c.refresh(e)
}

func (c *plainCache) refresh(e *plainEntry) {
	e.last = c.tick()
	c.overflow()
}

func (c *plainCache) retain(e *plainEntry) {
	e.refs++
	e.uses++
	e.protected = true
}

func (c *plainCache) release(e *plainEntry) {
	if e.refs--; e.refs == 0 {
		c.refresh(e)
	}
}

// overflow sends the oldest of too many protected entries back to probation.
func (c *plainCache) overflow() {
	var oldest *plainEntry
	n := 0
	for _, e := range c.entries {
		if e.refs == 0 && e.protected {
			n++
			if oldest == nil || e.last < oldest.last {
				oldest = e
			}
		}
	}
	if c.policy == "SEGMENTED" && n > c.capacity*8/10 {
		oldest.protected, oldest.last = false, c.tick()
	}
}

// ask serves a prompt and returns how many leading blocks were there. Then the whole prompt is in the
// cache, from its end.
func (c *plainCache) ask(prompt []uint64) int {
	hits := 0
	for hits < len(prompt) && c.find(prompt[hits]) != nil {
		c.use(c.find(prompt[hits]))
		hits++
	}
	for i, h := range slices.Backward(prompt) {
		switch e := c.find(h); {
		case e == nil:
			c.insert(h, 0)
		case i < hits:
			c.refresh(e)
		default:
			c.use(e)
		}
	}
	return hits
}

func (c *plainCache) hashes() []uint64 {
	var out []uint64
	for _, e := range c.entries {
		out = append(out, e.hash)
	}
	slices.Sort(out)
	return out
}
