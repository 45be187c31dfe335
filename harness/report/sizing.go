package report

import (
	"strings"

	"sparkharness/harness/verdict"
)

// knee is where the knee lies: a context, "> 6,144" where there is none up to the largest level, "<= 1,024"
// where it is there from the first one on. An interval that is open at both sides is shown for a knee alone.
func knee(r *verdict.SizingRow) string {
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
func hit(r *verdict.SizingRow) string {
	if r.Tier2Hit == nil {
		return "-"
	}
	return share(r.Tier2Hit) + " " + bounds(r.Tier2HitLo, r.Tier2HitHi, func(v float64) string { return share(&v) })
}

// sizingColumns are the columns of the sizing table.
func sizingColumns(s *verdict.Sizing) []column[verdict.SizingRow] {
	const axisWidth = 16
	hasHit := func(r *verdict.SizingRow) bool { return r.Tier2Hit != nil }
	return filled([]column[verdict.SizingRow]{
		{name: "policy", text: true, has: always[verdict.SizingRow], cell: func(r *verdict.SizingRow) string { return clean(r.Policy) }},
		{name: strings.Join(wrap(s.Axis, axisWidth), "|"), unit: "GiB", has: always[verdict.SizingRow],
			cell: func(r *verdict.SizingRow) string { return quantity(r.CapacityBytes / (1 << 30)) }},
		{name: "knee|[interval]", unit: "tokens", has: always[verdict.SizingRow], cell: knee},
		{name: "tier-2 hit|[interval]", unit: "%", has: hasHit, cell: hit},
		{name: "at|context", unit: "tokens", has: hasHit,
			cell: func(r *verdict.SizingRow) string {
				if r.Tier2Hit == nil {
					return "-"
				}
				return count(r.AtTokens)
			}},
		{name: "n", unit: "req", has: always[verdict.SizingRow], cell: func(r *verdict.SizingRow) string { return count(r.N) }},
	}, s.Rows)
}
