package evidence

import (
	"slices"

	"sparkharness/harness/record"
)

// LoadQuarantined reads the cells of a run's folder that were measured again, in the order in which they were put aside, so
// that why they were can be asked of their lines.
func LoadQuarantined(dir string) ([]*Cell, error) {
	run, exp, err := open(dir)
	if err != nil {
		return nil, err
	}
	aside, err := run.Quarantined()
	if err != nil {
		return nil, err
	}
	var out []*Cell
	for _, q := range aside {
		pc := record.PlannedCell{Key: q.Cell}
		if i := slices.IndexFunc(run.Plan.Cells, func(p record.PlannedCell) bool { return p.Key == q.Cell }); i >= 0 {
			pc = run.Plan.Cells[i]
		}
		info, folder, err := run.Aside(q)
		if err != nil {
			return nil, err
		}
		c, err := readCell(run, pc, info, folder, exp.Hypothesis.Windows)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
