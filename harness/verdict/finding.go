package verdict

import "sparkharness/harness/stats"

// Finding is a named number with its meaning. A nil value means that there is none, and Detail says why.
type Finding struct {
	Name string `json:"name"`
	stats.Estimate
	Unit   string `json:"unit"`
	Detail string `json:"detail"`
}
