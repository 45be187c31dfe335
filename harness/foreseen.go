package harness

import (
	"errors"
	"fmt"
	"slices"

	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/runner"
)

// foresee lays out the whole plan: the one that is to be run, and the second stage that the hypothesis expects after it.
func (p *planned) foresee(h Hypothesis) error {
	whole := *p.plan
	whole.Cells = slices.Clone(p.plan.Cells)
	p.whole = &whole
	if !h.Stages(p.exp) {
		return nil
	}
	if h.Foresees == nil {
		return fmt.Errorf("%s plans a second stage (Refine) and does not say which one it expects, so that nobody could say what a run will cost: "+
			"give the hypothesis a Foresees", h.ID)
	}
	first := &evidence.Evidence{Exp: p.exp, Plan: p.plan}
	for _, pc := range p.plan.Cells {
		first.Cells = append(first.Cells, &evidence.Cell{PlannedCell: pc})
	}
	return experiment.Extend(p.whole, p.exp, h.Foresees(first))
}

// priceWhole says of the cells of the second stage that is expected what the plan says of its own: what they are, and what they
// will cost. The cost stays unknown where that of the first stage is.
func (p *planned) priceWhole(root string) error {
	err := experiment.IdentifyCells(p.whole, p.exp, root)
	if p.parts == nil {
		return err
	}
	return errors.Join(err, runner.Price(p.exp, p.whole, p.parts))
}
