package harness

import (
	"fmt"
	"math"

	"sparkharness/harness/report"
)

// accounts close the books on the block device for every group of a stack with a KV manager, in the
// measure phase: what the device moved = what it moves when idle + what fio moved + what the KV manager says
// that it moved + a residual, which is shown in percent of the device's bytes. A residual that is not small
// means that somebody else used the device, that the block size is wrong, or that the KV traffic did not
// reach the device.
func (ev *Evidence) accounts(groups []*Group) []report.Account {
	var out []report.Account
	for _, g := range groups {
		if g.Cells[0].KV == nil {
			continue
		}
		read := report.Account{Cell: g.Cell.String(), Direction: "read"}
		write := report.Account{Cell: g.Cell.String(), Direction: "write"}
		kvRead, kvWritten := sum{}, sum{}
		for _, c := range g.Cells {
			m, b := &c.Sys.Measure, &c.Sys.Baseline
			read.DeviceGB += m.ReadBytes / 1e9
			write.DeviceGB += m.WriteBytes / 1e9
			if b.NVMeSeconds > 0 {
				read.IdleGB += b.ReadBytes / b.NVMeSeconds * m.NVMeSeconds / 1e9
				write.IdleGB += b.WriteBytes / b.NVMeSeconds * m.NVMeSeconds / 1e9
			}
			read.FioGB, write.FioGB = plusGB(read.FioGB, m.FioReadBytes), plusGB(write.FioGB, m.FioWriteBytes)
			kvRead.add(c.KV.Tier2Spread)
			kvWritten.add(c.KV.Tier2BytesIn)
		}
		read.KVGB, write.KVGB = kvRead.over(1e9), kvWritten.over(1e9)
		for _, a := range []report.Account{read, write} {
			if a.KVGB != nil {
				rest := a.DeviceGB - a.IdleGB - *a.KVGB
				if a.FioGB != nil {
					rest -= *a.FioGB
				}
				a.ResidualGB = &rest
				if a.DeviceGB > 0 {
					pct := rest / a.DeviceGB * 100
					a.ResidualPct = &pct
				}
			}
			out = append(out, a)
		}
	}
	return out
}

// plusGB adds bytes to an optional number of gigabytes; what no cell measured stays absent.
func plusGB(sum, bytes *float64) *float64 {
	if bytes == nil {
		return sum
	}
	v := *bytes / 1e9
	if sum != nil {
		v += *sum
	}
	return &v
}

// largestResidual is the byte account of many groups in one finding: how far it stays open at most, where the
// KV manager says that it moved ten gigabytes or more. Below that the edges of the phase decide.
func largestResidual(accounts []report.Account) []report.Finding {
	const least = 10.0 // GB: a fetch or a write that lies across an edge of the phase is one or two
	furthest, n := worst{}, 0
	var value float64
	for i := range accounts {
		a := &accounts[i]
		if a.KVGB == nil || *a.KVGB < least || a.ResidualPct == nil {
			continue
		}
		n++
		before := furthest
		furthest.high(math.Abs(*a.ResidualPct), fmt.Sprintf("%s, %s: the KV manager moved %.1f GB, the device %.1f GB", a.Cell, a.Direction, *a.KVGB, a.DeviceGB))
		if furthest != before {
			value = *a.ResidualPct
		}
	}
	if !furthest.seen {
		return nil
	}
	return []report.Finding{{Name: "byte account, largest residual", Value: &value, Unit: "%",
		Detail: fmt.Sprintf("of the device's bytes, over %d accounts of ten gigabytes of KV or more; %s", n, furthest.where)}}
}
