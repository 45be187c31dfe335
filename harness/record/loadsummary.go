package record

import "time"

// LoadSummary is what a run of the load knows of itself besides its lines. All of it is independent of the order in
// which simultaneous events were seen.
type LoadSummary struct {
	MeasureStart *float64 `json:"measure_start"` // s, on the clock of Request.TS; nil if never reached
	MeasureEnd   *float64 `json:"measure_end"`
	// WarmupCapped says that warm-up ended at its Max with users that lacked passes.
	WarmupCapped bool `json:"warmup_capped"`
	// Counts are requests by phase and result code.
	Counts     map[string]map[string]int `json:"counts"`
	MaxSendLag time.Duration             `json:"max_send_lag_ns"` // of the requests of measure
	// Gaps are the inter-token gaps of the requests of measure, however those ended. ChunkGaps are the gaps between
	// chunks of those whose tokens the server counted and came to another number than their chunks; nil if there is none.
	Gaps      GapHist  `json:"itl_gaps"`
	ChunkGaps *GapHist `json:"chunk_gaps,omitempty"`
	// MeanThink is the mean wait of users between an answer and the next intended send, over the requests
	// of measure; nil without any, as in an open loop.
	MeanThink *time.Duration `json:"mean_think_ns"`
	// DrainTimeouts are requests that ran into their time limit after measure had ended.
	DrainTimeouts int `json:"drain_timeouts"`
}
