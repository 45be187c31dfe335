package sim

import "time"

// Params are the physics of the machine.
type Params struct {
	NVMe NVMeParams
	// Second is a drive beside it, nvme1n1, with no operating system on it; zero: there is none, but with KVOnSecondDrive one of
	// the same make. The KV tier lies there with KVOnSecondDrive alone.
	Second     NVMeParams `json:",omitzero"`
	Host       HostParams
	Mechanisms Mechanisms
	// WritesBefore is how many writes other programs kept in flight on the system's drive, in the mean, until the machine's
	// start. Only the mechanism CarryOver remembers.
	WritesBefore float64 `json:",omitzero"`
}

// Mechanisms removes or adds parts of the machine; the zero value is the calibrated machine.
type Mechanisms struct {
	UnlimitedSlots   bool // any number of sequences runs at once
	UnlimitedCompute bool // a step costs DecodeBaseNS whatever is in it
	KVSwapToNVMe     bool // admission ignores the KV pool; sequences that do not fit are swapped out and in
	LoRAPreloaded    bool // the server reads all adapters, into a slot each, before it admits requests
	// IgnoreTierSettings: where a host tier is configured, the KV manager builds one of 24 GiB with LRU
	// instead, and says so in its startup log only.
	IgnoreTierSettings bool
	// KVOnSecondDrive: the KV tier lies on a second drive, nvme1n1, of the same make. The operating system,
	// files and other programs stay on the first.
	KVOnSecondDrive bool
	// KVSystemDriveShare of the KV tier stays on the system's drive all the same: that share of prefixes, whole.
	KVSystemDriveShare float64 `json:",omitempty"`
	// AsyncKVLoader: the loader reads and writes with io_uring and asks a completion ring in user space, so
	// that no task sleeps on its I/O: neither iowait nor the pressure on I/O see it. Its pace is the same; the
	// CPU time of asking is not counted.
	AsyncKVLoader bool
	// BlockingFetch: each request that waits for tier-2 blocks is a task that sleeps uninterruptibly from when
	// they were asked for until they are there, the wait for the loader included, as when each request's
	// thread waits for the lock of the tier's file: iowait and the pressure on I/O see the loader's whole queue.
	BlockingFetch bool
	// BufferedKVTier: the NVMe tier reads and writes through the page cache instead of around it.
	BufferedKVTier bool
	// ScrapeStall: each metrics page that a server renders holds the engine for that long. Real servers render
	// them in another process, hence zero by default.
	ScrapeStall time.Duration
	// PagedWeightsBytes of the weights do not fit memory: each iteration reads them from the NVMe before it
	// computes.
	PagedWeightsBytes int64

	// TierNeverFires: the NVMe tier takes writes, and no lookup finds anything there (tierfaults.go).
	TierNeverFires bool `json:",omitempty"`
	// PhantomHits: a load from the NVMe tier is counted as one, and nothing is read from the drive: it takes what a
	// copy inside the host takes.
	PhantomHits bool `json:",omitempty"`
	// WrongKV: a load from the NVMe tier leaves other KV in memory than was asked for (tierfaults.go).
	WrongKV bool `json:",omitempty"`

	// WriteOnlySpill: the engine writes the KV of sequences that end to the NVMe and never reads it back (spill.go).
	WriteOnlySpill bool `json:",omitempty"`
	// RequestLogBytes are appended to a log on the NVMe when a sequence ends.
	RequestLogBytes int64 `json:",omitempty"`
	// Bursts: the server moves bytes at once, and then nothing until the next burst.
	Bursts BurstSpec `json:",omitzero"`
	// PolicyInverted: the host tier's policy, unless it is FIFO, evicts exactly what it should keep, and goes by its name.
	PolicyInverted bool `json:",omitempty"`
	// ThermalSlowdown: the GPU's clock falls while it is busy, and compute with it.
	ThermalSlowdown ThermalSpec `json:",omitzero"`
	// CronReads and CronWrites: other programs read or write on the system's drive now and then.
	CronReads  VisitSpec `json:",omitzero"`
	CronWrites VisitSpec `json:",omitzero"`
	// PowerSave: an idle drive falls asleep, and its next request waits until it is awake.
	PowerSave SleepSpec `json:",omitzero"`
	// CarryOver: the drive stays slow for a while after the writes of what loaded it before.
	CarryOver CarryOverSpec `json:",omitzero"`
	// CountersFrozen: /proc/diskstats does not move, whatever the drives do.
	CountersFrozen bool `json:",omitempty"`
	// IOStatsOff: the same, and queue/iostats of each drive says 0, as where somebody has switched the accounting off.
	IOStatsOff bool `json:",omitempty"`
	// CountersReset: so long after the machine's start the counters of /proc/diskstats begin at 0 again.
	CountersReset time.Duration `json:",omitempty"`
	// PageHangs: from so long after the machine's start on KVBM's page gives out what it held then.
	PageHangs time.Duration `json:",omitempty"`

	// PromptFilter: something before the server looks at each prompt first, so long in the mean (promptfilter.go).
	PromptFilter time.Duration `json:",omitempty"`
	// IndexSearch: the server reads so many bytes of an index in the mean before it queues a prompt (indexsearch.go).
	IndexSearch int64 `json:",omitempty"`
	// PinnedLimit: a host tier that cannot be pinned is smaller than its manager says.
	PinnedLimit PinSpec `json:",omitzero"`
	// SmallPages: how many times as long a GPU takes whose memory came in small pages (smallpages.go); 0: it does not matter.
	SmallPages float64 `json:",omitempty"`
	// CPUSleep: idle CPUs take time to wake for what the loader waits for.
	CPUSleep CPUSleepSpec `json:",omitzero"`
}

