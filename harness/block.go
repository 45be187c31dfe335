package harness

import (
	"fmt"

	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

// A run whose treatments do not reach the server is Invalid whatever else it measures. The first block has
// every level of every factor, so that is known when it has been measured, and the others are spared: on a
// machine they are hours.

// firstBlock splits cells after the first repetition.
func firstBlock(cells []PlannedCell) (first, rest []PlannedCell) {
	for i, pc := range cells {
		if pc.Rep != cells[0].Rep {
			return cells[:i], cells[i:]
		}
	}
	return cells, nil
}

// untreated is what the treatment gate says of the cells if it fails, "" if it passes. It reads no more than
// what the servers told.
func (r *run) untreated(cells []PlannedCell) (string, error) {
	ev := &Evidence{Exp: r.exp, Plan: r.plan}
	for _, pc := range cells {
		c, err := loadCellInfo(pc, r.art.cell(pc))
		if c == nil || err != nil {
			return "", err // no cell: interrupted
		}
		ev.Cells = append(ev.Cells, c)
	}
	if g := ev.settings(); !g.Passed {
		return g.Detail, nil
	}
	return "", nil
}

// endedEarly is the finding of a run that did not measure all of its plan, on purpose.
func (p *Plan) endedEarly(v verdict.Verdict, measured int) []report.Finding {
	if p.Ended == "" {
		return nil
	}
	return []report.Finding{{Name: "ended early", Detail: fmt.Sprintf(
		"after the first block, %d of %d cells: %s; the others would be %s as well", measured, len(p.Cells), p.Ended, v.Outcome)}}
}
