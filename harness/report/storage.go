package report

import "sparkharness/harness/evidence"

// storageFigures are the columns about bytes to and from storage, by the names that report.json has for them.
var storageFigures = []struct {
	name string
	get  func(*evidence.Row) *float64
}{
	{"nvme_write_MB_per_s", func(r *evidence.Row) *float64 { return r.NVMeWriteMBs }},
	{"nvme_idle_read_MB_per_s", func(r *evidence.Row) *float64 { return r.NVMeIdleReadMBs }},
	{"nvme_idle_write_MB_per_s", func(r *evidence.Row) *float64 { return r.NVMeIdleWriteMBs }},
	{"nvme_read_burst_MB_per_s", func(r *evidence.Row) *float64 { return r.NVMeReadBurst }},
	{"nvme_write_burst_MB_per_s", func(r *evidence.Row) *float64 { return r.NVMeWriteBurst }},
	{"nvme_idle_read_burst_MB_per_s", func(r *evidence.Row) *float64 { return r.NVMeIdleReadBurst }},
	{"nvme_idle_write_burst_MB_per_s", func(r *evidence.Row) *float64 { return r.NVMeIdleWriteBurst }},
	{"server_read_MB_per_s", func(r *evidence.Row) *float64 { return r.ServerReadMBs }},
	{"server_write_MB_per_s", func(r *evidence.Row) *float64 { return r.ServerWriteMBs }},
	{"server_read_burst_MB_per_s", func(r *evidence.Row) *float64 { return r.ServerReadBurst }},
	{"server_write_burst_MB_per_s", func(r *evidence.Row) *float64 { return r.ServerWriteBurst }},
}

// storageColumns are the columns of the table about bytes to and from storage; nil if nothing is known of them. Reports of
// earlier versions have the read rate alone, which makes no table.
func storageColumns(rows []evidence.Row) []column[evidence.Row] {
	beside := func(name string, get, idle func(*evidence.Row) *float64) column[evidence.Row] {
		return column[evidence.Row]{name: name, unit: "MB/s",
			has: func(r *evidence.Row) bool { return idle(r) != nil },
			cell: func(r *evidence.Row) string {
				if get(r) == nil && idle(r) == nil {
					return "-"
				}
				return optional(get(r)) + " (" + optional(idle(r)) + ")"
			}}
	}
	columns := filled([]column[evidence.Row]{
		cellColumn(),
		beside("NVMe read|(idle)", func(r *evidence.Row) *float64 { return r.NVMeReadMBs }, func(r *evidence.Row) *float64 { return r.NVMeIdleReadMBs }),
		beside("NVMe read|burst (idle)", func(r *evidence.Row) *float64 { return r.NVMeReadBurst }, func(r *evidence.Row) *float64 { return r.NVMeIdleReadBurst }),
		beside("NVMe write|(idle)", func(r *evidence.Row) *float64 { return r.NVMeWriteMBs }, func(r *evidence.Row) *float64 { return r.NVMeIdleWriteMBs }),
		beside("NVMe write|burst (idle)", func(r *evidence.Row) *float64 { return r.NVMeWriteBurst }, func(r *evidence.Row) *float64 { return r.NVMeIdleWriteBurst }),
		plain("server|read", "MB/s", func(r *evidence.Row) *float64 { return r.ServerReadMBs }),
		plain("server|read burst", "MB/s", func(r *evidence.Row) *float64 { return r.ServerReadBurst }),
		plain("server|write", "MB/s", func(r *evidence.Row) *float64 { return r.ServerWriteMBs }),
		plain("server|write burst", "MB/s", func(r *evidence.Row) *float64 { return r.ServerWriteBurst }),
	}, rows)
	if len(columns) == 1 { // the cell alone
		return nil
	}
	return columns
}
