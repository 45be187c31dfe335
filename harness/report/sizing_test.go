package report

import (
	"strings"
	"testing"

	"sparkharness/harness/verdict"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sampleSizing is a sweep of the host tier under two policies: a knee with bounds, one with an open bound,
// none up to the largest level, and one that is there from the first level on.
func sampleSizing() *verdict.Sizing {
	const gib = 1 << 30
	row := func(policy string, capacity float64) verdict.SizingRow {
		return verdict.SizingRow{Policy: policy, CapacityBytes: capacity * gib, SmallestTokens: 1024, LargestTokens: 6144, AtTokens: 4096, N: 936}
	}
	rows := []verdict.SizingRow{row("LRU", 0.5), row("LRU", 8), row("LRU", 24), row("LFU", 8), row("LFU", 24)}
	rows[0].BelowFirst, rows[0].Hi = true, ptr(1024)
	rows[1].KneeTokens, rows[1].Lo, rows[1].Hi = ptr(2048), ptr(1024), ptr(3072)
	rows[3].KneeTokens, rows[3].Lo = ptr(3072), ptr(2048)
	for i, hit := range []float64{0.91, 0.58, 0.04, 0.31, 0} {
		rows[i].Tier2Hit = ptr(hit)
		if hit > 0 {
			rows[i].Tier2HitLo, rows[i].Tier2HitHi = ptr(hit-0.03), ptr(hit+0.03)
		}
	}
	return &verdict.Sizing{Question: "From which context on does the host tier overflow, and does another eviction policy move that point?",
		Axis: "host tier capacity", Rows: rows}
}

func TestKneeInWords(t *testing.T) {
	for _, tc := range []struct {
		name string
		row  verdict.SizingRow
		want string
	}{
		{"with bounds", verdict.SizingRow{KneeTokens: ptr(2048), Lo: ptr(1024), Hi: ptr(3072)}, "2,048 [1,024, 3,072]"},
		{"open at one side", verdict.SizingRow{KneeTokens: ptr(2048), Lo: ptr(1024)}, "2,048 [1,024, open]"},
		{"open at both sides", verdict.SizingRow{KneeTokens: ptr(2048)}, "2,048 [open, open]"},
		{"none", verdict.SizingRow{}, "> 6,144"},
		{"none, a bound is known", verdict.SizingRow{Lo: ptr(4096)}, "> 6,144 [4,096, open]"},
		{"from the first level on", verdict.SizingRow{BelowFirst: true}, "<= 1,024"},
		{"at the first level with its value", verdict.SizingRow{BelowFirst: true, KneeTokens: ptr(1024), Hi: ptr(2048)}, "<= 1,024 [open, 2,048]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.row.SmallestTokens, tc.row.LargestTokens = 1024, 6144
			assert.Equal(t, tc.want, knee(&tc.row))
		})
	}
}

func TestSizingTableStandsBelowTheLatencyTable(t *testing.T) {
	s := tableOf(t, sampleH2B())
	cell, sizing, verdict := strings.Index(s, "stack=B/ctx=4096"), strings.Index(s, "\nsizing  "), strings.Index(s, "\nverdict  ")
	require.Positive(t, sizing)
	assert.Less(t, cell, sizing)
	assert.Less(t, sizing, verdict)
	assert.NotContains(t, tableOf(t, sampleH0()), "sizing")
}

func TestSizingTableSaysWhatIsMissing(t *testing.T) {
	r := sampleH2B()
	r.Sizing.Rows[1].Tier2Hit = nil
	assert.Regexp(t, `LRU +8 +2,048 \[1,024, 3,072\] +- +- +936\n`, tableOf(t, r), "one row without hits")
	for i := range r.Sizing.Rows {
		r.Sizing.Rows[i].Tier2Hit = nil
	}
	_, sizing, _ := strings.Cut(tableOf(t, r), "\nsizing  ")
	sizing, _, _ = strings.Cut(sizing, "\nverdict  ")
	assert.Regexp(t, `policy +capacity +\[interval\] +n\n`, sizing, "no column without a value")
	r.Sizing.Rows = nil
	assert.Contains(t, tableOf(t, r), "no configuration was measured")
	assert.Contains(t, indexOf(t, map[string]*verdict.Judgement{"a": r}), "No configuration was measured.")
}

func TestIndexShowsTheSizing(t *testing.T) {
	page := indexOf(t, map[string]*verdict.Judgement{"a": sampleH2B()})
	for _, want := range []string{
		"does another eviction policy move that point?", "host tier capacity, GiB", "knee [interval], tokens", "&gt; 6,144", "&lt;= 1,024 [open, 1,024]",
		"3,072 [2,048, open]", "58.0 [55.0, 61.0]",
	} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, indexOf(t, map[string]*verdict.Judgement{"a": sampleH0()}), "<h3>Sizing</h3>")
}

func TestSizingIsNullWithoutAQuestion(t *testing.T) {
	data, err := encode(sampleH0())
	require.NoError(t, err)
	assert.Contains(t, string(data), `"sizing": null`)
	r := sampleH0()
	r.Sizing = &verdict.Sizing{}
	data, err = encode(r)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"rows": []`, "a list that is nil is written as []")
}
