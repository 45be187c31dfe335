package config

import (
	"fmt"
	"strconv"

	"sparkharness/harness/record"
)

// Factor is something that a sweep may vary: the one place that says how its levels are listed, read, ordered and
// applied. A new factor is a row of Factors, a field of Sweep and one of record.PlannedCell.
type Factor struct {
	Name string
	// Arm factors treat the machine and leave the load alone: arms of a block share the load's randomness, the
	// same users, think times, lengths and order.
	Arm bool
	// Load factors are alternatives: a cell has one of them, and their levels are not combined.
	Load bool
	// Listed levels come in the order of the configuration, others by their magnitude.
	Listed bool

	levels func(*Experiment) []string
	set    func(pc *record.PlannedCell, level string) error
	treat  func(*Stack, record.PlannedCell)
}

// Names of factors that more than one place speaks of.
const (
	FactorStack = "stack"
	FactorFio   = "fio"
	FactorDrive = "drive"
	FactorRep   = "rep"
)

// Factors are all factors, in the order in which they stand in a cell's key. The repetition comes last, and is
// no factor of the sweep.
func Factors() []Factor {
	return []Factor{
		{Name: FactorStack, Arm: true, levels: stackLevels, set: text(func(pc *record.PlannedCell) *string { return &pc.Stack })},
		{Name: "phase", Arm: true, Listed: true, levels: func(e *Experiment) []string { return e.Hypothesis.Sweep.Phase },
			set: text(func(pc *record.PlannedCell) *string { return &pc.Phase })},
		{Name: "tier1", Arm: true, levels: func(e *Experiment) []string { return printed(e.Hypothesis.Sweep.Tier1) }, set: setTier1, treat: treatTier1},
		{Name: "policy", Arm: true, Listed: true, levels: func(e *Experiment) []string { return e.Hypothesis.Sweep.Policy },
			set: text(func(pc *record.PlannedCell) *string { return &pc.Policy }), treat: treatPolicy},
		{Name: FactorDrive, Arm: true, Listed: true, levels: func(e *Experiment) []string { return e.Hypothesis.Sweep.Drive },
			set: text(func(pc *record.PlannedCell) *string { return &pc.Drive })},
		{Name: FactorFio, Arm: true, Listed: true, levels: func(e *Experiment) []string { return e.Hypothesis.Sweep.Fio },
			set: text(func(pc *record.PlannedCell) *string { return &pc.Fio })},
		{Name: "cadence", Arm: true, Listed: true, levels: func(e *Experiment) []string { return printed(e.Hypothesis.Sweep.Cadence) },
			set: setCadence, treat: treatCadence},
		{Name: "turns", levels: func(e *Experiment) []string { return printed(e.Hypothesis.Sweep.Turns) },
			set: whole(func(pc *record.PlannedCell) *int { return &pc.Turns })},
		{Name: "reuse", levels: func(e *Experiment) []string { return printed(e.Hypothesis.Sweep.Reuse) }, set: setReuse},
		{Name: "ctx", levels: ctxLevels, set: whole(func(pc *record.PlannedCell) *int { return &pc.ContextTokens })},
		{Name: "sessions", Load: true, levels: func(e *Experiment) []string { return printed(e.Hypothesis.Sweep.Sessions) },
			set: whole(func(pc *record.PlannedCell) *int { return &pc.Users })},
		{Name: "conc", Load: true, levels: func(e *Experiment) []string { return printed(e.Hypothesis.Sweep.Conc) },
			set: whole(func(pc *record.PlannedCell) *int { return &pc.Users })},
		{Name: "rate", Load: true, levels: func(e *Experiment) []string { return printed(e.Hypothesis.Sweep.RateRPS) }, set: setRate},
		{Name: FactorRep, set: whole(func(pc *record.PlannedCell) *int { return &pc.Rep })},
	}
}

// Levels are the levels of the experiment's sweep, none where it does not vary the factor.
func (f Factor) Levels(e *Experiment) []string {
	if f.levels == nil {
		return nil
	}
	return f.levels(e)
}

// Resolve turns a cell's key into what it means.
func Resolve(cell record.Cell) (record.PlannedCell, error) {
	pc := record.PlannedCell{Cell: cell, Key: cell.String()}
	for _, f := range Factors() {
		if level := cell.Level(f.Name); level != "" {
			if err := f.set(&pc, level); err != nil {
				return pc, fmt.Errorf("cell %s: %s=%s: %w", pc.Key, f.Name, level, err)
			}
		}
	}
	return pc, nil
}

// Arms are the names of the factors that leave the load alone.
func Arms() []string {
	var out []string
	for _, f := range Factors() {
		if f.Arm {
			out = append(out, f.Name)
		}
	}
	return out
}

// stackLevels are the stacks, where there is more than one.
func stackLevels(e *Experiment) []string {
	if len(e.Stacks) < 2 {
		return nil
	}
	return e.StackNames()
}

// ctxLevels are plain numbers of tokens, whatever alias the configuration uses.
func ctxLevels(e *Experiment) []string {
	var out []string
	for _, l := range e.Hypothesis.Sweep.Ctx {
		out = append(out, strconv.Itoa(int(l)))
	}
	return out
}

func printed[T any](levels []T) []string {
	var out []string
	for _, l := range levels {
		out = append(out, fmt.Sprint(l))
	}
	return out
}

func text(of func(*record.PlannedCell) *string) func(*record.PlannedCell, string) error {
	return func(pc *record.PlannedCell, level string) error { *of(pc) = level; return nil }
}

func whole(of func(*record.PlannedCell) *int) func(*record.PlannedCell, string) error {
	return func(pc *record.PlannedCell, level string) (err error) { *of(pc), err = strconv.Atoi(level); return err }
}

func setReuse(pc *record.PlannedCell, level string) (err error) {
	pc.Reuse, err = strconv.ParseFloat(level, 64)
	return err
}

func setRate(pc *record.PlannedCell, level string) error {
	v, err := strconv.ParseFloat(level, 64)
	pc.RateRPS = &v
	return err
}

func setTier1(pc *record.PlannedCell, level string) error {
	size, err := ParseSize(level)
	pc.Tier1Bytes = int64(size)
	return err
}

func setCadence(pc *record.PlannedCell, level string) error {
	cadence, err := ParseDuration(level)
	pc.CadenceMS = cadence.Seconds() * 1e3
	return err
}

func treatTier1(st *Stack, pc record.PlannedCell) {
	if st.Dynamo != nil && pc.Tier1Bytes > 0 {
		st.Dynamo.Tiers.Tier1.CapacityBytes = Size(pc.Tier1Bytes)
	}
	if st.Launched != nil && pc.Tier1Bytes > 0 {
		st.Launched.Tier1 = Size(pc.Tier1Bytes)
	}
}

func treatPolicy(st *Stack, pc record.PlannedCell) {
	if st.Dynamo != nil && pc.Policy != "" {
		st.Dynamo.Tiers.Tier1.EvictionPolicy = pc.Policy
	}
	if st.Launched != nil && pc.Policy != "" {
		st.Launched.Policy = pc.Policy
	}
}

func treatCadence(st *Stack, pc record.PlannedCell) {
	if pc.CadenceMS > 0 {
		st.Telemetry.Cadence = Duration(pc.CadenceMS * 1e6)
	}
}
