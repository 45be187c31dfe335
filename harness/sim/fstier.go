package sim

// fsTier is vLLM's OffloadingConnector with a TieringOffloadingSpec and a file system as its secondary tier (manager fs;
// vllm/v1/kv_offload/tiering/manager.py and fs/). Its unit is the chunk, some KV blocks that are looked up, moved and
// evicted together, under the key of the last of them.
//
//   - Everything goes through the CPU tier, an LRU of chunks. A chunk that a transfer uses cannot be evicted.
//   - Stores follow the prompt chunk by chunk as it is computed. A batch that the CPU tier has no room for is refused and
//     offered again with the next. What is new in the CPU tier cascades to the file system: a job a batch.
//   - A chunk is a file that is written once: one that exists is passed over, though the job counts its bytes. There is no
//     eviction and no limit but the free space; when that has gone, jobs fail, the log says so, and prompts are computed.
//   - A request looks its chain up chunk by chunk behind what the device has: the CPU tier, then the files, until a chunk is
//     in neither. Those in files are promoted into the CPU tier by one job, and only then is all of it copied to the device.
//     The whole chain has to be in the CPU tier at that moment. A chunk that gets no room there makes the promotion void:
//     what was read is wasted and the prompt is computed (owners' measurements: a chain one chunk too long has no hit).
//   - Chunks that another request promotes are waited for.
//   - Files outlive the server, if they are whole.
//
// Assumed: a void promotion is not tried again; a store takes no time on the device; chunks of a partial hit on the
// device's last chunk are loaded without what the device has.
type fsTier struct {
	kv       *kvManager
	chunk    int // blocks
	cpu      *tier
	files    map[uint64][]StoredBlock // whole files
	writing  int                      // chunks on their way into a file
	room     int                      // chunks that the file system has space for
	slots    slots
	incoming map[uint64]*promotion // chunks that have room in the CPU tier and are not there yet

	cpuStats, fsStats TierStats
}

// chunkChain are the chunks that a request loads, from the CPU tier in the end.
type chunkChain struct {
	keys       []uint64 // chunks that it keeps in the CPU tier
	host, disk int      // blocks that were in the CPU tier and in files
	waits      int      // promotions under way
	void       bool
}

// promotion is a job that reads chunks into the CPU tier.
type promotion struct {
	keys    []uint64
	blocks  []StoredBlock
	askedNS int64
	waiters []*sequence
}

// cascade is a job that writes a batch of chunks.
type cascade struct {
	pinned  []uint64 // all of them
	written map[uint64][]StoredBlock
	askedNS int64
	failed  bool // there was no space for all
}

func newFSTier(spec Spec, k *kvManager) (*fsTier, error) {
	o := spec.Offload.withDefaults()
	t := &fsTier{kv: k, chunk: o.BlocksPerChunk, files: map[uint64][]StoredBlock{}, incoming: map[uint64]*promotion{},
		room: int(spec.Disk.CapacityBytes / o.chunkBytes(spec))}
	var err error
	t.cpu, err = newTier(spec.Host, o.chunkBytes(spec))
	return t, err
}

// keys are the chunks among the first `blocks` blocks of a prompt, from the chunk `from` on.
func (t *fsTier) keys(s *sequence, from, blocks int) []uint64 {
	var out []uint64
	for c := from; (c+1)*t.chunk <= min(blocks, len(s.hashes)); c++ {
		out = append(out, s.hashes[(c+1)*t.chunk-1])
	}
	return out
}

// lookUp claims what the tiers have of an admitted prompt behind its device run: rooms in the CPU tier for what is in files,
// and that nothing of the chain is evicted. The answer is nil without a hit. The promotion is nil if there is nothing to
// read; what is read for a void chain is wasted.
func (t *fsTier) lookUp(s *sequence, now int64) (*chunkChain, *promotion) {
	k := t.kv
	first := s.match.device / t.chunk
	keys := t.keys(s, first, (s.promptTokens-1)/k.blockTokens)
	found := t.find(keys)
	if got := (first+found)*t.chunk - s.match.device; got < t.chunk {
		return nil, nil // vLLM loads no part of a chunk alone
	}
	keys = keys[:found]
	c := &chunkChain{}
	skipped := s.match.device - first*t.chunk
	for _, key := range keys {
		blocks := t.chunk - skipped
		skipped = 0
		if t.cpu.has(key) {
			c.host += blocks
			t.cpu.pin(key)
			c.keys = append(c.keys, key)
		} else {
			c.disk += blocks
		}
	}
	p := &promotion{askedNS: now}
	for _, key := range keys {
		if t.cpu.has(key) {
			if other := t.incoming[key]; other != nil && other != p {
				t.waitFor(s, c, other)
			}
			continue
		}
		b := t.cpu.add(key)
		if b == nil {
			k.offload.PromotionAllocationFailures++
			c.void = true
			break
		}
		t.cpu.pin(key)
		t.cpu.put(key, k.fetchedContent(key, 0))
		c.keys = append(c.keys, key)
		p.keys = append(p.keys, key)
		p.blocks = append(p.blocks, t.files[key]...)
		t.incoming[key] = p
	}
	k.loadedLast(p.keys)
	if len(p.keys) == 0 {
		return c, nil
	}
	t.waitFor(s, c, p)
	k.offload.ActivePromotions++
	k.offload.PromotingChunks += len(p.keys)
	return c, p
}

// waitFor makes a sequence wait for a promotion, once.
func (t *fsTier) waitFor(s *sequence, c *chunkChain, p *promotion) {
	for _, w := range p.waiters {
		if w == s {
			return
		}
	}
	p.waiters = append(p.waiters, s)
	c.waits++
}

// find counts the lookups of a chain and returns how many of its leading chunks are somewhere.
func (t *fsTier) find(keys []uint64) int {
	o := &t.kv.offload
	for i, key := range keys {
		o.Primary.Queries++
		if t.cpu.has(key) {
			o.Primary.Hits++
			continue
		}
		o.Secondary.Queries++
		if t.files[key] == nil || t.kv.faults.neverFires {
			return i
		}
		o.Secondary.Hits++
	}
	return len(keys)
}

// promoted takes the chunks of a job that has ended as being in the CPU tier.
func (t *fsTier) promoted(p *promotion, now int64) {
	o := &t.kv.offload
	for _, key := range p.keys {
		delete(t.incoming, key)
	}
	bytes := int64(len(p.blocks)) * t.kv.blockBytes
	t.cpuStats.BytesIn += bytes
	t.fsStats.BytesOut += bytes
	t.kv.counters.OnboardD2H += int64(len(p.blocks))
	o.ActivePromotions--
	o.PromotingChunks -= len(p.keys)
	o.Reads++
	o.ReadBytes += bytes
	o.ReadNS += now - p.askedNS
}

// letGo gives the chunks of a chain back to the LRU, the end first.
func (t *fsTier) letGo(c *chunkChain) {
	for i := len(c.keys) - 1; i >= 0; i-- {
		t.cpu.unpin(c.keys[i])
	}
}

// keepFiles takes over the files of the server before.
func (k *kvManager) keepFiles(before *kvManager) {
	if k.fs != nil {
		k.fs.files, k.fs.slots = before.fs.files, before.fs.slots
	}
}
