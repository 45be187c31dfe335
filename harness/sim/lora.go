package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"sync"
)

// LoRASpec are the adapters that lie on the NVMe and the slots that the server has for them on the
// device. trtllm-serve and vLLM read them: with TensorRT-LLM behind it Dynamo serves no LoRA.
type LoRASpec struct {
	Adapters []Adapter
	Slots    int // adapters on the device at once (max_loras)
}

// Adapter is one LoRA adapter: a file.
type Adapter struct {
	Name  string
	Bytes int64
}

// LoRAStats are counted since the server's start.
type LoRAStats struct {
	Loads       int64 // into a slot
	Evictions   int64 // from a slot
	BytesRead   int64 // from the NVMe; a load from the page cache reads none
	BytesCopied int64 // to the device, every load
	Resident    int   // adapters in a slot now
}

// has says whether there is an adapter of the name.
func (s LoRASpec) has(name string) bool {
	return slices.ContainsFunc(s.Adapters, func(a Adapter) bool { return a.Name == name })
}

// missing lists what keeps the adapters from being served.
func (s LoRASpec) missing() []string {
	if len(s.Adapters) == 0 {
		return nil
	}
	var bad []string
	if s.Slots <= 0 {
		bad = append(bad, "at least one adapter slot")
	}
	seen := map[string]bool{}
	for _, a := range s.Adapters {
		if a.Name == "" || a.Name != path.Base(a.Name) || seen[a.Name] {
			bad = append(bad, fmt.Sprintf("a file name of its own for each adapter (%q)", a.Name))
		}
		if a.Bytes <= 0 {
			bad = append(bad, fmt.Sprintf("the size of adapter %q", a.Name))
		}
		seen[a.Name] = true
	}
	return bad
}

// loraSlots are the adapters on the device. TensorRT-LLM can keep further ones in host memory
// (max_cpu_loras); here they are in the page cache or on the NVMe.
type loraSlots struct {
	adapters []Adapter
	capacity int
	preload  bool // all adapters, at every start of the server

	slots    []*loraSlot // in the order of their last release or, before one, of their load
	queue    []*loraSlot // to be loaded, in order; of the first the load is under way if busy
	busy     bool
	starting bool // the preload is not done
	stats    LoRAStats
}

// loraSlot is an adapter that has a slot.
type loraSlot struct {
	adapter Adapter
	loaded  bool
	users   int         // admitted requests
	waiting []*sequence // of them those that wait for the load
	drops   int         // of the page cache before the file was read
}

func newLoRASlots(spec Spec, preload bool) *loraSlots {
	l := &loraSlots{preload: preload}
	if spec.Dialect != DialectDynamo {
		l.adapters, l.capacity = spec.LoRA.Adapters, spec.LoRA.Slots
	}
	if preload {
		l.capacity = len(l.adapters)
	}
	l.restart()
	return l
}

// restart empties the slots, as the start of a server process does.
func (l *loraSlots) restart() {
	l.slots, l.queue, l.busy, l.stats = nil, nil, false, LoRAStats{}
	if l.preload {
		for _, a := range l.adapters {
			l.add(a)
		}
	}
	l.starting = len(l.queue) > 0
}

// add gives an adapter a slot and queues its load.
func (l *loraSlots) add(a Adapter) *loraSlot {
	slot := &loraSlot{adapter: a}
	l.slots = append(l.slots, slot)
	l.queue = append(l.queue, slot)
	return slot
}

func (l *loraSlots) find(name string) int {
	return slices.IndexFunc(l.slots, func(s *loraSlot) bool { return s.adapter.Name == name })
}

// victim is the least recently used slot of those that no admitted request uses, or -1.
func (l *loraSlots) victim() int {
	return slices.IndexFunc(l.slots, func(s *loraSlot) bool { return s.users == 0 })
}

// room tells whether the request can be admitted as far as adapters go: its adapter has a slot or can
// have one. While the server preloads nothing is admitted.
func (l *loraSlots) room(s *sequence) bool {
	switch {
	case l.starting:
		return false
	case s.adapter == "" || l.find(s.adapter) >= 0 || len(l.slots) < l.capacity:
		return true
	}
	return l.victim() >= 0
}

// hold takes the slot of an admitted request's adapter, for which there must be room. It reports whether
// the request has to wait for the load.
func (l *loraSlots) hold(s *sequence) (wait bool) {
	if s.adapter == "" {
		return false
	}
	if i := l.find(s.adapter); i >= 0 {
		s.slot = l.slots[i]
	} else {
		if len(l.slots) == l.capacity {
			i := l.victim()
			l.slots = slices.Delete(l.slots, i, i+1)
			l.stats.Evictions++
		}
		a := slices.IndexFunc(l.adapters, func(a Adapter) bool { return a.Name == s.adapter })
		s.slot = l.add(l.adapters[a])
	}
	s.slot.users++
	if s.slot.loaded {
		return false
	}
	s.slot.waiting = append(s.slot.waiting, s)
	return true
}

