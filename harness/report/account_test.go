package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sampleAccounts are those of stack B in sampleH2B: ten, of which the last knows nothing of the KV manager's
// writes.
func sampleAccounts() []evidence.Account {
	var out []evidence.Account
	for i, ctx := range []int{256, 512, 1024, 2048, 4096} {
		cell := fmt.Sprintf("stack=B/ctx=%d/conc=6", ctx)
		read := sampleAccount(cell, "read", 0.9, nil, ptr([]float64{0, 0, 2.6, 40.9, 76.6}[i]), tenth(0.1*float64(i)))
		write := sampleAccount(cell, "write", 0.5, nil, ptr([]float64{0, 4, 16.5, 33, 66}[i]), -0.2)
		out = append(out, read, write)
	}
	out[9].KVGB, out[9].ResidualGB, out[9].ResidualPct = nil, nil, nil
	return out
}

// sampleAccount closes with a residual in GB.
func sampleAccount(cell, direction string, idle float64, fio, kv *float64, residual float64) evidence.Account {
	a := evidence.Account{Cell: cell, Direction: direction, IdleGB: idle, FioGB: fio, KVGB: kv, ResidualGB: ptr(residual), DeviceGB: idle + residual}
	for _, part := range []*float64{fio, kv} {
		if part != nil {
			a.DeviceGB += *part
		}
	}
	a.ResidualPct = ptr(residual / a.DeviceGB * 100)
	return a
}

// accountLinesOf is what accountTable prints: the heading's line and a line for each account.
func accountLinesOf(t *testing.T, all []evidence.Account) (title string, head []string, lines [][]string) {
	t.Helper()
	var b strings.Builder
	accountTable(&b, all)
	top, below, ok := strings.Cut(b.String(), "\n\n")
	require.True(t, ok, b.String())
	headings, rows, ok := strings.Cut(below, "\n-")
	require.True(t, ok, below)
	for i, line := range strings.Split(strings.TrimRight(rows, "\n"), "\n") {
		if i > 0 { // the rest of the rule
			lines = append(lines, strings.Fields(line))
		}
	}
	return strings.TrimSpace(top), strings.Fields(headings), lines
}

func TestAccountTable(t *testing.T) {
	all := []evidence.Account{
		sampleAccount("fio=none/ctx=256", "read", 1, nil, ptr(10), 0.5),
		sampleAccount("fio=heavy/ctx=256", "read", 1, ptr(300), ptr(10), -2),
		{Cell: "fio=heavy/ctx=512", Direction: "write", DeviceGB: 12.5, IdleGB: 2, FioGB: ptr(10)},
		{Cell: "fio=none/ctx=512", Direction: "write", KVGB: ptr(0), ResidualGB: ptr(0)},
	}
	title, head, lines := accountLinesOf(t, all)
	assert.Equal(t, "bytes on the NVMe: device = idle + fio + KV + residual", title)
	assert.Equal(t, []string{"cell", "direction", "device", "idle", "fio", "KV", "residual", "residual", "GB", "GB", "GB", "GB", "GB", "%"}, head)
	assert.Equal(t, [][]string{
		{"fio=none/ctx=256", "read", "11.5", "1.00", "-", "10.0", "0.500", "4.35"},
		{"fio=heavy/ctx=256", "read", "309", "1.00", "300", "10.0", "-2.00", "-0.647"},
		{"fio=heavy/ctx=512", "write", "12.5", "2.00", "10.0", "-", "-", "-"},
		{"fio=none/ctx=512", "write", "0", "0", "-", "0", "0", "-"},
	}, lines, "what is not known is not 0, and 0 is not what is not known")

	var none strings.Builder
	accountTable(&none, nil)
	assert.Empty(t, none.String())
}

// A column that no account fills is left out.
func TestAccountTableLeavesEmptyColumnsOut(t *testing.T) {
	_, head, _ := accountLinesOf(t, []evidence.Account{{Cell: "ctx=256", Direction: "read", DeviceGB: 1}})
	assert.Equal(t, []string{"cell", "direction", "device", "idle", "GB", "GB"}, head)
}

