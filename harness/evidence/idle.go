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

// Idle is what each of the machine's own drives does when idle, in reads and writes a second, by the arm of a comparison of drives: the
// median of the baselines of all its cells, so that a few that were disturbed do not raise it. Without a comparison there is one, "".
// It is nil for a drive without any.
type Idle map[string]*float64

// IdleIOs are those of the cells.
func (ev *Evidence) IdleIOs() Idle {
	all := map[string][]float64{}
	for _, c := range ev.Cells {
		if v := c.Sys.Baseline.IOs(); v != nil {
			all[c.Drive] = append(all[c.Drive], *v)
		}
	}
	out := Idle{}
	for drive, values := range all {
		slices.Sort(values)
		out[drive] = new(stats.Quantile(values, 0.5))
	}
	return out
}

// Of is the idle of a cell's drive.
func (i Idle) Of(c *Cell) *float64 { return i[c.Drive] }
