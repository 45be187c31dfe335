package config

import (
	"fmt"
)

// Managers of the KV below the device.
const (
	OffloadKVBM   = "kvbm"    // Dynamo's KVBM, what an absent block means
	OffloadKVBMv2 = "kvbm_v2" // its rewrite: loads from tier 2 stop in tier 1
	OffloadFS     = "fs"      // vLLM's tiered offloading: chunks in a CPU tier and, a file each, in a file system
	OffloadDisk   = "disk"    // vLLM's SimpleCPUOffloadConnector with its disk backend: no host tier
)

// Offloads are the names of the managers.
func Offloads() []string { return []string{OffloadKVBM, OffloadKVBMv2, OffloadFS, OffloadDisk} }

// Offload picks the manager of the KV below the device. An absent number is vLLM's default.
type Offload struct {
	Manager        string `yaml:"manager"`                    // kvbm, kvbm_v2, fs or disk
	BlocksPerChunk int    `yaml:"blocks_per_chunk,omitempty"` // fs: KV blocks a file; 1
	ReadThreads    int    `yaml:"read_threads,omitempty"`     // fs: n_read_threads; 16
	WriteThreads   int    `yaml:"write_threads,omitempty"`    // fs: n_write_threads; 16
	BufferSlots    int    `yaml:"buffer_slots,omitempty"`     // disk: disk_buffer_slots; 2
}

// KVBM reports whether it is one of KVBM's managers that moves the stack's KV.
func (s *Stack) KVBM() bool {
	m := OffloadKVBM
	if s.Dynamo != nil {
		m = s.Dynamo.manager()
	}
	return m != OffloadFS && m != OffloadDisk
}

func (d *Dynamo) manager() string {
	if d.Offload == nil {
		return OffloadKVBM
	}
	return d.Offload.Manager
}

// checkOffload refuses a manager with what it does not have.
func (d *Dynamo) checkOffload(r *reader) {
	o := d.Offload
	if o == nil {
		return
	}
	r.oneOf("dynamo.offload.manager", o.Manager, Offloads()...)
	if !r.ok("dynamo.offload.manager") {
		return
	}
	for _, p := range []struct {
		name, of string
		value    int
	}{
		{"blocks_per_chunk", OffloadFS, o.BlocksPerChunk},
		{"read_threads", OffloadFS, o.ReadThreads},
		{"write_threads", OffloadFS, o.WriteThreads},
		{"buffer_slots", OffloadDisk, o.BufferSlots},
	} {
		if p.value != 0 && p.of != o.Manager {
			r.refuse("dynamo.offload."+p.name, "is of the manager %s, not of %s", p.of, o.Manager)
		}
	}
	if o.Manager == OffloadKVBM {
		return
	}
	if d.PrefetchEnable != nil && *d.PrefetchEnable {
		r.refuse("dynamo.prefetch_enable", "must be false: the manager %s prefetches nothing", o.Manager)
	}
	if d.ExclusiveTiers {
		r.refuse("dynamo.exclusive_tiers", "must be false: the manager %s has no exclusive tiers", o.Manager)
	}
	if o.Manager == OffloadKVBMv2 {
		return
	}
	if d.OffloadMinFrequency != 1 {
		r.refuse("dynamo.offload_min_frequency", "must be 1: the manager %s has no frequency filter", o.Manager)
	}
	if d.Loader.QueueDepth != 1 {
		r.refuse("dynamo.loader.queue_depth", "must be 1: each thread of the manager %s has one read in flight", o.Manager)
	}
}

// withoutHost reports whether the stack has no tier 1, having refused one that is given without need, or needed and not
// given.
func (d *Dynamo) withoutHost(r *reader) bool {
	given := d.Tiers.Tier1 != Tier{}
	switch {
	case d.manager() == OffloadDisk && given:
		r.refuse("dynamo.tiers.tier1", "the manager disk has no host tier: leave tier1 out")
	case d.manager() != OffloadDisk && !given:
		r.refuse("dynamo.tiers.tier1", "required field is missing")
	}
	return !given || d.manager() == OffloadDisk
}

// ownPolicy checks the eviction policy of a tier that a manager of vLLM's has, and reports whether it is one.
func (d *Dynamo) ownPolicy(r *reader, i int, tier Tier) bool {
	want, why := "", ""
	switch m := d.manager(); {
	case m == OffloadFS && i == 1, m == OffloadDisk && i == 2:
		want, why = "LRU", "evicts by nothing else"
	case m == OffloadFS && i == 2:
		want, why = "none", "never evicts a file"
	}
	if want == "" {
		return false
	}
	if tier.EvictionPolicy != want {
		r.refuse(fmt.Sprintf("dynamo.tiers.tier%d.eviction_policy", i), "must be %s: the manager %s %s", want, d.manager(), why)
	}
	return true
}
