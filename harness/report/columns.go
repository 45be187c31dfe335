package report

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
)

// column is one column of a table of Ts, in the terminal and on the page.
type column[T any] struct {
	name string // a '|' is where the terminal breaks it
	unit string
	text bool // aligned left
	cell func(*T) string
	has  func(*T) bool // the row has a value; a column without any is left out
}

// headLines are the lines of the column's heading in a terminal, the unit last.
func (c column[T]) headLines() string { return strings.ReplaceAll(c.name, "|", "\n") + "\n" + c.unit }

// heading is the column's heading in one line.
func (c column[T]) heading() string {
	name := strings.ReplaceAll(strings.ReplaceAll(c.name, "/|", "/"), "|", " ")
	if c.unit == "" {
		return name
	}
	return name + ", " + c.unit
}

// always marks a column that every row fills.
func always[T any](*T) bool { return true }

// plain is a column of an optional number.
func plain(name, unit string, get func(*evidence.Row) *float64) column[evidence.Row] {
	return column[evidence.Row]{name: name, unit: unit,
		cell: func(r *evidence.Row) string { return optional(get(r)) },
		has:  func(r *evidence.Row) bool { return get(r) != nil }}
}

// estimate is a column of a percentile without its bounds.
func estimate(name string, get func(*evidence.Row) *evidence.Percentile) column[evidence.Row] {
	return column[evidence.Row]{name: name, unit: "ms",
		cell: func(r *evidence.Row) string { return percentile(get(r)) },
		has:  func(r *evidence.Row) bool { return get(r) != nil }}
}

// filled are the columns that at least one row has a value for.
func filled[T any](all []column[T], rows []T) []column[T] {
	return slices.DeleteFunc(all, func(c column[T]) bool {
		return !slices.ContainsFunc(rows, func(r T) bool { return c.has(&r) })
	})
}

// cellColumn is the key of the cell: every factor that was varied, whatever it is called.
func cellColumn() column[evidence.Row] {
	return column[evidence.Row]{name: "cell", text: true, has: always[evidence.Row], cell: func(r *evidence.Row) string { return clean(r.Cell) }}
}

// latencyColumns are the columns of the latency table.
func latencyColumns(rows []evidence.Row) []column[evidence.Row] {
	return filled([]column[evidence.Row]{
		cellColumn(),
		{name: "n", unit: "req", has: always[evidence.Row], cell: func(r *evidence.Row) string { return count(r.Samples) }},
		{name: "cens/|fail/|rej", unit: "req",
			has:  func(r *evidence.Row) bool { return r.Censored+r.Failed+r.Rejected > 0 },
			cell: func(r *evidence.Row) string { return fmt.Sprintf("%d/%d/%d", r.Censored, r.Failed, r.Rejected) }},
		estimate("TTFT|p50", func(r *evidence.Row) *evidence.Percentile { return r.TTFT.P50 }),
		estimate("TTFT|p95", func(r *evidence.Row) *evidence.Percentile { return r.TTFT.P95 }),
		{name: "TTFT p99|[bounds]", unit: "ms",
			has:  func(r *evidence.Row) bool { return r.TTFT.P99 != nil },
			cell: func(r *evidence.Row) string { return bounded(r.TTFT.P99) }},
		estimate("E2E|p99", func(r *evidence.Row) *evidence.Percentile { return r.E2E.P99 }),
		{name: "rps", unit: "1/s", has: always[evidence.Row], cell: func(r *evidence.Row) string { return number(r.RPS) }},
		plain("GPU|busy", "%", func(r *evidence.Row) *float64 { return r.GPUBusyPct }),
		plain("queue", "req", func(r *evidence.Row) *float64 { return r.QueueDepth }),
		{name: "NVMe r/s|(idle)", unit: "1/s",
			has: func(r *evidence.Row) bool { return r.NVMeRPS != nil || r.NVMeIdleRPS != nil },
			cell: func(r *evidence.Row) string {
				if r.NVMeRPS == nil && r.NVMeIdleRPS == nil {
					return "-"
				}
				return optional(r.NVMeRPS) + " (" + optional(r.NVMeIdleRPS) + ")"
			}},
		plain("r_await", "ms", func(r *evidence.Row) *float64 { return r.RAwaitMS }),
		{name: "tier-2|hit", unit: "%",
			has:  func(r *evidence.Row) bool { return r.Tier2Hit != nil },
			cell: func(r *evidence.Row) string { return share(r.Tier2Hit) }},
		plain("fetch|p95", "ms", func(r *evidence.Row) *float64 { return r.FetchP95MS }),
	}, rows)
}