// release gives up what hold took: the use of an adapter ends with its last request. A slot from before a
// restart is no longer there.
func (l *loraSlots) release(s *sequence) {
	if s.slot == nil {
		return
	}
	s.slot.users--
	if i := slices.Index(l.slots, s.slot); i >= 0 {
		l.slots = append(slices.Delete(l.slots, i, i+1), s.slot)
	}
	s.slot = nil
}

func (l *loraSlots) snapshot() LoRAStats {
	st := l.stats
	for _, s := range l.slots {
		if s.loaded {
			st.Resident++
		}
	}
	return st
}

// underAdapter mixes an adapter into the keys of a prompt's blocks: it changes the KV, so that nothing is
// shared with other adapters or with none. The keys are chained, so each still stands for its whole prefix.
func underAdapter(name string, keys []uint64) []uint64 {
	if name == "" {
		return keys
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	for i := range keys {
		keys[i] = (keys[i] ^ h.Sum64()) * 1099511628211
	}
	return keys
}

// loadAdapter starts the next load, if there is one and the loader is idle. The loader is one task that reads the file
// with read() and copies what it has read to the device.
func (e *engine) loadAdapter(now int64) {
	l := e.lora
	if l.busy || len(l.queue) == 0 {
		return
	}
	l.busy = true
	slot := l.queue[0]
	if !e.host.cache.hit(pageKey{file: slot.adapter.Name}) {
		slot.drops = e.host.cache.drops
		e.mover.enqueue(laneAdapter, job{kind: jobAdapterRead, slot: slot}, now)
		return
	}
	e.copyAdapter(slot, float64(slot.adapter.Bytes)/e.host.p.BufferedReadBytesPerSec*1e9, now)
}

// copyAdapter takes an adapter to the device after a copy out of the page cache that takes cpuNS of a CPU.
// A copy ends on the grid, also when the load did not start on it (after a restart).
func (e *engine) copyAdapter(slot *loraSlot, cpuNS float64, now int64) {
	e.mover.copies.add(job{kind: jobAdapterCopy, slot: slot}, cpuNS, slot.adapter.Bytes, nvmeRoundUp(float64(now)))
}

// adapterMoved handles a finished step of a load.
func (e *engine) adapterMoved(j job, now int64) {
	l, slot := e.lora, j.slot
	if j.kind == jobAdapterRead {
		l.stats.BytesRead += slot.adapter.Bytes
		if slot.drops == e.host.cache.drops {
			e.host.cache.keep(pageKey{file: slot.adapter.Name}, slot.adapter.Bytes, e.host.fileRoom())
		}
		e.copyAdapter(slot, 0, now) // the read has filled the program's buffer on its way
		return
	}
	l.stats.Loads++
	l.stats.BytesCopied += slot.adapter.Bytes
	slot.loaded = true
	l.queue, l.busy = l.queue[1:], false
	if len(l.queue) == 0 {
		l.starting = false
	}
	for _, s := range slot.waiting {
		e.loaded(s)
	}
	slot.waiting = nil
}

// restartLoRA is the adapters' part of a restart of the server process: the load under way ends, slots and
// counters are empty, a preload begins with the next event. The page cache stays. No request may be
// admitted at the time.
func (e *engine) restartLoRA(now int64) {
	e.mover.dropAdapter(now)
	e.lora.restart()
}

// dropAdapter ends the load that is under way, if any. The CPU time that it took stays counted.
func (m *mover) dropAdapter(now int64) {
	m.copies.drop(now, func(j job) bool { return j.kind == jobAdapterCopy })
	m.drop(laneAdapter, now)
}

// loraRequest names an adapter in the dialect of trtllm-serve. There the id is the key of the adapter's
// weights and of its KV, and an id of 0 is as good as any.
type loraRequest struct {
	Name  string
	IntID *int64
	Path  string
}

// adapterIDs are the ids that clients have given to adapters. The real server serves the first adapter of
// an id under every other path too, and loads one adapter again for every id; both would make a
// measurement something else than it says, so here they are refused.
type adapterIDs struct {
	mu    sync.Mutex
	given []givenID
}

type givenID struct {
	id   int64
	name string
}

// resolve returns the name of the adapter that a request means, which is the last element of its path;
// empty without one. The error is for the client.
func (a *adapterIDs) resolve(r *loraRequest, spec LoRASpec) (string, error) {
	switch {
	case r == nil:
		return "", nil
	case r.Name == "":
		return "", errors.New("lora_request.lora_name: field required")
	case r.IntID == nil:
		return "", errors.New("lora_request.lora_int_id: field required")
	}
	name := path.Base(r.Path)
	if !spec.has(name) {
		return "", fmt.Errorf("lora_path (%s) does not exist.", r.Path) //nolint:staticcheck // the server's own words
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, g := range a.given {
		switch {
		case g.id == *r.IntID && g.name == name:
			return name, nil
		case g.id == *r.IntID || g.name == name:
			return "", fmt.Errorf("lora_int_id (%d): adapter %s has id %d, send one id of its own for each adapter", *r.IntID, g.name, g.id)
		}
	}
	a.given = append(a.given, givenID{id: *r.IntID, name: name})
	return name, nil
}