// HostParams describe the CPU side.
type HostParams struct {
	CPUs int // 10 Cortex-X925 + 10 Cortex-A725
	// MemTotalBytes is /proc/meminfo's MemTotal on a DGX Spark, 127,600,524 kB.
	MemTotalBytes int64
	// OSBytes and PageCacheBytes are an idle desktop; an assumption.
	OSBytes        int64
	PageCacheBytes int64
	// DRAMBytesPerSec is the peak of the one LPDDR5x that CPU, GPU and devices share: 273 GB/s (vendor's
	// specification of the DGX Spark).
	DRAMBytesPerSec float64
	// HostCopyBytesPerSec is what all copies inside the one DRAM pool move together; each byte is read and written.
	HostCopyBytesPerSec float64
	// ReserveBytes must stay free beside all that is allocated.
	ReserveBytes int64
	// BufferedReadBytesPerSec is a read() of a file in the page cache: 7.1 GB/s, measured on a Spark
	// (github.com/baldwinSPC/glimmer-burnin). It is one CPU's copy.
	BufferedReadBytesPerSec float64
	// ReadaheadBytes and ReadaheadNS make the read() of a file that is not in the page cache: one I/O of
	// the kernel's readahead window at a time, and the CPU time of each. 128 KiB is Linux's default
	// window (read_ahead_kb). The same source measured 1.1 GB/s, so 119.2 us a window, of which a read of
	// 128 KiB takes the idle drive 68.5 us: 50.7 us are left for filling the cache and the copy.
	ReadaheadBytes int64
	ReadaheadNS    int64
	// EngineCores are busy while the GPU runs a step (launch and sampling threads), IdleCores always
	// (daemons); assumptions, they only feed the CPU counters.
	EngineCores float64
	IdleCores   float64
	// ForeignNSPerIO is the CPU time of each I/O of another process on the machine (StartForeign), for its
	// submission and completion; assumption, 2 us; feeds counters only.
	ForeignNSPerIO int64
	// SystemShare of the CPU time above is spent in the kernel; an assumption.
	SystemShare float64
	// GPU power is 4 W idle and 80.1 W at 96 % load, SM clock 208 and 2450 MHz (measured on a Spark
	// with nvidia-smi, github.com/baldwinSPC/glimmer-burnin).
	GPUIdleW, GPUBusyW         float64
	GPUIdleClockMHz, GPUMaxMHz float64
}

// Spec is the software on the machine: one serving stack with one model.
type Spec struct {
	Dialect          string // one of Dialects
	Model            Model
	KVElemBytes      int // 2 for fp16, 1 for fp8
	BlockTokens      int
	MaxBatchSize     int
	MaxNumTokens     int
	MaxContextTokens int // longest prompt plus output that the server accepts
	MaxQueued        int // beyond it requests are refused; 0: no bound
	// Slots says that each of MaxBatchSize slots has an equal part of the KV pool, in place of blocks of one pool for all.
	Slots bool
	// WholePrompts says that a prompt is never cut into chunks: an iteration takes it whole, beside others only if the
	// token budget allows.
	WholePrompts bool
	// WindowAware says that the cache keeps no KV of layers with a sliding window beyond it. What a sequence's windows
	// take is left out: it is the same whatever its length.
	WindowAware    bool
	BlockReuse     bool
	Device         TierSpec
	Host           TierSpec // Dynamo only
	Disk           TierSpec // Dynamo only
	OffloadMinFreq int
	Loader         LoaderSpec
	LoRA           LoRASpec
	// ExclusiveTiers keeps a block in one tier: evicted blocks move down, used ones up. Without it lower
	// tiers are inclusive and written through, as KVBM's are.
	ExclusiveTiers bool
	// PrefetchDepth is of how many waiting requests, from the head of the queue, the NVMe blocks are
	// loaded into the host tier ahead of admission; 0: none. TensorRT-LLM's V2 KV cache manager has it as
	// disk_prefetch_num_reqs.
	PrefetchDepth int
	// Offload says what moves KV below the device; the zero value is KVBM.
	Offload OffloadSpec
	// IgnoreUnsupported has Dynamo's frontend drop members of a request that it does not know, as one does that is started
	// with DYN_IGNORE_OPENAI_FE_UNSUPPORTED_FIELDS=1. trtllm-serve has no such setting, and vLLM drops them anyway.
	IgnoreUnsupported bool
	// Tokenize turns a prompt into token ids.
	Tokenize func(string) []uint32
	// StampSends puts a comment line with the wall clock (": sent <unix ns>") before each frame of a
	// stream, so that a client's own error can be measured.
	StampSends bool
}

