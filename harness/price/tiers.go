package price

import "container/list"

// tier keeps prefixes, of each so many tokens from its start. When it is full, the end of the prefix that was used longest
// ago goes first.
type tier struct {
	capacity int // tokens
	used     int
	fifo     bool // the one that was put in longest ago goes first
	order    *list.List
	kept     map[int]*list.Element
}

type prefix struct{ key, tokens int }

func newTier(capacity float64, policy string) *tier {
	return &tier{capacity: int(min(capacity, 1<<60)), fifo: policy == "FIFO", order: list.New(), kept: map[int]*list.Element{}}
}

// has is how many tokens of a prefix the tier keeps.
func (t *tier) has(key int) int {
	if at := t.kept[key]; at != nil {
		return at.Value.(*prefix).tokens
	}
	return 0
}

// put keeps a prefix of so many tokens, with room for others that are not kept.
func (t *tier) put(key, tokens, others int) {
	at := t.kept[key]
	if at == nil {
		at = t.order.PushFront(&prefix{key: key})
		t.kept[key] = at
	} else if !t.fifo {
		t.order.MoveToFront(at)
	}
	p := at.Value.(*prefix)
	if tokens > p.tokens {
		t.used += tokens - p.tokens
		p.tokens = tokens
	}
	t.trim(others)
}

// trim evicts until others fit beside what is kept.
func (t *tier) trim(others int) {
	for t.used+others > t.capacity && t.order.Len() > 0 {
		last := t.order.Back()
		p := last.Value.(*prefix)
		n := min(p.tokens, t.used+others-t.capacity)
		p.tokens -= n
		t.used -= n
		if p.tokens == 0 {
			t.order.Remove(last)
			delete(t.kept, p.key)
		}
	}
}

// cut shortens a prefix, the rest of which nobody will ask for again: the rest stays, as a prefix of its own that is
// the first to go of those that were used when the prefix was.
func (t *tier) cut(key, tokens, rest int) {
	at := t.kept[key]
	if at == nil {
		return
	}
	p := at.Value.(*prefix)
	if p.tokens <= tokens {
		return
	}
	t.kept[rest] = t.order.InsertAfter(&prefix{key: rest, tokens: p.tokens - tokens}, at)
	p.tokens = tokens
	if tokens == 0 {
		t.order.Remove(at)
		delete(t.kept, key)
	}
}

// tiers are the KV tiers of a stack that keeps KV between requests. Lower tiers are written through: what is computed or
// loaded also goes into the host tier, and once the frequency filter lets it pass, onto the NVMe.
type tiers struct {
	device, host *tier // host is nil without one
	block        int   // tokens
	filter       bool  // only what is seen a second time is written to the NVMe
	disk         bool  // there is a tier on the NVMe
	seen         map[int]int
	stored       map[int]int // tokens of each prefix on the NVMe
	written      int         // tokens, so far
	rest         int         // keys of what nobody will ask for again are negative
}

// match is where the start of a prompt is, in tokens.
type match struct{ device, host, disk int }

func (m match) tokens() int { return m.device + m.host + m.disk }

// find looks for a prompt of which an earlier one had so many tokens.
func (k *tiers) find(key, shared, prompt int) match {
	whole := min(shared, prompt-1) / k.block * k.block
	floor := func(n int) int { return min(n, whole) / k.block * k.block }
	var m match
	m.device = floor(k.device.has(key))
	if k.host != nil {
		m.host = max(0, floor(k.host.has(key))-m.device)
	}
	m.disk = max(0, floor(k.stored[key])-m.device-m.host)
	return m
}

// computed takes down a prompt that is on the device, of which an earlier one had so many tokens. others are tokens of
// sequences that run.
func (k *tiers) computed(key, shared, prompt, others int) {
	whole := prompt / k.block * k.block
	if before := k.seen[key]; before > shared {
		k.rest--
		k.device.cut(key, shared, k.rest)
		if k.host != nil {
			k.host.cut(key, shared, k.rest)
		}
	}
	k.device.put(key, whole, others)
	if k.host != nil {
		k.host.put(key, whole, 0)
	}
	passes := whole
	if k.filter {
		passes = min(k.seen[key], shared, prompt) / k.block * k.block
	}
	if k.disk && passes > k.stored[key] {
		k.written += passes - k.stored[key]
		k.stored[key] = passes
	}
	k.seen[key] = prompt
}
