package evidence

import "sparkharness/harness/record"

// Account is a closed account of the bytes that the block device moved in the measure phases of a cell, in
// one direction: device = idle + fio + probe + KV + residual.
type Account struct {
	Cell        string   `json:"cell"`      // key without rep
	Direction   string   `json:"direction"` // read or write
	DeviceGB    float64  `json:"device_GB"`
	IdleGB      float64  `json:"idle_GB"`            // at the rate of the baseline, less the probe
	FioGB       *float64 `json:"fio_GB"`             // by fio's own account; null where none ran
	ProbeGB     *float64 `json:"probe_GB,omitempty"` // by the probe's own count; left out where none ran
	KVGB        *float64 `json:"kv_GB"`              // by the KV manager: blocks x block size, of reads the part that lies inside the phase; null if it counts none
	ResidualGB  *float64 `json:"residual_GB"`        // null if KVGB is
	ResidualPct *float64 `json:"residual_pct"`       // of DeviceGB
}

// Accounts close the books on the block device for every group of a stack with a KV manager, in the
// measure phase: what the device moved = what it moves when idle + what fio and the probe moved + what the KV
// manager says that it moved + a residual, which is shown in percent of the device's bytes. A residual that is not small
// means that somebody else used the device, that the block size is wrong, or that the KV traffic did not
// reach the device.
func (ev *Evidence) Accounts(groups []*Group) []Account {
	var out []Account
	for _, g := range groups {
		if g.Cells[0].KV == nil {
			continue
		}
		read := Account{Cell: g.Cell.String(), Direction: "read"}
		write := Account{Cell: g.Cell.String(), Direction: "write"}
		kvRead, kvWritten := new(float64), new(float64)
		for _, c := range g.Cells {
			m := &c.Sys.Measure
			read.DeviceGB += m.ReadBytes / 1e9
			write.DeviceGB += m.WriteBytes / 1e9
			idleRead, idleWritten := c.IdleBytes()
			read.IdleGB += record.OrZero(idleRead) / 1e9
			write.IdleGB += record.OrZero(idleWritten) / 1e9
			read.FioGB = record.SumOfKnown(read.FioGB, record.Over(m.FioReadBytes, 1e9))
			write.FioGB = record.SumOfKnown(write.FioGB, record.Over(m.FioWriteBytes, 1e9))
			read.ProbeGB = record.SumOfKnown(read.ProbeGB, record.Over(c.ProbeBytes(m), 1e9))
			kvRead = record.SumIfAll(kvRead, c.KV.Tier2Spread)
			kvWritten = record.SumIfAll(kvWritten, c.KV.Tier2BytesIn)
		}
		read.KVGB, write.KVGB = record.Over(kvRead, 1e9), record.Over(kvWritten, 1e9)
		for _, a := range []Account{read, write} {
			if a.KVGB != nil {
				rest := a.DeviceGB - a.IdleGB - *a.KVGB - record.OrZero(a.FioGB) - record.OrZero(a.ProbeGB)
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
