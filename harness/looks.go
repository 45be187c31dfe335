package harness

import (
	"math"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/runner"
)

// looks answers a run that asks how to go on.
type looks struct {
	h    Hypothesis
	seen *evidence.Evidence // of the stages that are complete, nil before that
}

// ask ends a run whose treatments do not reach the server after its first block: it is Invalid whatever else it
// measures. That block has every level of every factor, and on a machine the others are hours. At the end of the first
// stage a hypothesis that refines its sweep names the cells of the second.
func (l *looks) ask(dir string, a runner.Asked) (runner.Answer, error) {
	if a.Stage == 1 && a.Block == 1 {
		ev, err := evidence.LoadSettings(dir)
		if err != nil {
			return runner.Answer{}, err
		}
		if g := gate.Treatment(ev, gate.Claim{}); !g.Passed {
			return runner.Answer{Stop: g.Detail}, nil
		}
	}
	if !a.Last {
		return runner.Answer{Skip: math.MaxInt32}, nil
	}
	if l.h.Refine == nil || a.Stage > 1 {
		return runner.Answer{}, nil
	}
	ev, err := evidence.Load(dir, nil)
	if err != nil {
		return runner.Answer{}, err
	}
	l.seen = ev
	return runner.Answer{Stage: true, More: l.h.Refine(ev)}, nil
}
