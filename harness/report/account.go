package report

import (
	"fmt"
	"math"
	"strings"
)

// Account is a closed account of the bytes that the block device moved in the measure phases of a cell, in
// one direction: device = idle + fio + KV + residual.
type Account struct {
	Cell        string   `json:"cell"`      // key without rep
	Direction   string   `json:"direction"` // read or write
	DeviceGB    float64  `json:"device_GB"`
	IdleGB      float64  `json:"idle_GB"`      // at the rate of the baseline
	FioGB       *float64 `json:"fio_GB"`       // by fio's own account; null where none ran
	KVGB        *float64 `json:"kv_GB"`        // by the KV manager: blocks x block size, of reads the part that lies inside the phase; null if it counts none
	ResidualGB  *float64 `json:"residual_GB"`  // null if KVGB is
	ResidualPct *float64 `json:"residual_pct"` // of DeviceGB
}

// accountLines are the most accounts that a terminal shows; of more only the worst are printed.
const accountLines = 12

// accountTable prints the accounts, or where they are many those that close worst.
func accountTable(b *strings.Builder, all []Account) {
	if len(all) == 0 {
		return
	}
	rows, note := all, ""
	if len(all) > accountLines {
		rows = worstAccounts(all, accountLines/2)
		note = fmt.Sprintf(" (the %d of %d that close worst; all are in %s)", len(rows), len(all), FileName)
	}
	b.WriteString("\nbytes on the NVMe: device = idle + fio + KV + residual" + note + "\n\n")
	writeColumns(b, accountColumns(rows), rows)
}

// worstAccounts are the n accounts with the largest residual, in their order.
func worstAccounts(all []Account, n int) []Account {
	size := func(a *Account) float64 {
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
	var out []Account
	for i, t := range taken {
		if t {
			out = append(out, all[i])
		}
	}
	return out
}

func accountColumns(rows []Account) []column[Account] {
	gb := func(name string, get func(*Account) *float64) column[Account] {
		return column[Account]{name: name, unit: "GB", has: func(a *Account) bool { return get(a) != nil },
			cell: func(a *Account) string { return optional(get(a)) }}
	}
	return filled([]column[Account]{
		{name: "cell", text: true, has: always[Account], cell: func(a *Account) string { return clean(a.Cell) }},
		{name: "direction", has: always[Account], cell: func(a *Account) string { return clean(a.Direction) }},
		gb("device", func(a *Account) *float64 { return &a.DeviceGB }),
		gb("idle", func(a *Account) *float64 { return &a.IdleGB }),
		gb("fio", func(a *Account) *float64 { return a.FioGB }),
		gb("KV", func(a *Account) *float64 { return a.KVGB }),
		gb("residual", func(a *Account) *float64 { return a.ResidualGB }),
		{name: "residual", unit: "%", has: func(a *Account) bool { return a.ResidualPct != nil },
			cell: func(a *Account) string { return optional(a.ResidualPct) }},
	}, rows)
}
