package runner

import (
	"fmt"
	"slices"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// asked asks how to go on after blocks, and again each time that cells have been measured again. Whoever is asked has seen nothing of
// blocks that were void.
func (r *Run) asked(a Asked, blocks [][]record.PlannedCell, ask Ask) (Answer, error) {
	if err := r.steady(blocks); err != nil || r.ended() {
		return Answer{}, err
	}
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
		if err := r.steady(r.blocksOf(due)); err != nil || r.ended() {
			return answer, err
		}
	}
}

// blocksOf are the blocks that cells belong to, whole.
func (r *Run) blocksOf(cells []record.PlannedCell) (blocks [][]record.PlannedCell) {
	for i, pc := range cells {
		same := func(other record.PlannedCell) bool { return other.Stage == pc.Stage && other.Rep == pc.Rep }
		if slices.ContainsFunc(cells[:i], same) {
			continue
		}
		var block []record.PlannedCell
		for _, other := range r.o.Plan.Cells {
			if same(other) {
				block = append(block, other)
			}
		}
		blocks = append(blocks, block)
	}
	return blocks
}

// quarantine puts a cell aside, says that it is measured again, and returns what is to be measured.
func (r *Run) quarantine(again Again) (record.PlannedCell, error) {
	pc, err := r.putAside(again)
	if err == nil {
		fmt.Fprintf(r.o.Out, "note: cell %s is measured again (%d): %s\n", pc.Key, r.art.again[pc.Key], again.Why)
	}
	return pc, err
}

// putAside puts a cell aside and returns it.
func (r *Run) putAside(again Again) (record.PlannedCell, error) {
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
	return pc, nil
}
