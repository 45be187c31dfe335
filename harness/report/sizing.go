package report

import "strings"

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

// knee is where the knee lies: a context, "> 6,144" where there is none up to the largest level, "<= 1,024"
// where it is there from the first one on. An interval that is open at both sides is shown for a knee alone.
func (r *SizingRow) knee() string {
	s := "> " + count(r.LargestTokens)
	switch {
	case r.BelowFirst:
		s = "<= " + count(r.SmallestTokens)
	case r.KneeTokens != nil:
		return quantity(*r.KneeTokens) + " " + bounds(r.Lo, r.Hi, quantity)
	}
	if r.Lo == nil && r.Hi == nil {
		return s
	}
	return s + " " + bounds(r.Lo, r.Hi, quantity)
}

// hit is the share of tier-2 hits in percent with its interval.
func (r *SizingRow) hit() string {
	if r.Tier2Hit == nil {
		return "-"
	}
	return share(r.Tier2Hit) + " " + bounds(r.Tier2HitLo, r.Tier2HitHi, func(v float64) string { return share(&v) })
}

// sizingColumns are the columns of the sizing table.
func sizingColumns(s *Sizing) []column[SizingRow] {
	const axisWidth = 16
	hasHit := func(r *SizingRow) bool { return r.Tier2Hit != nil }
	return filled([]column[SizingRow]{
		{name: "policy", text: true, has: always[SizingRow], cell: func(r *SizingRow) string { return clean(r.Policy) }},
		{name: strings.Join(wrap(s.Axis, axisWidth), "|"), unit: "GiB", has: always[SizingRow],
			cell: func(r *SizingRow) string { return quantity(r.CapacityBytes / (1 << 30)) }},
		{name: "knee|[interval]", unit: "tokens", has: always[SizingRow], cell: (*SizingRow).knee},
		{name: "tier-2 hit|[interval]", unit: "%", has: hasHit, cell: (*SizingRow).hit},
		{name: "at|context", unit: "tokens", has: hasHit,
			cell: func(r *SizingRow) string {
				if r.Tier2Hit == nil {
					return "-"
				}
				return count(r.AtTokens)
			}},
		{name: "n", unit: "req", has: always[SizingRow], cell: func(r *SizingRow) string { return count(r.N) }},
	}, s.Rows)
}
