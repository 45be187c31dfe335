package record

// ClientUse is what the harness's own process took of the machine that it measures, from the start of a cell's load to its end.
type ClientUse struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"` // user and system, of all its threads
	// RSSBytes is its resident memory at the end; null where the kernel does not tell it.
	RSSBytes *float64 `json:"rss_bytes"`
	// CPUs are those that it may run on, as the kernel lists them, such as 0-3,8; "" if not told.
	CPUs string `json:"cpus,omitempty"`
}

// Observed is the effect of being watched: the same load on the same server with telemetry and without, in turn, after the
// cell's own load. The first part only brings the server into the state in which it meets that load again.
type Observed struct {
	CadenceMS float64        `json:"cadence_ms"`
	Parts     []ObservedPart `json:"parts"`
	Error     string         `json:"error,omitempty"` // why there are no more
}

// ObservedPart is one of them.
type ObservedPart struct {
	Watched  bool    `json:"watched"`
	Samples  int     `json:"samples"` // that telemetry took meanwhile
	Discard  bool    `json:"discard,omitempty"`
	Seconds  float64 `json:"seconds"`
	Requests int     `json:"requests"` // answered to the end
	Failed   int     `json:"failed"`
	// TTFTp50MS is null without an answer.
	TTFTp50MS *float64 `json:"ttft_p50_ms"`
}
