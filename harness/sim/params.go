package sim

// Params are the physics of the machine.
type Params struct {
	NVMe       NVMeParams
	Host       HostParams
	Mechanisms Mechanisms
}

// Mechanisms removes or adds parts of the machine; the zero value is the calibrated machine.
type Mechanisms struct {
	UnlimitedSlots   bool // any number of sequences runs at once
	UnlimitedCompute bool // a step costs DecodeBaseNS whatever is in it
	KVSwapToNVMe     bool // admission ignores the KV pool; sequences that do not fit are swapped out and in
}

// HostParams describe the CPU side.
type HostParams struct {
	CPUs int // 10 Cortex-X925 + 10 Cortex-A725
	// MemTotalBytes is /proc/meminfo's MemTotal on a DGX Spark, 127,600,524 kB.
	MemTotalBytes int64
	// OSBytes and PageCacheBytes are an idle desktop; an assumption.
	OSBytes        int64
	PageCacheBytes int64
	// HostCopyBytesPerSec is a copy inside the one DRAM pool: reads and writes share 228 GB/s of
	// measured triad bandwidth.
	HostCopyBytesPerSec float64
	// EngineCores are busy while the GPU runs a step (launch and sampling threads), IdleCores always
	// (daemons); assumptions, they only feed the CPU counters.
	EngineCores float64
	IdleCores   float64
	// SystemShare of the CPU time above is spent in the kernel; an assumption.
	SystemShare float64
	// GPU power is 4 W idle and 80.1 W at 96 % load, SM clock 208 and 2450 MHz (measured on a Spark
	// with nvidia-smi, github.com/baldwinSPC/glimmer-burnin).
	GPUIdleW, GPUBusyW         float64
	GPUIdleClockMHz, GPUMaxMHz float64
}

// DefaultParams is the calibrated machine.
func DefaultParams() Params {
	return Params{
		NVMe: DefaultNVMeParams(),
		Host: HostParams{
			CPUs:                20,
			MemTotalBytes:       127_600_524 * 1024,
			OSBytes:             6 << 30,
			PageCacheBytes:      4 << 30,
			HostCopyBytesPerSec: 100e9,
			EngineCores:         1.3,
			IdleCores:           0.2,
			SystemShare:         0.2,
			GPUIdleW:            4, GPUBusyW: 80.1,
			GPUIdleClockMHz: 208, GPUMaxMHz: 2450,
		},
	}
}

// Spec is the software on the machine: one serving stack with one model.
type Spec struct {
	Dialect          string // DialectTRTLLM or DialectDynamo
	Model            Model
	KVElemBytes      int // 2 for fp16, 1 for fp8
	BlockTokens      int
	MaxBatchSize     int
	MaxNumTokens     int
	MaxContextTokens int // longest prompt plus output that the server accepts
	MaxQueued        int // beyond it requests are refused; 0: no bound
	BlockReuse       bool
	Device           TierSpec
	Host             TierSpec // Dynamo only
	Disk             TierSpec // Dynamo only
	OffloadMinFreq   int
	Loader           LoaderSpec
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
)

// TierSpec is a KV tier; zero capacity means that there is none.
type TierSpec struct {
	CapacityBytes int64
	Policy        string // LRU or FIFO
}

// LoaderSpec is how tier-2 blocks are read and written.
type LoaderSpec struct {
	QueueDepth      int
	IOBytes         int64
	SoftwareNSPerIO int64
	SwapDepth       int   // I/Os in flight of the engine's own swapper (KVSwapToNVMe)
	SwapIOBytes     int64 // bytes of each
}

// KVBytesPerToken is the KV of one token, all layers.
func (s Spec) KVBytesPerToken() int64 { return s.Model.KVBytesPerToken(s.KVElemBytes) }

// BlockBytes is one KV block, all layers.
func (s Spec) BlockBytes() int64 { return s.KVBytesPerToken() * int64(s.BlockTokens) }

// Uncalibrated lists the parts of the machine that rest on arithmetic or assumption for this spec.
func (p Params) Uncalibrated(s Spec) []string {
	out := append([]string{}, s.Model.Uncalibrated...)
	out = append(out, "host CPU, memory and background I/O figures (assumed; they feed counters, not latency)")
	if s.Disk.CapacityBytes > 0 {
		out = append(out, "KVBM on a GB10: no figure published; the loader is that of another KV offload on GB10",
			"NVMe with reads and writes mixed (queue model, no published row)")
	}
	return out
}
