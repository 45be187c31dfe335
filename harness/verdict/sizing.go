package verdict

// Sizing is the answer to a sizing question: where the knee lies at each capacity under each policy.
type Sizing struct {
	Question string      `json:"question"`
	Axis     string      `json:"axis"` // what capacity_bytes is the capacity of, such as "host tier capacity"
	Rows     []SizingRow `json:"rows"`
}

// SizingRow is one configuration of the sweep: a capacity under a policy, over all context levels.
type SizingRow struct {
	Policy        string  `json:"policy"`
	CapacityBytes float64 `json:"capacity_bytes"`

	KneeTokens     *float64 `json:"knee_tokens"`     // null: none up to the largest level
	Lo             *float64 `json:"knee_lo_tokens"`  // null: open at that side
	Hi             *float64 `json:"knee_hi_tokens"`  // null: open at that side
	SmallestTokens int      `json:"smallest_tokens"` // context of the first level
	LargestTokens  int      `json:"largest_tokens"`  // context of the last level
	BelowFirst     bool     `json:"below_first"`     // the knee is there from the first level on

	Tier2Hit   *float64 `json:"tier2_hit_share"` // of whole prompt blocks
	Tier2HitLo *float64 `json:"tier2_hit_lo_share"`
	Tier2HitHi *float64 `json:"tier2_hit_hi_share"`
	AtTokens   int      `json:"at_tokens"` // context at which the tier-2 hits were taken
	N          int      `json:"n"`         // observations that the row rests on
}
