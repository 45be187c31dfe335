package sim

import (
	"fmt"
	"strings"
)

// block is a cached KV block in one tier. The fields below prefetched belong to the tier's policy.
type block struct {
	hash       uint64
	refs       int    // sequences that use it; a used block is never evicted
	prefetched bool   // and not used since
	slot       int32  // in the NVMe tier's area of the storage
	content    uint64 // 0: the KV that the hash names; else other KV (content.go)
	prev, next *block // neighbours in a blockList
	arrival    uint64 // FIFO
	place      int    // FIFO: index in the heap
	frequency  *frequency
	protected  bool // SEGMENTED
}

// policy orders the unused blocks of a tier for eviction. It keeps no memory of blocks that have gone.
type policy interface {
	name() string
	insert(*block)  // is new in the tier, unused
	remove(*block)  // leaves the tier, unused
	use(*block)     // serves a request; refs tells whether a sequence holds it
	refresh(*block) // unused: as recent as a new block, but serves no further request
	hold(*block)    // a sequence uses it: no victim until it is freed
	free(*block)    // the last sequence has let go
	// victim is the unused block that goes next; the tier asks only while there is one.
	victim() *block
	// dearest is the unused block that would go last, where there is one: what a policy the wrong way round evicts.
	dearest() *block
}

// policies are the known eviction policies. Each makes the order of a tier of some blocks.
var policies = []struct {
	name string
	make func(capacity int) policy
}{
	{"LRU", func(int) policy { return newLRU() }},
	{"FIFO", func(int) policy { return &fifo{} }},
	{"LFU", func(int) policy { return newLFU() }},
	{"SEGMENTED", func(capacity int) policy { return newSegmented(capacity) }},
}

// Policies are the names of the eviction policies that a TierSpec may have.
func Policies() []string {
	out := make([]string, len(policies))
	for i, p := range policies {
		out[i] = p.name
	}
	return out
}

// newPolicy returns the named policy for a tier of some blocks.
func newPolicy(name string, capacity int) (policy, error) {
	for _, p := range policies {
		if p.name == name {
			return p.make(capacity), nil
		}
	}
	return nil, fmt.Errorf("eviction policy %q is not known (known: %s)", name, strings.Join(Policies(), ", "))
}
