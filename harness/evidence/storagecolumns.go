package evidence

import "sparkharness/harness/record"

// StorageColumns are a row's columns about bytes to and from storage: of the block device in the measure phase and, as the
// same cells show it, idle; and what the server's own processes moved in the measure phase, absent where that is not told.
// A burst is the largest of all repetitions (Burst).
type StorageColumns struct {
	NVMeWriteMBs     *float64 `json:"nvme_write_MB_per_s,omitempty"`
	NVMeIdleReadMBs  *float64 `json:"nvme_idle_read_MB_per_s,omitempty"`
	NVMeIdleWriteMBs *float64 `json:"nvme_idle_write_MB_per_s,omitempty"`

	NVMeReadBurst      *float64 `json:"nvme_read_burst_MB_per_s,omitempty"`
	NVMeWriteBurst     *float64 `json:"nvme_write_burst_MB_per_s,omitempty"`
	NVMeIdleReadBurst  *float64 `json:"nvme_idle_read_burst_MB_per_s,omitempty"`
	NVMeIdleWriteBurst *float64 `json:"nvme_idle_write_burst_MB_per_s,omitempty"`

	ServerReadMBs    *float64 `json:"server_read_MB_per_s,omitempty"`
	ServerWriteMBs   *float64 `json:"server_write_MB_per_s,omitempty"`
	ServerReadBurst  *float64 `json:"server_read_burst_MB_per_s,omitempty"`
	ServerWriteBurst *float64 `json:"server_write_burst_MB_per_s,omitempty"`
}

// storageColumns are those of a group, with its phases summed.
func storageColumns(g *Group, measure, idle *PhaseSums) StorageColumns {
	mb := func(v *float64) *float64 { return record.Over(v, 1e6) }
	largest := func(of func(*Cell) *Traffic) *float64 {
		var most *float64
		for _, c := range g.Cells {
			b := of(c).Burst()
			if b == nil {
				return nil // what one repetition does not tell may have been the largest
			}
			if v := b.PerSecond() / 1e6; most == nil || v > *most {
				most = &v
			}
		}
		return most
	}
	c := StorageColumns{
		NVMeWriteMBs:     mb(measure.DeviceWrite.PerSecond()),
		NVMeIdleReadMBs:  mb(idle.DeviceRead.PerSecond()),
		NVMeIdleWriteMBs: mb(idle.DeviceWrite.PerSecond()),

		NVMeReadBurst:      largest(func(c *Cell) *Traffic { return &c.Sys.Measure.DeviceRead }),
		NVMeWriteBurst:     largest(func(c *Cell) *Traffic { return &c.Sys.Measure.DeviceWrite }),
		NVMeIdleReadBurst:  largest(func(c *Cell) *Traffic { return &c.Sys.Baseline.DeviceRead }),
		NVMeIdleWriteBurst: largest(func(c *Cell) *Traffic { return &c.Sys.Baseline.DeviceWrite }),

		ServerReadBurst:  largest(func(c *Cell) *Traffic { return &c.Sys.Measure.ServerRead }),
		ServerWriteBurst: largest(func(c *Cell) *Traffic { return &c.Sys.Measure.ServerWrite }),
	}
	if c.ServerReadBurst != nil { // told in every repetition
		c.ServerReadMBs, c.ServerWriteMBs = mb(measure.ServerRead.PerSecond()), mb(measure.ServerWrite.PerSecond())
	}
	return c
}
