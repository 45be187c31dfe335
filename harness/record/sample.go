package record

import "strings"

// SysSample is one line of sysmon.jsonl: the machine over the interval that ends at TS.
// A group is nil if its source gave nothing for this interval.
type SysSample struct {
	TS     float64 `json:"ts"`    // s, same clock as Request.TS
	DtMS   float64 `json:"dt_ms"` // since the previous sample
	Phase  string  `json:"phase"` // baseline, warmup, measure, drain
	CPU    *CPU    `json:"cpu"`
	Mem    *Mem    `json:"mem"`
	GPU    *GPU    `json:"gpu"`
	NVMe   *NVMe   `json:"nvme"`
	PSI    *PSI    `json:"psi"`
	Engine *Engine `json:"engine"`
	// Server is absent where nothing tells the server's own I/O.
	Server *ServerIO `json:"server_io,omitempty"`
	Fio    *Fio      `json:"fio,omitempty"`   // absent while no fio runs
	Probe  *Probe    `json:"probe,omitempty"` // absent while no probe runs
	Reset  bool      `json:"reset,omitempty"` // a counter went backwards inside the interval
}

// Phases that only samples have.
const (
	PhasePrepare  = "prepare"  // what the treatments act on, such as the run before a warm one
	PhaseTreat    = "treat"    // treatments under way, until the server answers again
	PhaseBaseline = "baseline" // idle, before any load
	PhaseDrain    = "drain"
)

// Levels of the factor phase: what is done before the load.
const (
	ArmCold = "cold" // page cache dropped, server restarted
	ArmWarm = "warm" // server restarted
)

// CPU is the share of all CPU time in the interval, percent of the whole machine.
type CPU struct {
	User   float64 `json:"user"`
	System float64 `json:"system"`
	IOWait float64 `json:"iowait"`
	Idle   float64 `json:"idle"`
}

// Mem are bytes from /proc/meminfo.
type Mem struct {
	Available *float64 `json:"MemAvailable"`
	Cached    *float64 `json:"Cached"`
	SwapTotal *float64 `json:"SwapTotal"`
	SwapFree  *float64 `json:"SwapFree"`
}

// GPU is the newest nvidia-smi line. On a GB10 mem_used_bytes is always null: the driver answers [N/A].
type GPU struct {
	Util         *float64 `json:"util"` // percent of the interval with a kernel running
	MemUsedBytes *float64 `json:"mem_used_bytes"`
	PowerW       *float64 `json:"power_w"`
	SMClockMHz   *float64 `json:"sm_clock_mhz"`
	Throttled    *bool    `json:"throttled"`
	// SMClockMaxMHz is the highest clock that the GPU can have; absent where it does not tell, and from lines of earlier versions.
	SMClockMaxMHz *float64 `json:"sm_clock_max_mhz,omitempty"`
}

// NVMe are the figures of iostat over the interval, and the counter deltas that they came from, so
// that longer windows can be summed exactly. An await is null if no I/O of its kind completed.
type NVMe struct {
	RPS     float64  `json:"rps"`
	RMBs    float64  `json:"rMBs"` // 1e6 B/s
	WPS     float64  `json:"wps"`
	WMBs    float64  `json:"wMBs"`
	RAwait  *float64 `json:"r_await_ms"`
	WAwait  *float64 `json:"w_await_ms"`
	AquSz   float64  `json:"aqu_sz"`
	UtilPct float64  `json:"util_pct"`

	Reads      float64 `json:"reads"`
	ReadBytes  float64 `json:"read_bytes"`
	ReadMS     float64 `json:"read_ms"`
	Writes     float64 `json:"writes"`
	WriteBytes float64 `json:"write_bytes"`
	WriteMS    float64 `json:"write_ms"`
	IOms       float64 `json:"io_ms"`
	WeightedMS float64 `json:"weighted_ms"`
}

// PSI are stall microseconds in the interval, deltas of the kernel's totals.
type PSI struct {
	IOSomeUS  *float64 `json:"io_some_us"`
	IOFullUS  *float64 `json:"io_full_us"`
	MemSomeUS *float64 `json:"mem_some_us"`
	MemFullUS *float64 `json:"mem_full_us"`
}

