package evidence

import (
	"errors"
	"runtime"
	"sync"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// Evidence is everything that a run left on disk, reduced to what decision rules ask of it.
type Evidence struct {
	Exp   *config.Experiment
	Plan  *record.Plan
	Cells []*Cell // the complete ones, in the order of the plan
	// Quarantined are cells that were measured again, in the order in which they were put aside: several times the same one,
	// if it was measured several times again.
	Quarantined []record.Quarantined
	// Notes are what is odd about the run's folder without being a fault.
	Notes []string

	rows map[string]Row
	// permuted says that windows' requests are not those of their readings (Permuted).
	permuted bool
}

// Permuted is the evidence with the windows of each arm in another order for requests than for readings: what a rule still
// finds, it finds in the arms.
func (ev *Evidence) Permuted() *Evidence {
	out := *ev
	out.rows, out.permuted = nil, true
	return &out
}

// Threshold is a number of the decision rule.
func (ev *Evidence) Threshold(name string) float64 { return ev.Exp.Threshold(name) }

// Confidence of every interval and bound, unless a rule says otherwise.
const Confidence = 0.95

// Load reads a run's folder. Cells that were not completed are left out; those of known, which
// were read before, are not read again. What is not as it was measured is an error that names each file
// (record.DamageError).
func Load(dir string, known *Evidence) (*Evidence, error) { return load(dir, known, loadCell) }

// load is Load by a way to read a cell. A panic of that is an error: on a goroutine of its own nobody else would catch it.
func load(dir string, known *Evidence, read cellReader) (*Evidence, error) {
	run, exp, err := open(dir)
	if err != nil {
		return nil, err
	}
	plan := run.Plan
	cells := make([]*Cell, len(plan.Cells))
	before := map[string]*Cell{}
	if known != nil {
		for _, c := range known.Cells {
			before[c.Key] = c
		}
	}
	errs := make([]error, len(plan.Cells))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				cells[i], errs[i] = read.caught(run, plan.Cells[i], exp.Hypothesis.Windows)
			}
		})
	}
	for i := range plan.Cells {
		if cells[i] = before[plan.Cells[i].Key]; cells[i] == nil {
			next <- i
		}
	}
	close(next)
	wg.Wait()
	notes, strays := run.Strays()
	aside, altered := run.Quarantined()
	if err := errors.Join(append(errs, strays, altered)...); err != nil {
		return nil, err
	}
	if !run.Sealed() {
		notes = append(notes, "an earlier version measured it and sealed nothing: a change of its files would not show")
	}
	ev := &Evidence{Exp: exp, Plan: plan, Quarantined: aside, Notes: notes}
	for _, c := range cells {
		if c != nil {
			ev.Cells = append(ev.Cells, c)
		}
	}
	return ev, nil
}

// open reads what a run's folder is of.
func open(dir string) (*record.Run, *config.Experiment, error) {
	run, err := record.ReadRun(dir)
	if err != nil {
		return nil, nil, err
	}
	exp, err := config.ReadExperiment(dir)
	return run, exp, err
}

// LoadSettings reads what the servers said of themselves in the cells that are complete, and no line of any.
func LoadSettings(dir string) (*Evidence, error) {
	run, exp, err := open(dir)
	if err != nil {
		return nil, err
	}
	ev := &Evidence{Exp: exp, Plan: run.Plan}
	for _, pc := range run.Plan.Cells {
		info, err := run.Cell(pc)
		if err != nil {
			return nil, err
		}
		if info != nil {
			ev.Cells = append(ev.Cells, &Cell{PlannedCell: pc, Info: *info})
		}
	}
	return ev, nil
}
