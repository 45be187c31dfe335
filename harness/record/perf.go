package record

// PerfLine is one line of perf.jsonl: a request as the server timed it.
type PerfLine struct {
	RequestID string   `json:"request_id"`
	WaitMS    *float64 `json:"wait_ms"` // arrival to first scheduling
	PrefillMS *float64 `json:"prefill_ms"`
}
