package experiment

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// New lays out the sweep: all combinations of the factors' levels in every repetition, unless it says that some are not
// planned. A repetition is a block; the order inside it is shuffled by the seed.
func New(e *config.Experiment, f record.Facts, runID, digest string) (*record.Plan, error) {
	first, last := blocks(e.Hypothesis.Run, 1)
	if n := combinations(e); n*float64(last-first+1) > record.MaxCells {
		return nil, tooMany(0, n, last-first+1)
	}
	combos := []record.Cell{nil}
	for _, factor := range config.Factors() {
		if !factor.Load {
			combos = cross(combos, factor.Name, factor.Levels(e))
		}
	}
	var loads []record.Cell
	for _, base := range combos {
		for _, factor := range config.Factors() {
			if levels := factor.Levels(e); factor.Load && len(levels) > 0 {
				loads = append(loads, cross([]record.Cell{base}, factor.Name, levels)...)
			}
		}
	}
	loads = slices.DeleteFunc(loads, func(c record.Cell) bool { return !e.Hypothesis.Sweep.Plans(c) })
	p := &record.Plan{Schema: record.PlanSchema, RunID: runID, Hypothesis: e.Hypothesis.Hypothesis, Digest: digest, Facts: f}
	return p, Extend(p, e, loads)
}

// combinations is how many the sweep has, counted and not made.
func combinations(e *config.Experiment) float64 {
	n, loads := 1.0, 0.0
	for _, factor := range config.Factors() {
		switch levels := float64(len(factor.Levels(e))); {
		case factor.Load:
			loads += levels
		case levels > 0:
			n *= levels
		}
	}
	return n * loads * e.Hypothesis.Sweep.Planned()
}

// tooMany refuses cells beyond those that are planned already.
func tooMany(planned int, combinations float64, reps int) error {
	before := ""
	if planned > 0 {
		before = fmt.Sprintf(" beside %d of the stages before", planned)
	}
	return fmt.Errorf("the sweep has %.0f combinations in %d repetitions%s, and a plan has at most %d cells: take levels or repetitions away",
		combinations, reps, before, record.MaxCells)
}

// cross combines cells with the levels of a factor; without levels the factor is not part of the sweep.
func cross(cells []record.Cell, name string, levels []string) []record.Cell {
	if len(levels) == 0 {
		return cells
	}
	var out []record.Cell
	for _, c := range cells {
		for _, level := range levels {
			out = append(out, with(c, name, level))
		}
	}
	return out
}

func with(c record.Cell, name string, level any) record.Cell {
	return append(append(record.Cell{}, c...), record.NewCell(name, level)...)
}

// Extend appends a stage: the combinations, once in every block of it. A plan of more than record.MaxCells is refused and
// left as it is.
func Extend(p *record.Plan, e *config.Experiment, combos []record.Cell) error {
	stage := 1
	if len(p.Cells) > 0 {
		stage = p.Cells[len(p.Cells)-1].Stage + 1
	}
	first, last := blocks(e.Hypothesis.Run, stage)
	if n := last - first + 1; len(p.Cells)+len(combos)*n > record.MaxCells {
		return tooMany(len(p.Cells), float64(len(combos)), n)
	}
	seed := e.Hypothesis.Run.Seed
	for rep := first; rep <= last; rep++ {
		block := make([]record.Cell, len(combos))
		for i, c := range combos {
			block[i] = with(c, config.FactorRep, rep)
		}
		r := rand.New(rand.NewPCG(seed, uint64(stage)<<32|uint64(rep)))
		r.Shuffle(len(block), func(i, j int) { block[i], block[j] = block[j], block[i] })
		for _, c := range block {
			pc, err := resolve(e, c, stage)
			if err != nil {
				return err
			}
			p.Cells = append(p.Cells, pc)
		}
	}
	return nil
}

// blocks are the numbers of a stage's blocks. One that screens is number 0: those that decide are counted from 1.
func blocks(r config.Run, stage int) (first, last int) {
	if r.Screening && stage == 1 {
		return 0, 0
	}
	return 1, r.Reps
}

// resolve turns a cell's key into what it means in this experiment.
func resolve(e *config.Experiment, c record.Cell, stage int) (record.PlannedCell, error) {
	pc, err := config.Resolve(c)
	if err != nil {
		return pc, err
	}
	pc.Stage = stage
	if pc.Stack == "" {
		pc.Stack = e.StackNames()[0]
	}
	if pc.Rep < 0 || pc.ContextTokens < 1 || pc.Users < 1 && pc.RateRPS == nil || e.Stacks[pc.Stack] == nil {
		return pc, fmt.Errorf("cell %s has no repetition, context, load or known stack", pc.Key)
	}
	seed := e.Hypothesis.Run.Seed
	pc.LoadSeed = mix(seed, "load", c.Without(config.Arms()...).String())
	pc.MachineSeed = mix(seed, "machine", c.String())
	return pc, nil
}

// Again is a planned cell that is to be measured again, after n times: the load's randomness stays, and with it what the
// arms of a block share; the machine's is another.
func Again(pc record.PlannedCell, n int) record.PlannedCell {
	if n > 0 {
		pc.Again, pc.MachineSeed = n, mix(pc.MachineSeed, "again", fmt.Sprint(n))
	}
	return pc
}

// mix derives a seed; it is never 0.
func mix(seed uint64, parts ...string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, seed)
	for _, p := range parts {
		h.Write([]byte{0})
		h.Write([]byte(p))
	}
	return h.Sum64() | 1
}
