package sim

import (
	"fmt"
	"strings"
)

// Managers of the KV below the device (OffloadSpec.Manager).
const (
	// OffloadKVBM is Dynamo's KVBM: device, host, NVMe; a load from the NVMe goes to the device without a stop.
	OffloadKVBM = "kvbm"
	// OffloadKVBMv2 is KVBM's rewrite: a load from the NVMe stops in the host tier (staging.go).
	OffloadKVBMv2 = "kvbm_v2"
	// OffloadFS is vLLM's OffloadingConnector with a TieringOffloadingSpec: chunks in a CPU tier and, a file each, in
	// a file system (fstier.go).
	OffloadFS = "fs"
	// OffloadDisk is vLLM's SimpleCPUOffloadConnector with its disk backend: device and one preallocated file, no host
	// tier (disktier.go).
	OffloadDisk = "disk"
)

// Offloads are the names of the managers.
func Offloads() []string { return []string{OffloadKVBM, OffloadKVBMv2, OffloadFS, OffloadDisk} }

// OffloadSpec is what moves KV between the device and the tiers below it. 0 stands for vLLM's default.
type OffloadSpec struct {
	Manager        string // one of Offloads; "" is kvbm
	BlocksPerChunk int    // fs: KV blocks in a file; 1
	ReadThreads    int    // fs: n_read_threads, promotions that are read at a time; 16
	WriteThreads   int    // fs: n_write_threads, cascades that are written at a time; 16
	BufferSlots    int    // disk: disk_buffer_slots, blocks in each pinned buffer; 2
}

// KVBM reports whether the manager is one of KVBM's, with KVBM's metrics page.
func (o OffloadSpec) KVBM() bool {
	return o.Manager == "" || o.Manager == OffloadKVBM || o.Manager == OffloadKVBMv2
}

// withDefaults are the parameters that the manager runs with.
func (o OffloadSpec) withDefaults() OffloadSpec {
	for _, p := range []struct {
		value *int
		or    int
	}{{&o.BlocksPerChunk, 1}, {&o.ReadThreads, 16}, {&o.WriteThreads, 16}, {&o.BufferSlots, 2}} {
		if *p.value == 0 {
			*p.value = p.or
		}
	}
	return o
}

// chunkBytes is what one call of the manager moves between a file and memory.
func (o OffloadSpec) chunkBytes(s Spec) int64 {
	if o.Manager == OffloadFS {
		return int64(o.withDefaults().BlocksPerChunk) * s.BlockBytes()
	}
	return s.BlockBytes()
}

// ioBytes is one I/O of the loader. vLLM's managers read a chunk or a block with a call, so no I/O is larger.
func (o OffloadSpec) ioBytes(s Spec) int64 {
	if o.KVBM() {
		return s.Loader.IOBytes
	}
	return min(s.Loader.IOBytes, o.chunkBytes(s))
}

// missing lists what the manager cannot be built without.
func (o OffloadSpec) missing(s Spec) []string {
	var bad []string
	if o.BlocksPerChunk < 0 || o.ReadThreads < 0 || o.WriteThreads < 0 || o.BufferSlots < 0 {
		bad = append(bad, "offload parameters of 0 or more")
	}
	if s.Disk.CapacityBytes == 0 && o.Manager != "" && o.Manager != OffloadKVBM {
		bad = append(bad, "an NVMe tier for "+o.Manager)
	}
	return bad
}

// CheckOffload refuses a manager with what it does not have, in one line.
func (s Spec) CheckOffload(m Mechanisms) error {
	o := s.Offload
	name := o.Manager
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("the manager %s "+format, append([]any{name}, args...)...)
	}
	switch name {
	case "", OffloadKVBM:
		return nil
	case OffloadKVBMv2, OffloadFS, OffloadDisk:
	default:
		return fmt.Errorf("the manager %q of KV below the device is not known (known: %s)", name, strings.Join(Offloads(), ", "))
	}
	vllm := !o.KVBM()
	switch {
	case s.Dialect == DialectTRTLLM:
		return refuse("is Stack B's: let Stack A have none")
	case s.PrefetchDepth > 0:
		return refuse("prefetches nothing: set PrefetchDepth 0, or take kvbm")
	case s.ExclusiveTiers:
		return refuse("has no exclusive tiers: switch them off, or take kvbm")
	case name == OffloadDisk && s.Host.CapacityBytes > 0:
		return refuse("has no host tier: leave it out, or take fs")
	case vllm && s.OffloadMinFreq > 1:
		return refuse("has no frequency filter: set the minimum frequency 1, or take kvbm")
	case vllm && s.Loader.QueueDepth > 1:
		return refuse("has one I/O in flight for each thread: set the loader's queue depth 1, and threads instead")
	case name == OffloadFS && s.Host.Policy != "LRU", name == OffloadDisk && s.Disk.Policy != "LRU":
		return refuse("evicts by LRU: set that policy, or take kvbm")
	case name == OffloadFS && s.Host.CapacityBytes < o.chunkBytes(s):
		return refuse("needs a CPU tier of at least one chunk, %d bytes", o.chunkBytes(s))
	case name != OffloadDisk && m.BufferedKVTier:
		return refuse("goes around the page cache: take a world without buffered_kv_tier, or kvbm")
	}
	return nil
}

// uncalibrated lists what of the manager rests on assumption.
func (o OffloadSpec) uncalibrated() []string {
	switch o.Manager {
	case OffloadKVBMv2:
		return []string{"KVBM v2: one loader for all staging sessions, and what is recomputed when the host tier has no room (assumed)"}
	case OffloadFS:
		return []string{"vLLM's fs tier: readers and writers do not help each other, stores take no time on the device, " +
			"a void promotion is not retried (assumed)"}
	case OffloadDisk:
		return []string{"vLLM's disk backend: stores take no time on the device, and are dropped without a slot (assumed)"}
	}
	return nil
}
