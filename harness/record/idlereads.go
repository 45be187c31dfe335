package record

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// IdleReads are reads of a drive that nothing else of the run uses: one after another, at random places of a file, past the page cache.
type IdleReads struct {
	Bytes float64 `json:"bytes"` // of a read
	N     int     `json:"n"`
	// MeanUS decides: what a loader fetches one after another takes so many times the mean, whatever the median says. Where a limit
	// lets reads through in bursts, the median is that of a drive without one.
	MeanUS float64 `json:"mean_us"`
	P50US  float64 `json:"p50_us"`
}

// drift is what a read of the idle drive took on average when a block of cells began, and when it ended, us.
type drift struct {
	Begin, End  float64
	First, Last string // cells
}

// Void says why a block of cells is void, "" if it is not. Each drive that its cells stored on is looked at, from before the first cell on
// it to after the last one: where two are compared, each must have stayed what it was while it was measured. A drive is known by its
// devices, so that two folders on one are one drive.
func Void(block []*CellInfo, most float64) string {
	var order []string // as the cells come
	on := map[string][]*CellInfo{}
	for _, c := range block {
		drive := ""
		if c.Storage != nil {
			for _, l := range c.Storage.Drive.Leaves {
				drive += l.Name + " "
			}
		}
		if on[drive] == nil {
			order = append(order, drive)
		}
		on[drive] = append(on[drive], c)
	}
	var why []string
	for _, drive := range order {
		if moved := driftOf(on[drive]).void(most); moved != "" {
			why = append(why, moved)
		}
	}
	if len(why) == 0 {
		return ""
	}
	return "the block is void: " + strings.Join(why, "; ")
}

// driftOf is the drift over cells on one drive, whose order is that of their start: from before the first to after the last one. It
// is nil where one of the two was not measured.
func driftOf(block []*CellInfo) *drift {
	if len(block) == 0 {
		return nil
	}
	cells := slices.Clone(block)
	slices.SortStableFunc(cells, func(a, b *CellInfo) int { return cmp.Compare(a.Start, b.Start) })
	first, last := cells[0], cells[len(cells)-1]
	if first.Storage == nil || last.Storage == nil || len(first.Storage.Idle) < 1 || len(last.Storage.Idle) < 2 || first.Storage.Idle[0].MeanUS <= 0 {
		return nil
	}
	return &drift{Begin: first.Storage.Idle[0].MeanUS, End: last.Storage.Idle[1].MeanUS, First: first.Cell, Last: last.Cell}
}

// void says how a drive moved, with both figures, "" if it stayed: a read of it while it was idle moved by more than a share of what it
// took at the block's begin, or nobody knows. It looks at the drive's reads and at nothing that a claim is about.
func (d *drift) void(most float64) string {
	if d == nil {
		return "how long a read of the idle drive took at its begin and at its end was not measured"
	}
	moved := d.End/d.Begin - 1
	if math.Abs(moved) <= most {
		return ""
	}
	return fmt.Sprintf("a read of the idle drive took %.0f us on average at its begin (before %s) and %.0f us at its end (after %s), "+
		"%+.0f %% (allowed %.0f %% either way)", d.Begin, d.First, d.End, d.Last, moved*100, most*100)
}
