package vouch

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

// RightlyAside makes sure, by their lines, that cells that were measured again had a fault that shows without a look at the
// outcome. Any that did not was put aside for something else. Each is held against the cells that were measured last when it was
// measured again, at half the bounds: what was known then can differ from that by cells that were put aside with it.
func RightlyAside(dir string, ev *evidence.Evidence) error {
	if len(ev.Quarantined) == 0 {
		return nil
	}
	cells, err := evidence.LoadQuarantined(dir)
	if err != nil {
		return err
	}
	var faults []error
	for _, i := range unjustified(ev, cells) {
		faults = append(faults, fmt.Errorf("%s: no gate that is blind to the outcome is a reason to have measured it again", ev.Quarantined[i].Path(dir)))
	}
	return errors.Join(faults...)
}

// unjustified are the places of the cells that were put aside for nothing that shows without a look at the outcome.
func unjustified(ev *evidence.Evidence, aside []*evidence.Cell) (out []int) {
	void := voidBlocks(ev, aside)
	for i, c := range aside {
		known := gate.KnownOf(whenDecided(ev, aside, void, i), c).Loosely()
		if _, faulty := gate.Blind(c, ev.Exp.Hypothesis.Gates, known); !faulty && !void[i] {
			out = append(out, i)
		}
	}
	return out
}

// whenDecided is the evidence by which the i-th of the cells that were put aside was: what was put aside with it stood there as it was.
func whenDecided(ev *evidence.Evidence, aside []*evidence.Cell, void []bool, i int) *evidence.Evidence {
	then := whenAgain(ev, aside, i)
	for j, other := range aside {
		together := !void[j] && ev.Quarantined[j].Measured == ev.Quarantined[i].Measured
		if k := slices.IndexFunc(then.Cells, func(c *evidence.Cell) bool { return c.Key == other.Key }); together && k >= 0 {
			then.Cells[k] = other
		}
	}
	return then
}

// whenAgain is the evidence as it was when the i-th of the cells that were put aside was measured again: of each cell what was
// measured last before that, as far as clocks tell.
func whenAgain(ev *evidence.Evidence, aside []*evidence.Cell, i int) *evidence.Evidence {
	at := math.Inf(1)
	for _, c := range slices.Concat(aside[i+1:], ev.Cells) {
		if c.Key == aside[i].Key {
			at = c.Info.Start
			break
		}
	}
	last := map[string]*evidence.Cell{}
	for _, c := range slices.Concat(aside, ev.Cells) {
		if c.Info.Start <= at {
			last[c.Key] = c
		}
	}
	last[aside[i].Key] = aside[i]
	then := *ev
	then.Cells = nil
	for _, pc := range ev.Plan.Cells {
		if c := last[pc.Key]; c != nil {
			then.Cells = append(then.Cells, c)
		}
	}
	return &then
}

// voidBlocks says of each cell that was put aside whether it was with its whole block, in which the drive moved, for the reason that
// follows from what the cells say. The cells of a block were put aside one after another.
func voidBlocks(ev *evidence.Evidence, cells []*evidence.Cell) []bool {
	out := make([]bool, len(cells))
	most := ev.Plan.Facts.MaxReadDrift
	if most == nil {
		return out
	}
	for i := 0; i < len(cells); {
		planned := 0
		for _, pc := range ev.Plan.Cells {
			if pc.Rep == cells[i].Rep && pc.Stage == cells[i].Stage {
				planned++
			}
		}
		var infos []*record.CellInfo
		until := i
		alike := func(k int) bool {
			again := slices.ContainsFunc(cells[i:k], func(c *evidence.Cell) bool { return c.Key == cells[k].Key })
			return !again && cells[k].Rep == cells[i].Rep && ev.Quarantined[k].Why == ev.Quarantined[i].Why
		}
		for ; until < len(cells) && len(infos) < planned && alike(until); until++ {
			infos = append(infos, &cells[until].Info)
		}
		until = max(until, i+1)
		why := record.Void(infos, *most)
		for k := i; k < until; k++ {
			out[k] = why != "" && why == ev.Quarantined[k].Why && len(infos) == planned
		}
		i = until
	}
	return out
}

// KeptVoid says which whole blocks are void by what their cells say and were kept, but for those that only screen: an earlier version looked
// at none with a cell that was measured again later, and an interrupted run may not have come to it.
func KeptVoid(ev *evidence.Evidence) (why []string) {
	most := ev.Plan.Facts.MaxReadDrift
	if most == nil {
		return nil
	}
	type block struct{ stage, rep int }
	planned, kept := map[block]int{}, map[block][]*record.CellInfo{}
	for _, pc := range ev.Plan.Cells {
		planned[block{pc.Stage, pc.Rep}]++
	}
	for _, c := range ev.Cells {
		kept[block{c.Stage, c.Rep}] = append(kept[block{c.Stage, c.Rep}], &c.Info)
	}
	for _, pc := range ev.Plan.Cells {
		at := block{pc.Stage, pc.Rep}
		if cells := kept[at]; pc.Rep > 0 && len(cells) == planned[at] {
			if moved := record.Void(cells, *most); moved != "" {
				why = append(why, fmt.Sprintf("block %d: %s", pc.Rep, moved))
			}
		}
		delete(kept, at)
	}
	return why
}
