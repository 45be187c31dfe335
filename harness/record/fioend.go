package record

// FioEnd is what fio itself reports when it is ended, over all of its jobs.
type FioEnd struct {
	Version string        `json:"version"` // such as fio-3.33
	RanS    float64       `json:"ran_s"`   // from its start until it was told to end, by the wall clock
	Read    *FioDirection `json:"read"`    // null: it read nothing
	Write   *FioDirection `json:"write"`
	// Writes is how steady the rate was at which it wrote; null if it wrote nothing, or too short.
	Writes *Steadiness `json:"writes,omitempty"`
}

// FioDirection is fio's own account of its reads, or of its writes. Latencies are from submission to completion (clat); they
// are null where fio has none.
type FioDirection struct {
	Bytes float64 `json:"bytes"`
	IOs   float64 `json:"ios"`
	// MeanUS is over all jobs, by their I/Os. Quantiles are those of the one job, null of several.
	MeanUS *float64 `json:"mean_us"`
	P50US  *float64 `json:"p50_us"`
	P99US  *float64 `json:"p99_us"`
}
