package record

// PerfLine is one line of perf.jsonl: a request as the server timed it, ms. A duration is nil if the server
// did not set one of its ends.
type PerfLine struct {
	RequestID string   `json:"request_id"` // the join key as the server gave it, "" if it gave none
	WaitMS    *float64 `json:"wait_ms"`    // arrival to first scheduling
	PrefillMS *float64 `json:"prefill_ms"` // first scheduling to first token
}
