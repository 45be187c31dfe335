package runner

import (
	"errors"
	"fmt"
	"os"

	"sparkharness/harness/disk"
	"sparkharness/harness/record"
)

// takeOver copies those of the cells that an earlier run of this execution has measured, instead of measuring them again.
// A cell that is not there as it was measured is left to be measured here.
func (r *Run) takeOver(cells []record.PlannedCell) error {
	todo := r.missing(cells)
	taken := 0
	for _, dir := range r.o.Earlier {
		if len(todo) == 0 || r.ended() {
			break
		}
		from, err := record.ReadRun(dir)
		if err != nil {
			fmt.Fprintf(r.o.Out, "note: nothing is taken over from %s: %v\n", dir, err)
			continue
		}
		there := map[string]record.PlannedCell{}
		for _, pc := range from.Plan.Cells {
			if pc.Digest != "" {
				there[pc.Digest] = pc
			}
		}
		n := 0
		for _, pc := range todo {
			same, ok := there[pc.Digest]
			if !ok || same.Key != pc.Key || r.ended() {
				continue
			}
			switch err := r.take(from, pc, same); {
			case errors.Is(err, errNotThere):
				fmt.Fprintf(r.o.Out, "note: cell %s is measured here, because that of %s cannot be taken over: %v\n", pc.Key, from.Plan.RunID, err)
			case err != nil:
				return fmt.Errorf("take a cell over from %s: %w", dir, err)
			default:
				n++
			}
		}
		if n > 0 {
			fmt.Fprintf(r.o.Out, "%s  %d cells are those of %s: taken over, not measured again\n", r.o.Plan.Hypothesis, n, from.Plan.RunID)
		}
		taken += n
		todo = r.missing(todo)
	}
	if taken > 0 {
		r.taken += taken
		r.progress.skip(taken)
	}
	return nil
}

// errNotThere says that a cell is not there as it was measured.
var errNotThere = errors.New("it is not there as it was measured")

// take copies one cell. The log knows of it first, as of one that was measured.
func (r *Run) take(from *record.Run, pc, same record.PlannedCell) error {
	dir, err := r.art.begin(pc)
	if err != nil {
		return err
	}
	info, err := from.CopyCell(same, dir)
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %w", errNotThere, err), os.RemoveAll(dir))
	}
	if err := r.art.log.TakenOver(pc.Key, dir, record.Origin{RunID: info.RunID, Digest: info.Digest}); err != nil {
		return err
	}
	if err := os.Rename(dir, r.art.cell(pc)); err != nil {
		return err
	}
	return disk.Sync(r.art.path(record.DirCells))
}
