package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
)

// accountLines are the most accounts that a terminal shows; of more only the worst are printed.
const accountLines = 12

// accountTable prints the accounts, or where they are many those that close worst.
func accountTable(b *strings.Builder, all []evidence.Account) {
	if len(all) == 0 {
		return
	}
	rows, note := all, ""
	if len(all) > accountLines {
		rows = worstAccounts(all, accountLines/2)
		note = fmt.Sprintf(" (the %d of %d that close worst; all are in %s)", len(rows), len(all), FileName)
	}
	parts := "idle + fio + KV + residual"
	if probed(all) {
		parts = "idle + fio + probe + KV + residual"
	}
	b.WriteString("\nbytes on the NVMe: device = " + parts + note + "\n\n")
	writeColumns(b, accountColumns(rows), rows)
}

// probed says that the probe is a term of the accounts.
func probed(all []evidence.Account) bool {
	return slices.ContainsFunc(all, func(a evidence.Account) bool { return a.ProbeGB != nil })
}

// worstAccounts are the n accounts with the largest residual, in their order.
func worstAccounts(all []evidence.Account, n int) []evidence.Account {
	size := func(a *evidence.Account) float64 {
		if a.ResidualPct == nil || a.KVGB == nil || *a.KVGB < 1 {
			return -1 // a residual of the machine's own few bytes says nothing
		}
		return math.Abs(*a.ResidualPct)
	}
	taken := make([]bool, len(all))
	for range min(n, len(all)) {
		best := -1
		for i := range all {
			if !taken[i] && (best < 0 || size(&all[i]) > size(&all[best])) {
				best = i
			}
		}
		taken[best] = true
	}
	var out []evidence.Account
	for i, t := range taken {
		if t {
			out = append(out, all[i])
		}
	}
	return out
}

func accountColumns(rows []evidence.Account) []column[evidence.Account] {
	gb := func(name string, get func(*evidence.Account) *float64) column[evidence.Account] {
		return column[evidence.Account]{name: name, unit: "GB", has: func(a *evidence.Account) bool { return get(a) != nil },
			cell: func(a *evidence.Account) string { return optional(get(a)) }}
	}
	return filled([]column[evidence.Account]{
		{name: "cell", text: true, has: always[evidence.Account], cell: func(a *evidence.Account) string { return clean(a.Cell) }},
		{name: "direction", has: always[evidence.Account], cell: func(a *evidence.Account) string { return clean(a.Direction) }},
		gb("device", func(a *evidence.Account) *float64 { return &a.DeviceGB }),
		gb("idle", func(a *evidence.Account) *float64 { return &a.IdleGB }),
		gb("fio", func(a *evidence.Account) *float64 { return a.FioGB }),
		gb("probe", func(a *evidence.Account) *float64 { return a.ProbeGB }),
		gb("KV", func(a *evidence.Account) *float64 { return a.KVGB }),
		gb("residual", func(a *evidence.Account) *float64 { return a.ResidualGB }),
		{name: "residual", unit: "%", has: func(a *evidence.Account) bool { return a.ResidualPct != nil },
			cell: func(a *evidence.Account) string { return optional(a.ResidualPct) }},
	}, rows)
}
