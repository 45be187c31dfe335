package runner

import (
	"fmt"
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

// void says why a block is void, "" if it is not, or if it was put aside.
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
	if len(cells) == 0 {
		return "", nil
	}
	return record.Void(cells, most), nil
}

// leftOut says which blocks are void, as the reason why the run ended without them.
func (r *Run) leftOut() string {
	return fmt.Sprintf("%d blocks are left out, because the drive moved while they were measured (-resume measures them anew): %s", len(r.dropped),
		strings.Join(r.dropped, "; "))
}
