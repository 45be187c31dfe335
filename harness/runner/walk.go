package runner

import (
	"errors"
	"math"
	"time"

	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// Asked is what a run has done when it asks how to go on.
type Asked struct {
	Stage int  // of the plan, from 1
	Block int  // repetition that has just been measured, from 1
	Last  bool // the stage's last one
}

// Answer is how to go on.
type Answer struct {
	// Stop says why no further cell is to be measured, "" to go on.
	Stop string
	// Skip is how many blocks more are to be measured before the run asks again; those are measured side by side
	// where the rig can.
	Skip int
	// Again are cells that are to be measured again, because they failed a gate that looks at nothing of the outcome.
	// Once they have been, the run asks the same again.
	Again []Again
	// Stage says, at the end of a stage, that the next one is planned now, with the cells of More.
	Stage bool
	More  []record.Cell
}

// Again is a complete cell that is to be put aside and measured again.
type Again struct {
	Cell string // key
	Why  string
}

// Ask is asked after blocks. It reads the run's folder.
type Ask func(dir string, a Asked) (Answer, error)

// Walk measures the plan's cells, block by block, and those of stages that the answers add.
func (r *Run) Walk(ask Ask) error {
	for from := 0; from < len(r.o.Plan.Cells); {
		stage := r.o.Plan.Cells[from:]
		r.progress = newProgress(r.o.Out, r.o.Plan.Hypothesis, len(r.missing(stage)))
		answer, err := r.stage(stage, ask)
		if err != nil || r.ended() {
			return err
		}
		from = len(r.o.Plan.Cells)
		switch {
		case answer.Stop != "":
			r.o.Plan.Ended = answer.Stop
			return r.o.Plan.Save(r.art.dir, r.art.log)
		case !answer.Stage && len(r.dropped) > 0:
			r.o.Plan.Ended = r.leftOut()
			return r.o.Plan.Save(r.art.dir, r.art.log)
		case !answer.Stage:
			return nil
		}
		if err := experiment.Extend(r.o.Plan, r.o.Exp, answer.More); err != nil {
			return err
		}
		if err := r.complete(); err != nil {
			return err
		}
		r.o.Plan.Refined = true
		if err := r.o.Plan.Save(r.art.dir, r.art.log); err != nil {
			return err
		}
	}
	return nil
}

// complete says of cells that have just been planned what it says of those before them: their digests and what they cost.
func (r *Run) complete() error {
	if r.o.Plan.Cells[0].Digest != "" {
		if err := experiment.IdentifyCells(r.o.Plan, r.o.Exp, r.o.Root); err != nil {
			return err
		}
	}
	if r.o.Parts == nil {
		return nil
	}
	return Price(r.o.Exp, r.o.Plan, r.o.Parts)
}

// ended says that no further cell is to be measured, because one failed or the run was interrupted.
func (r *Run) ended() bool { return r.failed.Load() || r.o.Stop.Load() }

// stage measures the blocks of a stage and returns the last answer.
func (r *Run) stage(cells []record.PlannedCell, ask Ask) (answer Answer, err error) {
	blocks := blocksOf(cells)
	r.voidLeft = int(math.Ceil(voidShare * float64(len(blocks))))
	for next := 0; next < len(blocks); {
		var due []record.PlannedCell
		last := min(next+answer.Skip, len(blocks)-1)
		for _, b := range blocks[next : last+1] {
			due = append(due, b...)
		}
		if err := r.takeOver(due); err != nil {
			return answer, err
		}
		if r.ended() {
			return answer, nil
		}
		r.o.Rig.Run(r.missing(due), rig.Work{Measure: r.measure, Done: r.done})
		if r.ended() {
			return answer, nil
		}
		block := blocks[last][0]
		a := Asked{Stage: block.Stage, Block: block.Rep, Last: last+1 == len(blocks)}
		answer, err = r.asked(a, blocks[next:last+1], ask)
		next = last + 1
		if err != nil || answer.Stop != "" || r.ended() {
			return answer, err
		}
	}
	return answer, nil
}

// blocksOf splits the cells of a stage by repetition.
func blocksOf(cells []record.PlannedCell) [][]record.PlannedCell {
	var out [][]record.PlannedCell
	for i, pc := range cells {
		if i == 0 || pc.Rep != cells[i-1].Rep {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], pc)
	}
	return out
}

// missing are those of the cells that have not been measured yet.
func (r *Run) missing(cells []record.PlannedCell) []record.PlannedCell {
	var todo []record.PlannedCell
	for _, pc := range cells {
		if !r.art.has(pc) {
			todo = append(todo, pc)
		}
	}
	return todo
}

// measure runs a cell on the rig's clock.
func (r *Run) measure(pc record.PlannedCell) error {
	if r.ended() {
		return rig.ErrSkipped
	}
	dir, err := r.art.begin(pc)
	if err != nil {
		return err
	}
	return r.tools.measure(experiment.Again(pc, r.art.again[pc.Key]), dir)
}

// done keeps a cell that has been measured. One that failed ends the run: the remaining cells are skipped, what has
// been measured stays.
func (r *Run) done(pc record.PlannedCell, took time.Duration, err error) error {
	if err == nil {
		err = r.art.keep(pc)
	}
	err = FullDisk(r.art.dir, err)
	switch {
	case errors.Is(err, errInterrupted) && !errors.Is(err, errNotUndone):
		return rig.ErrSkipped
	case errors.Is(err, rig.ErrSkipped):
		return err
	case err != nil:
		r.failed.Store(true)
		return err
	}
	r.mu.Lock()
	if r.o.Plan.Facts.Clock != record.ClockVirtual {
		r.tools.clock.tell(time.Now(), r.o.Out)
	}
	r.cellTime += took
	r.mu.Unlock()
	r.progress.add(took)
	return nil
}
