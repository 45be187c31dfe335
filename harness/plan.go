package harness

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// Plan is the ordered list of cells of a run, made before any data exists. A second stage, if the
// hypothesis refines its sweep, is appended when the first has been measured.
type Plan struct {
	RunID      string        `json:"run_id"`
	Hypothesis string        `json:"hypothesis"`
	Digest     string        `json:"config_digest"`
	Cells      []PlannedCell `json:"cells"`
	Refined    bool          `json:"refined"` // the second stage has been planned, with or without cells
}

// PlannedCell is one cell with its factors resolved.
type PlannedCell struct {
	Key           string   `json:"cell"`
	Stage         int      `json:"stage"`
	Rep           int      `json:"rep"`
	Stack         string   `json:"stack"`
	ContextTokens int      `json:"context_tokens"`
	Users         int      `json:"users"`    // closed loop; 0 in an open one
	RateRPS       *float64 `json:"rate_rps"` // open loop
	LoadSeed      uint64   `json:"load_seed"`
	MachineSeed   uint64   `json:"machine_seed"`

	Cell record.Cell `json:"-"`
}

// newPlan lays out the sweep: all combinations of stack, context and concurrency or rate in every
// repetition. A repetition is a block; the order inside it is shuffled by the seed.
func newPlan(e *Experiment, runID, digest string) (*Plan, error) {
	var combos []record.Cell
	for _, stack := range e.stackNames() {
		for _, ctx := range e.Hypothesis.Sweep.Ctx {
			var base record.Cell
			if len(e.Stacks) > 1 {
				base = append(base, record.Factor{Name: "stack", Level: stack})
			}
			base = append(base, record.Factor{Name: "ctx", Level: fmt.Sprint(int(ctx))})
			for _, conc := range e.Hypothesis.Sweep.Conc {
				combos = append(combos, with(base, "conc", conc))
			}
			for _, rate := range e.Hypothesis.Sweep.RateRPS {
				combos = append(combos, with(base, "rate", rate))
			}
		}
	}
	p := &Plan{RunID: runID, Hypothesis: e.Hypothesis.Hypothesis, Digest: digest}
	return p, p.extend(e, combos)
}

func with(c record.Cell, name string, level any) record.Cell {
	return append(append(record.Cell{}, c...), record.NewCell(name, level)...)
}

// extend appends a stage: the combinations, once in every repetition.
func (p *Plan) extend(e *Experiment, combos []record.Cell) error {
	stage := 1
	if len(p.Cells) > 0 {
		stage = p.Cells[len(p.Cells)-1].Stage + 1
	}
	seed := e.Hypothesis.Run.Seed
	for rep := 1; rep <= e.Hypothesis.Run.Reps; rep++ {
		block := make([]record.Cell, len(combos))
		for i, c := range combos {
			block[i] = with(c, "rep", rep)
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

// resolve turns a cell's key into what it means.
func resolve(e *Experiment, c record.Cell, stage int) (PlannedCell, error) {
	pc := PlannedCell{Cell: c, Key: c.String(), Stage: stage, Rep: c.Int("rep"), Stack: c.Level("stack"),
		ContextTokens: c.Int("ctx"), Users: c.Int("conc")}
	if pc.Stack == "" {
		pc.Stack = e.stackNames()[0]
	}
	if v, ok := c.Float("rate"); ok {
		pc.RateRPS = &v
	}
	if pc.Rep < 1 || pc.ContextTokens < 1 || pc.Users < 1 && pc.RateRPS == nil || e.Stacks[pc.Stack] == nil {
		return pc, fmt.Errorf("cell %s has no repetition, context, load or known stack", pc.Key)
	}
	seed := e.Hypothesis.Run.Seed
	// Arms of a block share the load's randomness: the same users, think times, lengths and order.
	pc.LoadSeed = mix(seed, "load", c.Without("stack").String())
	pc.MachineSeed = mix(seed, "machine", c.String())
	return pc, nil
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

// least is the least time that a cell takes on its own clock.
func least(r config.Run) time.Duration {
	return time.Duration(r.Baseline + r.Warmup.Min + r.Duration)
}

// estimate is the least time that the cells take, summed, on the cells' clock.
func (p *Plan) estimate(r config.Run) time.Duration { return time.Duration(len(p.Cells)) * least(r) }

// print writes the plan for people.
func (p *Plan) print(w io.Writer, e *Experiment, h Hypothesis) {
	r := e.Hypothesis.Run
	fmt.Fprintf(w, "%s  %s\n", h.ID, h.Claim)
	fmt.Fprintf(w, "run id %s, %d cells in %d blocks, config %s\n", p.RunID, len(p.Cells), r.Reps, p.Digest[:12])
	fmt.Fprintf(w, "each cell: %v baseline, warm-up of at least %v and %d passes, measure %v (up to %v for %d requests)\n",
		r.Baseline, r.Warmup.Min, r.Warmup.Passes, r.Duration, r.MaxDuration, r.MinRequests)
	clock := "of the machine's time"
	if e.Rig == rigSim {
		clock = "of virtual time; the wall time is a small part of it"
	}
	fmt.Fprintf(w, "estimated: at least %.1f h %s\n", p.estimate(r).Hours(), clock)
	if h.Refine != nil && e.Hypothesis.Sweep.FineStep > 0 {
		levels := 2 * e.Hypothesis.Sweep.FineStep // on each side of what the first finds
		fmt.Fprintf(w, "then a second stage around what the first finds: up to %d levels a stack, %d cells\n", levels, levels*r.Reps*len(e.Stacks))
	}
	for i, c := range p.Cells {
		fmt.Fprintf(w, "%4d  %s\n", i+1, c.Key)
	}
}

// save writes plan.json.
func (p *Plan) save(path string) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the plan: %w", err)
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// readPlan is the inverse of save.
func readPlan(path string) (*Plan, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("%s: not the plan of a run: %w", path, err)
	}
	for i := range p.Cells {
		if p.Cells[i].Cell, err = record.ParseCell(p.Cells[i].Key); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return &p, nil
}
