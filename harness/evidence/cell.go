package evidence

import (
	"fmt"
	"path/filepath"
	"runtime/debug"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// Cell is one measured cell.
type Cell struct {
	record.PlannedCell
	Info     record.CellInfo
	Origin   string    // run that the cell was taken over from, "" if it was measured in this one
	Requests []Request // due in the measure phase, in order of intended send
	// Carried is, for each session, the longest prefix that two of its prompts began with since the cell's
	// start, in tokens; nil where the workload has no sessions.
	Carried   map[int]int
	Sys       Machine
	Answered  *Answered   // nil where no server counted
	SentAgain int         // requests of the measure phase
	KV        *KVCounters // nil where the stack has no KV manager
	Windows   []Window    // of the measure phase; nil where the configuration asks for none
}

// TTFT are the cell's values on its own measure clock.
func (c *Cell) TTFT() stats.Rep {
	var out stats.Rep
	for i := range c.Requests {
		if r := &c.Requests[i]; r.HasTTFT {
			out = append(out, stats.Point{T: r.At, V: r.TTFT, Censored: r.Censored})
		}
	}
	return out
}

// E2E are the cell's end-to-end latencies, ms, on its own measure clock.
func (c *Cell) E2E() stats.Rep {
	var out stats.Rep
	for i := range c.Requests {
		if r := &c.Requests[i]; r.HasE2E {
			out = append(out, stats.Point{T: r.At, V: r.E2E, Censored: r.RC == record.RCTimeout})
		}
	}
	return out
}

// Seconds is the length of the measure phase.
func (c *Cell) Seconds() float64 {
	if c.Info.Load.MeasureStart == nil || c.Info.Load.MeasureEnd == nil {
		return 0
	}
	return *c.Info.Load.MeasureEnd - *c.Info.Load.MeasureStart
}

// ProbeBytes are what the probe read in a phase of the cell; nil where none ran.
func (c *Cell) ProbeBytes(p *PhaseSums) *float64 {
	if c.Info.Probe == nil {
		return nil
	}
	return new(p.ProbeReads * c.Info.Probe.Bytes)
}

// IdleBytes are what the drive read and wrote in the measure phase at the rate of the baseline, the probe's reads left
// out; nil where the baseline was not watched.
func (c *Cell) IdleBytes() (read, written *float64) {
	b, seconds := &c.Sys.Baseline, c.Sys.Measure.NVMeSeconds
	if b.NVMeSeconds == 0 {
		return nil, nil
	}
	return new((b.ReadBytes - record.OrZero(c.ProbeBytes(b))) / b.NVMeSeconds * seconds), new(b.WriteBytes / b.NVMeSeconds * seconds)
}

// RPS is the rate of requests that were due in the measure phase and were answered in full.
func (c *Cell) RPS() float64 {
	n := 0
	for i := range c.Requests {
		if c.Requests[i].RC == record.RCOK {
			n++
		}
	}
	return float64(n) / c.Seconds()
}

// cellReader reads one cell's folder; nil if the cell is not complete.
type cellReader func(*record.Run, record.PlannedCell, *config.Windows) (*Cell, error)

func (read cellReader) caught(run *record.Run, pc record.PlannedCell, windows *config.Windows) (c *Cell, err error) {
	defer func() {
		if v := recover(); v != nil {
			c, err = nil, fmt.Errorf("cell %s: panic: %v\n%s", pc.Key, v, debug.Stack())
		}
	}()
	return read(run, pc, windows)
}

// loadCell reads one cell's folder; nil if the cell is not complete.
func loadCell(run *record.Run, pc record.PlannedCell, windows *config.Windows) (*Cell, error) {
	info, err := run.Cell(pc)
	if info == nil || err != nil {
		return nil, err
	}
	return readCell(run, pc, info, record.CellPath(run.Dir, pc.Cell), windows)
}

// readCell reads the lines of a cell's folder.
func readCell(run *record.Run, pc record.PlannedCell, info *record.CellInfo, folder string, windows *config.Windows) (*Cell, error) {
	c := &Cell{PlannedCell: pc, Info: *info}
	measuredIn := run.Plan.RunID
	if from, taken := run.Origin(pc); taken {
		c.Origin, measuredIn = from.RunID, from.RunID
	}
	c.Windows = newWindows(windows, c.Seconds())
	if err := c.loadRequests(folder, measuredIn); err != nil {
		return nil, err
	}
	if err := c.loadSys(filepath.Join(folder, record.FileSysmon)); err != nil {
		return nil, err
	}
	if c.Info.HasKV {
		if err := c.loadKV(filepath.Join(folder, record.FileDynKV)); err != nil {
			return nil, err
		}
	}
	return c, nil
}
