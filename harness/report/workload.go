package report

import "sparkharness/harness/evidence"

// workloadColumns are the columns of the workload table: what the load asked for and what it met; nil if
// nothing is known of it. It is a table of its own because the latency table is as wide as a terminal.
func workloadColumns(rows []evidence.Row) []column[evidence.Row] {
	columns := filled([]column[evidence.Row]{
		cellColumn(),
		plain("prompt|mean", "tokens", func(r *evidence.Row) *float64 { return r.PromptTokens }),
		{name: "reuse|offered", unit: "%",
			has:  func(r *evidence.Row) bool { return r.ReuseOffered != nil },
			cell: func(r *evidence.Row) string { return share(r.ReuseOffered) }},
		{name: "cached", unit: "%", // says nothing without what was offered
			has:  func(r *evidence.Row) bool { return r.CachedShare != nil && r.ReuseOffered != nil },
			cell: func(r *evidence.Row) string { return share(r.CachedShare) }},
		plain("working|set", "GiB", func(r *evidence.Row) *float64 { return r.WorkingSetGiB }),
		plain("NVMe|read", "GB", func(r *evidence.Row) *float64 { return r.NVMeReadGB }),
		{name: "first|touches", unit: "req",
			has: func(r *evidence.Row) bool { return r.FirstTouchN != nil },
			cell: func(r *evidence.Row) string {
				if r.FirstTouchN == nil {
					return "-"
				}
				return count(*r.FirstTouchN)
			}},
		plain("first-touch|TTFT mean", "ms", func(r *evidence.Row) *float64 { return r.FirstTouchMS }),
		{name: "later TTFT p99|[bounds]", unit: "ms",
			has:  func(r *evidence.Row) bool { return r.LaterP99 != nil },
			cell: func(r *evidence.Row) string { return bounded(r.LaterP99) }},
	}, rows)
	if len(columns) == 1 { // the cell alone
		return nil
	}
	return columns
}
