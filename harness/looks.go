package harness

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/experiment"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/runner"
	"sparkharness/harness/verdict"
)

// atLook stands in what Plan.Ended says of a run that a look has decided.
const atLook = " at look "

// decidedAtLook says that a run ended because it was decided: what it measured is whole.
func decidedAtLook(p *record.Plan) bool { return strings.Contains(p.Ended, atLook) }

// looks answers a run that asks how to go on.
type looks struct {
	h       Hypothesis
	run     config.Run
	refines bool               // a second stage follows the first
	seen    *evidence.Evidence // of what is complete; nil before it was first read
}

// ask ends a run whose treatments do not reach the server after its first block: it is Invalid whatever else it
// measures. That block has every level of every factor, and on a machine the others are hours. Cells with a fault that shows
// without a look at the outcome are measured again. At the end of the first stage a hypothesis that refines its sweep names
// the cells of the second. At each look that the configuration declares the run is judged, and ends if it is decided.
func (l *looks) ask(dir string, a runner.Asked) (runner.Answer, error) {
	if a.Stage == 1 && a.Block <= 1 {
		ev, err := evidence.LoadSettings(dir)
		if err != nil {
			return runner.Answer{}, err
		}
		if g := gate.Treatment(ev, gate.Claim{}); !g.Passed {
			return runner.Answer{Stop: fmt.Sprintf("after the first block: %s; the others would be Invalid as well", g.Detail)}, nil
		}
	}
	ev, err := evidence.Load(dir, l.seen)
	if err != nil {
		return runner.Answer{}, err
	}
	l.seen = ev
	if again := gate.Again(ev); len(again) > 0 {
		return runner.Answer{Again: l.again(again)}, nil
	}
	refines := l.refines && a.Stage == 1
	switch {
	case refines && a.Last:
		// Where waits are not told the first stage finds no place for a second.
		if l.h.Waits {
			if g := gate.WaitsKnown(ev); !g.Passed {
				return runner.Answer{Stop: fmt.Sprintf("after the first stage: %s; the others would be Invalid as well", g.Detail)}, nil
			}
		}
		return runner.Answer{Stage: true, More: l.h.Refine(ev)}, nil
	case a.Last:
		return runner.Answer{}, nil
	case !refines && slices.Contains(l.run.Looks(), a.Block):
		if rep, _ := verdict.Judge(l.h, ev); rep.Verdict.Outcome != verdict.Inconclusive { // Invalid stays Invalid
			return runner.Answer{Stop: fmt.Sprintf("%s%s%d of %d", rep.Verdict.Outcome, atLook, rep.Look.At, rep.Look.Of)}, nil
		}
	}
	return runner.Answer{Skip: l.skip(a, refines, ev.Plan.Facts.Clock)}, nil
}

// skip is how many blocks more may be measured side by side before the run asks again: up to the next look. On a real clock it
// is none, because a cell that is measured again belongs near its block, where the machine is as it was.
func (l *looks) skip(a runner.Asked, refines bool, clock string) int {
	switch {
	case clock != record.ClockVirtual:
		return 0
	case refines:
		return math.MaxInt32
	}
	for _, at := range l.run.Looks() {
		if at > a.Block {
			return at - a.Block - 1
		}
	}
	return math.MaxInt32
}

// again has cells measured again, and forgets what was read of them.
func (l *looks) again(faults []gate.Fault) []runner.Again {
	var out []runner.Again
	for _, f := range faults {
		out = append(out, runner.Again{Cell: f.Cell, Why: f.String()})
	}
	kept := *l.seen
	kept.Cells = slices.DeleteFunc(slices.Clone(l.seen.Cells), func(c *evidence.Cell) bool {
		return slices.ContainsFunc(faults, func(f gate.Fault) bool { return f.Cell == c.Key })
	})
	l.seen = &kept
	return out
}

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