// Engine are the serving engine's own gauges, from its metrics endpoint.
type Engine struct {
	Running      *float64 `json:"running"`
	Waiting      *float64 `json:"waiting"` // not admitted yet
	Context      *float64 `json:"context"` // admitted, prompt not done
	KVUsedBlocks *float64 `json:"kv_used_blocks"`
	KVMaxBlocks  *float64 `json:"kv_max_blocks"`
	IterMS       *float64 `json:"iter_ms"`
}

// Fio are the bytes that fio itself has moved in the interval, deltas of its /proc/<pid>/io. They count when
// an I/O is submitted.
type Fio struct {
	ReadBytes  float64 `json:"read_bytes"`
	WriteBytes float64 `json:"write_bytes"`
}

// Probe are the small reads of the probe that ended in the interval: how long each took, as the reader saw it. The
// quantiles are of type 7, and with the mean null where no read ended.
type Probe struct {
	N      float64  `json:"n"`
	MeanUS *float64 `json:"mean_us"`
	P50US  *float64 `json:"p50_us"`
	P99US  *float64 `json:"p99_us"`
}

// KVSample is one line of dynkv.jsonl: the KV manager's counters since its start, at TS.
// Blocks are counted by the server; bytes are derived (blocks x kv_block_size_bytes, which is configured).
type KVSample struct {
	TS             float64  `json:"ts"`
	Phase          string   `json:"phase"`
	BlockSizeBytes *float64 `json:"kv_block_size_bytes"`
	MatchedTokens  *float64 `json:"matched_tokens"`
	Tier0          KVTier   `json:"tier0"`
	Tier1          KVTier   `json:"tier1"`
	Tier2          KVTier   `json:"tier2"`
	Evictions      *float64 `json:"evictions"` // blocks, from the host tier
	Prefetches     *float64 `json:"prefetches"`
	// Derived names the fields of this line that the harness computed because the server does not report
	// them, such as tier1.bytes_in and evictions. A field that is null is not named.
	Derived []string `json:"derived,omitempty"`
	// Born names the counters of this line that no earlier one had although the same process told it: they have counted from 0 since
	// the line before. Absent from cells of earlier versions, which did not look.
	Born []string `json:"born,omitempty"`
	// Failed says why the scrape gave nothing.
	Failed *string `json:"failed,omitempty"`
}

// Counter is a counter of the line by its path in it, such as tier2.hits; nil for what is none.
func (s *KVSample) Counter(name string) **float64 {
	tier, field, ok := strings.Cut(name, ".")
	if !ok {
		switch name {
		case "evictions":
			return &s.Evictions
		case "matched_tokens":
			return &s.MatchedTokens
		}
		return nil
	}
	t := map[string]*KVTier{"tier0": &s.Tier0, "tier1": &s.Tier1, "tier2": &s.Tier2}[tier]
	if t == nil {
		return nil
	}
	return map[string]**float64{"hits": &t.Hits, "bytes_in": &t.BytesIn, "bytes_out": &t.BytesOut, "fetch_count": &t.FetchCount,
		"fetch_queue_ms_sum": &t.FetchQueueMS, "fetch_transfer_ms_sum": &t.FetchTransferMS}[field]
}

// KVTier are cumulative counters of one tier: 0 device, 1 host, 2 NVMe. In is into the tier
// (offload), out is towards the device (onboard).
type KVTier struct {
	Hits     *float64 `json:"hits"` // blocks found here and onboarded
	Misses   *float64 `json:"misses"`
	BytesIn  *float64 `json:"bytes_in"`
	BytesOut *float64 `json:"bytes_out"`
	// Fetch latency (tier 2 only): the wait for the loader and the transfer, milliseconds. The
	// quantiles are of the fetches that completed since the previous sample; the sums and counts are
	// cumulative.
	FetchP50ms      *float64 `json:"fetch_p50_ms,omitempty"`
	FetchP95ms      *float64 `json:"fetch_p95_ms,omitempty"`
	FetchP99ms      *float64 `json:"fetch_p99_ms,omitempty"`
	FetchCount      *float64 `json:"fetch_count,omitempty"`
	FetchQueueMS    *float64 `json:"fetch_queue_ms_sum,omitempty"`
	FetchTransferMS *float64 `json:"fetch_transfer_ms_sum,omitempty"`
}
