package report

import (
	"fmt"
	"slices"

	"sparkharness/harness/evidence"
)

// answersColumns are the columns of the table about how answers came; nil where every chunk with text held a token and
// no request was sent again, as far as is known. There a gap between chunks is one between tokens.
func answersColumns(rows []evidence.Row) []column[evidence.Row] {
	told := slices.ContainsFunc(rows, func(r evidence.Row) bool {
		return r.ChunkGaps != nil || r.SentAgain != nil || r.TokensPerChunk != nil && *r.TokensPerChunk != 1
	})
	if !told {
		return nil
	}
	gaps := func(name string, get func(*evidence.Row) *evidence.ITL) column[evidence.Row] {
		return column[evidence.Row]{name: name, unit: "ms",
			has: func(r *evidence.Row) bool { return get(r) != nil },
			cell: func(r *evidence.Row) string {
				g := get(r)
				if g == nil {
					return "-"
				}
				return fmt.Sprintf("%s / %s / %s", number(g.P50), number(g.P99), number(g.Max))
			}}
	}
	return filled([]column[evidence.Row]{
		cellColumn(),
		plain("tokens|a chunk", "1", func(r *evidence.Row) *float64 { return r.TokensPerChunk }),
		plain("TPOT|mean", "ms", func(r *evidence.Row) *float64 { return r.TPOT }),
		gaps("gaps of tokens (ITL)|p50 / p99 / max", func(r *evidence.Row) *evidence.ITL { return r.ITL }),
		gaps("gaps of chunks|p50 / p99 / max", func(r *evidence.Row) *evidence.ITL { return r.ChunkGaps }),
		{name: "sent|again", unit: "req",
			has: func(r *evidence.Row) bool { return r.SentAgain != nil },
			cell: func(r *evidence.Row) string {
				if r.SentAgain == nil {
					return "-"
				}
				return count(*r.SentAgain)
			}},
	}, rows)
}
