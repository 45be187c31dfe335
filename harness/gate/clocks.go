package gate

import (
	"fmt"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
)

// leastOfMaxClock is the share of its highest clock that a busy GPU has to run at. It is chosen and not measured: above the third that a GPU
// held back so has of the clock that it works at, and below what power management takes under load.
const leastOfMaxClock = 0.5

// Clocks wants arms that are compared to have computed at one pace: in every block, the mean SM clocks of a stack's arms under
// the same load, over samples in which the GPU was busy, differ by at most max_clock_difference. Else a difference in
// latency, or none, may be one of the clocks: the data cannot tell, and the run is Inconclusive. Stacks are not held against
// each other, because no rule compares their latencies. Nor may a busy GPU run at less than half of the highest clock that it says it can
// have: one whose power supply negotiated too little is held at 500 to 850 MHz of some 2400 without a throttle reason
// (parallelArchitect/spark-gpu-throttle-check), and all arms alike. A clock that is not known is printed as unknown.
func Clocks(ev *evidence.Evidence, c Claim) Gate {
	const name = "clocks"
	allowed := ev.Exp.Hypothesis.Gates.MaxClockDifference
	type place struct{ stack, load string }
	lowest, highest := map[place]*evidence.Cell{}, map[place]*evidence.Cell{}
	known, pairs, arms := 0, 0, config.Arms()
	furthest := worst{}
	for _, cell := range ev.Cells {
		clock := cell.Sys.BusyClockMHz
		if clock == nil || *clock <= 0 {
			continue
		}
		known++
		if most := cell.Sys.MaxClockMHz; most != nil && *clock < leastOfMaxClock**most {
			return Fail(name, Inconclusive, "clock_low", fmt.Sprintf("%s: while busy the GPU ran at %.0f MHz of the %.0f MHz that it can, and told no reason: "+
				"look at its power supply and power limit, or lock its clocks (nvidia-smi -lgc)", cell.Key, *clock, *most))
		}
		at := place{cell.Stack, cell.Cell.Without(arms...).String()} // the repetition is part of it
		low, high := lowest[at], highest[at]
		if low == nil {
			lowest[at], highest[at] = cell, cell
			continue
		}
		if *clock < *low.Sys.BusyClockMHz {
			low = cell
		}
		if *clock >= *high.Sys.BusyClockMHz {
			high = cell
		}
		lowest[at], highest[at] = low, high
		pairs++
		l, h := *low.Sys.BusyClockMHz, *high.Sys.BusyClockMHz
		furthest.high(h/l-1, fmt.Sprintf("%.0f MHz in %s, %.0f MHz in %s", l, low.Key, h, high.Key))
	}
	unknown := ""
	if n := len(ev.Cells) - known; n > 0 {
		unknown = fmt.Sprintf("; unknown in %d of %d cells", n, len(ev.Cells))
	}
	detail := fmt.Sprintf("SM clocks while busy differ by at most %.1f %% between arms of a block (allowed %.0f %%; %s)%s",
		furthest.value*100, allowed*100, furthest.where, unknown)
	switch {
	case known == 0:
		return Grade(name, false, "SM clocks while busy: unknown in all cells")
	case pairs == 0:
		return Pass(name, "SM clocks while busy: no two arms of a block under the same load"+unknown)
	case furthest.value <= allowed:
		return Pass(name, detail)
	case c.ClocksVary:
		return Grade(name, false, detail)
	}
	return Fail(name, Inconclusive, "clocks_differ", detail+": what differs between arms may be the clock's doing; cool the machine, or lock its clocks (nvidia-smi -lgc)")
}
