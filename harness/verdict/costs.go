package verdict

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/stats"
)

// costs holds what the cells took and wore, hours of the machine and 1e12 bytes written to its drive, against what the plan
// expected of them. Cells that were taken over cost nothing here. Cells of which the one or the other is not known are left out of both, and there is no finding
// without any cell.
func costs(cells []*evidence.Cell) []Finding {
	hours := cost{name: "machine hours", unit: "h"}
	written := cost{name: "terabytes written", unit: "TB"}
	from := map[string]int{}
	for _, c := range cells {
		if c.Origin != "" {
			from[c.Origin]++
			continue
		}
		if c.Price == nil {
			continue
		}
		hours.add(c.Info.Seconds, c.Price.Seconds, 3600)
		written.add(c.Sys.WrittenBytes, c.Price.WrittenBytes, 1e12)
	}
	return slices.Concat(hours.finding(), written.finding(), takenOver(from, len(cells)))
}

// takenOver says how many of the cells other runs have measured, by run.
func takenOver(from map[string]int, cells int) []Finding {
	var parts []string
	n := 0
	for _, run := range slices.Sorted(maps.Keys(from)) {
		parts = append(parts, fmt.Sprintf("%d of %s", from[run], run))
		n += from[run]
	}
	if n == 0 {
		return nil
	}
	return []Finding{{Name: "cells taken over", Estimate: stats.Alone(float64(n)), Unit: "cells",
		Detail: fmt.Sprintf("of %d; %s: what they took is counted there", cells, strings.Join(parts, ", "))}}
}

// cost is one of them, summed over cells.
type cost struct {
	name, unit         string
	cells              int
	measured, expected float64
}

func (c *cost) add(measured *float64, expected, per float64) {
	if measured == nil {
		return
	}
	c.cells++
	c.measured += *measured / per
	c.expected += expected / per
}

func (c *cost) finding() []Finding {
	if c.cells == 0 || !(c.expected > 0) {
		return nil
	}
	return []Finding{{Name: c.name, Estimate: stats.Alone(c.measured), Unit: c.unit,
		Detail: fmt.Sprintf("expected %.3g; measured / expected %.2f, over %d cells", c.expected, c.measured/c.expected, c.cells)}}
}
