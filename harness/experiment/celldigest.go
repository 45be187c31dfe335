package experiment

import (
	"fmt"
	"path/filepath"

	"sparkharness/harness/config"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// identity is everything that decides what is measured in a cell: not the hypothesis, its thresholds, gates, windows or
// controls, and not the other levels of the sweep.
type identity struct {
	Schema   string
	Measures string // the program
	Rig      string
	Clock    string
	Machine  string
	World    *config.World
	Twin     *config.Twin
	Stack    *config.Stack // as the cell treats it, model and cadence included
	Cell     record.PlannedCell
	Load     config.Load
	Adapters []string
	Arrivals arrivals
	Run      config.Run
	Fio      string // text of the job file
	Prompts  string
}

// arrivals are how an open loop arrives, nothing in a closed one.
type arrivals struct {
	Kind string
	CV   float64
	Ramp *config.Ramp
}

// IdentifyCells gives the plan's cells that have none their digest: the SHA-256 of what decides what is measured in them.
// Cells of two plans with one digest are the same measurement, whichever hypothesis asks for it. root holds the prompts.
func IdentifyCells(p *record.Plan, e *config.Experiment, root string) error {
	prompts, err := regular.Read(filepath.Join(root, "inputs", "prompts", prompt.IndexFile), prompt.MaxIndex)
	if err != nil {
		return fmt.Errorf("index of the prompts: %w (make inputs writes it)", err)
	}
	for i := range p.Cells {
		pc := &p.Cells[i]
		if pc.Digest != "" {
			continue
		}
		id := identity{Schema: p.Schema, Measures: p.Program.Measures, Rig: p.Facts.Rig, Clock: p.Facts.Clock, Machine: p.Facts.Machine,
			World: e.World, Twin: e.Twin, Stack: e.StackOf(*pc), Cell: *pc, Load: e.Hypothesis.Load, Adapters: e.Adapters, Run: e.Hypothesis.Run,
			Fio: e.Fio[pc.Fio], Prompts: string(prompts)}
		// How many blocks there are and when they are looked at, in which stage it was asked for and what it costs changes
		// nothing in a cell.
		id.Cell.Stage, id.Cell.Price = 0, nil
		id.Run.Reps, id.Run.EarlyLooks, id.Run.Screening = 0, nil, false
		if s := e.Hypothesis.Sweep; pc.RateRPS != nil {
			id.Arrivals = arrivals{s.Arrivals, s.GapCV, s.Ramp}
		}
		if pc.Digest, err = config.Digest(id); err != nil {
			return err
		}
	}
	return nil
}
