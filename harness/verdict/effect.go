package verdict

import "sparkharness/harness/stats"

// Effect is the headline number of a verdict.
type Effect struct {
	Name string `json:"name"`
	stats.Estimate
	Unit       string  `json:"unit"`
	Confidence float64 `json:"confidence"`
	N          int     `json:"n"`
	Of         string  `json:"n_of"` // what N counts, such as requests
}
