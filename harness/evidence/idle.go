package evidence

import (
	"slices"

	"sparkharness/harness/stats"
)

// IOs are the reads and writes of the drive a second; nil if no sample covers the phase.
func (p *PhaseSums) IOs() *float64 {
	if p.NVMeSeconds == 0 {
		return nil
	}
	v := (p.ReadIOs + p.WriteIOs - p.ProbeReads) / p.NVMeSeconds
	return &v
}

// IdleIOs is what this machine's own drive does when idle, in reads and writes a second: the median of the baselines of all
// cells, so that a few that were disturbed do not raise it. Nil without any.
func (ev *Evidence) IdleIOs() *float64 {
	var all []float64
	for _, c := range ev.Cells {
		if v := c.Sys.Baseline.IOs(); v != nil {
			all = append(all, *v)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	v := stats.Quantile(all, 0.5)
	return &v
}
