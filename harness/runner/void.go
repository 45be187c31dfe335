package runner

import (
	"fmt"
	"slices"
	"strings"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// voidShare is the share of a stage's blocks, rounded up, that are measured again because the drive moved: a drive that moves all the time
// would keep the machine for ever, and is one of which nothing can be said.
const voidShare = 1.0 / 3

// steady has blocks in which the drive moved measured again: what it compares would be two drives. Those that are void still when the
// stage's measurements again are used up are put aside, and nothing is concluded from them; the block that only screens stays, because it
// decides nothing. Where the machine has no such drive nothing is read and nothing happens.
func (r *Run) steady(blocks [][]record.PlannedCell) error {
	most := r.o.Plan.Facts.MaxReadDrift
	if most == nil {
		return nil
	}
	for _, block := range blocks {
		for !r.ended() {
			why, err := r.void(block, *most)
			if err != nil {
				return err
			}
			if why == "" {
				break
			}
			rep, last := block[0].Rep, r.voidLeft <= 0
			if last && rep == 0 {
				fmt.Fprintf(r.o.Out, "note: %s; it only screens, and stays\n", why)
				break
			}
			for _, pc := range block {
				if _, err := r.putAside(Again{Cell: pc.Key, Why: why}); err != nil {
					return err
				}
			}
			if last {
				r.dropped = append(r.dropped, fmt.Sprintf("block %d: %s", rep, why))
				fmt.Fprintf(r.o.Out, "note: block %d is left out, because as many were measured again as may be: %s\n", rep, why)
				break
			}
			fmt.Fprintf(r.o.Out, "note: block %d is measured again: %s\n", rep, why)
			r.voidLeft--
			r.progress.more(len(block))
			r.o.Rig.Run(block, rig.Work{Measure: r.measure, Done: r.done})
		}
	}
	return nil
}

// void says why a block is void, "" if it is not, or if it is not whole: put aside, or interrupted.
func (r *Run) void(block []record.PlannedCell, most float64) (string, error) {
	run, err := record.ReadRun(r.art.dir)
	if err != nil {
		return "", err
	}
	var cells []*record.CellInfo
	for _, pc := range block {
		info, err := run.Cell(pc)
		if err != nil {
			return "", err
		}
		if info != nil {
			cells = append(cells, info)
		}
	}
	if len(cells) < len(block) {
		return "", nil
	}
	return record.Void(cells, most), nil
}

// finishAside puts the rest of a void block aside, where a killed run had begun to: what is left would be half of another block.
func (a *artifacts) finishAside(run *record.Run) error {
	aside, err := run.Quarantined()
	most := run.Plan.Facts.MaxReadDrift
	if err != nil || most == nil || len(aside) == 0 {
		return err
	}
	last := aside[len(aside)-1]
	at := slices.IndexFunc(run.Plan.Cells, func(pc record.PlannedCell) bool { return pc.Key == last.Cell })
	if at < 0 {
		return nil
	}
	gone := map[string]record.Quarantined{}
	for i, before := len(aside)-1, at; i >= 0 && aside[i].Why == last.Why; i-- { // in the plan's order: a later one of it was put aside an earlier time
		was := slices.IndexFunc(run.Plan.Cells[:before+1], func(pc record.PlannedCell) bool { return pc.Key == aside[i].Cell })
		if was < 0 {
			break
		}
		gone[aside[i].Cell], before = aside[i], was
	}
	var infos []*record.CellInfo
	var rest []record.PlannedCell
	for _, pc := range run.Plan.Cells {
		if pc.Stage != run.Plan.Cells[at].Stage || pc.Rep != run.Plan.Cells[at].Rep {
			continue
		}
		var info *record.CellInfo
		if q, ok := gone[pc.Key]; ok {
			info, _, err = run.Aside(q)
		} else {
			info, err = run.Cell(pc)
			rest = append(rest, pc)
		}
		if err != nil || info == nil {
			return nil // one that is damaged or missing is measured again alone
		}
		infos = append(infos, info)
	}
	if record.Void(infos, *most) != last.Why {
		return nil
	}
	for _, pc := range rest {
		n := a.again[pc.Key] + 1
		if err := a.log.Quarantine(a.dir, pc.Cell, n, last.Why); err != nil {
			return fmt.Errorf("-resume: %w", err)
		}
		a.again[pc.Key] = n
		fmt.Fprintf(a.out, "note: cell %s is measured again (%d) as the killed run was about to: %s\n", pc.Key, n, last.Why)
	}
	return nil
}

// leftOut says which blocks are void, as the reason why the run ended without them.
func (r *Run) leftOut() string {
	return fmt.Sprintf("%d blocks are left out, because the drive moved while they were measured (-resume measures them anew): %s", len(r.dropped),
		strings.Join(r.dropped, "; "))
}
