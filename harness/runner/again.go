package runner

import (
	"fmt"
	"slices"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// asked asks how to go on, and again each time that cells have been measured again.
func (r *Run) asked(a Asked, ask Ask) (Answer, error) {
	for {
		answer, err := ask(r.art.dir, a)
		if err != nil || answer.Stop != "" || len(answer.Again) == 0 {
			return answer, err
		}
		var due []record.PlannedCell
		for _, again := range answer.Again {
			pc, err := r.quarantine(again)
			if err != nil {
				return answer, err
			}
			due = append(due, pc)
		}
		r.progress.more(len(due))
		r.o.Rig.Run(due, rig.Work{Measure: r.measure, Done: r.done})
		if r.ended() {
			return answer, nil
		}
	}
}

// quarantine puts a cell aside, says so, and returns what is to be measured.
func (r *Run) quarantine(again Again) (record.PlannedCell, error) {
	i := slices.IndexFunc(r.o.Plan.Cells, func(pc record.PlannedCell) bool { return pc.Key == again.Cell })
	if i < 0 {
		return record.PlannedCell{}, fmt.Errorf("cell %s is to be measured again, and nobody planned it", again.Cell)
	}
	pc := r.o.Plan.Cells[i]
	n := r.art.again[pc.Key] + 1
	if err := r.art.log.Quarantine(r.art.dir, pc.Cell, n, again.Why); err != nil {
		return pc, fmt.Errorf("results: %w", err)
	}
	r.art.again[pc.Key] = n
	fmt.Fprintf(r.o.Out, "note: cell %s is measured again (%d): %s\n", pc.Key, n, again.Why)
	return pc, nil
}
