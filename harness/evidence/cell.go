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
	Requests []Request // due in the measure phase, in order of intended send
	// Carried is, for each session, the longest prefix that two of its prompts began with since the cell's
	// start, in tokens; nil where the workload has no sessions.
	Carried map[int]int
	Sys     Machine
	KV      *KVCounters // nil where the stack has no KV manager
	Windows []Window    // of the measure phase; nil where the configuration asks for none
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

// Seconds is the length of the measure phase.
func (c *Cell) Seconds() float64 {
	if c.Info.Load.MeasureStart == nil || c.Info.Load.MeasureEnd == nil {
		return 0
	}
	return *c.Info.Load.MeasureEnd - *c.Info.Load.MeasureStart
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
	folder := record.CellPath(run.Dir, pc.Cell)
	c := &Cell{PlannedCell: pc, Info: *info}
	c.Windows = newWindows(windows, c.Seconds())
	if err := c.loadRequests(folder, run.Plan.RunID); err != nil {
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