// Up to a dozen accounts are all printed; of more, the six that close worst, in their own order. Where the KV
// manager moved next to nothing, or is not known to have moved anything, the residual says nothing.
func TestAccountTableKeepsTheWorst(t *testing.T) {
	all := make([]evidence.Account, 13)
	for i := range all {
		all[i] = sampleAccount(fmt.Sprintf("ctx=%d", i), "read", 1, nil, ptr(100), float64(i%5)/10)
	}
	all[2] = sampleAccount("ctx=2", "read", 1, nil, ptr(0.9), 80)
	all[3].KVGB, all[3].ResidualGB = nil, nil
	all[3].ResidualPct = ptr(99) // of nothing that is known
	all[5] = sampleAccount("ctx=5", "read", 1, nil, ptr(100), -30)
	all[11] = sampleAccount("ctx=11", "read", 1, nil, ptr(1), 0.5)

	title, _, lines := accountLinesOf(t, all)
	assert.Equal(t, "bytes on the NVMe: device = idle + fio + KV + residual (the 6 of 13 that close worst; all are in report.json)", title)
	var cells []string
	for _, l := range lines {
		cells = append(cells, l[0])
	}
	assert.Equal(t, []string{"ctx=4", "ctx=5", "ctx=7", "ctx=8", "ctx=9", "ctx=11"}, cells)

	title, _, lines = accountLinesOf(t, all[:12])
	assert.NotContains(t, title, "worst")
	assert.Len(t, lines, 12)
}

// The worst are a part of all in the same order, and none that is left out closes worse than one of them.
func TestWorstAccounts(t *testing.T) {
	for n := range 9 {
		for seed := range 20 {
			all := make([]evidence.Account, 7)
			for i := range all {
				all[i] = sampleAccount(fmt.Sprint(i), "write", 1, nil, ptr(10), math.Sin(float64(seed*31+i*17)))
			}
			if seed%3 == 0 {
				all[seed%7].ResidualPct = nil
			}
			got := worstAccounts(all, n)
			require.Len(t, got, min(n, len(all)))
			size := func(a evidence.Account) float64 {
				if a.ResidualPct == nil {
					return -1
				}
				return math.Abs(*a.ResidualPct)
			}
			least, last := math.Inf(1), -1
			kept := map[string]bool{}
			for _, a := range got {
				var at int
				_, err := fmt.Sscan(a.Cell, &at)
				require.NoError(t, err)
				assert.Greater(t, at, last)
				last, kept[a.Cell], least = at, true, min(least, size(a))
			}
			for _, a := range all {
				if !kept[a.Cell] {
					assert.LessOrEqual(t, size(a), least)
				}
			}
		}
	}
}

func TestSchemaAcceptsAccounts(t *testing.T) {
	r := sampleH2B()
	r.Accounts = append(r.Accounts,
		sampleAccount("fio=heavy", "read", 1, ptr(300), ptr(10), -2), evidence.Account{Cell: "fio=none", Direction: "write"})
	require.NoError(t, compiled(t).Validate(document(t, r)))
}

// The page shows every account, folded away where they are many.
func TestIndexShowsAccounts(t *testing.T) {
	page := indexOf(t, map[string]*verdict.Judgement{"a": sampleH2B()})
	assert.Contains(t, page, `<details open><summary class="small">device = idle + fio + KV + residual, in the measure phases of 10 accounts</summary>`)
	assert.Contains(t, page, `<th scope="col">residual, GB</th><th scope="col">residual, %</th>`)
	assert.Contains(t, page, `<td class="left mono">stack=B/ctx=2048/conc=6</td><td>read</td><td>42.1</td><td>0.900</td><td>40.9</td><td>0.300</td><td>0.713</td>`)
	assert.Contains(t, page, `<td class="left mono">stack=B/ctx=4096/conc=6</td><td>write</td><td>66.3</td><td>0.500</td><td>-</td><td>-</td><td>-</td>`)

	many := sampleH2B()
	for len(many.Accounts) < 13 {
		many.Accounts = append(many.Accounts, sampleAccount("ctx=9", "read", 1, nil, ptr(1), 0))
	}
	page = indexOf(t, map[string]*verdict.Judgement{"a": many})
	assert.Contains(t, page, `<details><summary class="small">device = idle + fio + KV + residual, in the measure phases of 13 accounts</summary>`)
	_, bytes, _ := strings.Cut(page, "Bytes on the NVMe")
	bytes, _, _ = strings.Cut(bytes, "</details>")
	assert.Equal(t, 13, strings.Count(bytes, `<td class="left mono">`), "all of them, not only the worst")

	assert.NotContains(t, indexOf(t, map[string]*verdict.Judgement{"a": sampleH0()}), "Bytes on the NVMe")
}