// Dialects.
const (
	DialectTRTLLM = "trtllm"
	DialectDynamo = "dynamo"
	DialectVLLM   = "vllm"
)

// Dialects are their names.
func Dialects() []string { return []string{DialectTRTLLM, DialectDynamo, DialectVLLM} }

// TierSpec is a KV tier; zero capacity means that there is none.
type TierSpec struct {
	CapacityBytes int64
	Policy        string // one of Policies
}

// LoaderSpec is how tier-2 blocks are read and written.
type LoaderSpec struct {
	QueueDepth      int
	IOBytes         int64
	SoftwareNSPerIO int64
	SwapDepth       int   // I/Os in flight of the engine's own swapper (KVSwapToNVMe)
	SwapIOBytes     int64 // bytes of each
}

// KVBytesPerToken is the KV of one token that the cache keeps: of all layers, or of those without a sliding window.
func (s Spec) KVBytesPerToken() int64 {
	full, windowed := s.kvByLayers()
	if s.WindowAware {
		return full
	}
	return full + windowed
}

// kvByLayers is the KV of a token in the layers that see all of the context and in those with a sliding window, bytes.
func (s Spec) kvByLayers() (full, windowed int64) {
	all := s.Model.KVBytesPerToken(s.KVElemBytes)
	windowed = int64(s.Model.WindowLayers) * s.Model.kvOfLayer(s.KVElemBytes)
	return all - windowed, windowed
}

// BlockBytes is one KV block, all layers.
func (s Spec) BlockBytes() int64 { return s.KVBytesPerToken() * int64(s.BlockTokens) }

// WindowBytes is the KV of the windows of as many sequences as run at once, which an engine that knows of them keeps beside
// the pool.
func (s Spec) WindowBytes() int64 {
	if !s.WindowAware {
		return 0
	}
	_, windowed := s.kvByLayers()
	tokens := s.Model.WindowTokens
	if s.MaxContextTokens > 0 {
		tokens = min(tokens, s.MaxContextTokens)
	}
	return windowed * int64(tokens) * int64(s.MaxBatchSize)
}

// BufferBytes is the memory that I/Os to and from the NVMe tier pass through: those in flight, or the pinned buffers of the
// manager disk, one for loads and one for stores.
func (s Spec) BufferBytes() int64 {
	o := s.Offload.withDefaults()
	switch o.Manager {
	case OffloadFS:
		return int64(o.ReadThreads+o.WriteThreads) * s.Loader.IOBytes
	case OffloadDisk:
		return 2 * int64(o.BufferSlots) * s.BlockBytes()
	}
	return int64(s.Loader.QueueDepth) * s.Loader.IOBytes
}

// AssumedMixed is of the modelled drive alone.
const AssumedMixed = "NVMe with reads and writes mixed (queue model, no published row)"

// Assumed lists the mechanisms that rest on arithmetic or assumption for this spec. What figures rest on is known where
// they come from.
func (p Params) Assumed(s Spec) []string {
	out := []string{
		"NVMe DMA's and host copies' share of the DRAM bandwidth (arithmetic: reading weights and KV takes peak/(peak - what they move) times as long)"}
	if s.Disk.CapacityBytes > 0 {
		out = append(out, "KVBM on a GB10: no figure published; the loader is that of another KV offload on GB10",
			AssumedMixed)
	}
	out = append(out, s.Offload.uncalibrated()...)
	if s.PrefetchDepth > 0 {
		out = append(out, "prefetch from the NVMe (no figure published; it loads as a request's own fetch does)")
	}
	if len(s.LoRA.Adapters) > 0 {
		out = append(out, "adapter compute (a LoRA request costs as much as one without)",
			"adapter load path (buffered file read; no TensorRT-LLM figure for GB10)")
	}
	if s.Model.WindowLayers > 0 && s.WindowAware {
		out = append(out, "KV of sliding windows (a fixed amount a sequence, left out of the pool)")
	}
	return out
}

// AdapterBytes is what the device slots of adapters hold: all are allocated at start, for the largest adapter. A server that
// preloads has as many as adapters.
func (s Spec) AdapterBytes(m Mechanisms) int64 {
	if m.LoRAPreloaded {
		s.LoRA.Slots = len(s.LoRA.Adapters)
	}
	var largest int64
	for _, a := range s.LoRA.Adapters {
		largest = max(largest, a.Bytes)
	}
	return largest * int64(s.LoRA.Slots)
}
