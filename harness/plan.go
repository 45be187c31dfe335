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
	// Ended says why no cell after the first block was measured; empty if all were to be.
	Ended string `json:"ended,omitempty"`
}

// PlannedCell is one cell with its factors resolved.
type PlannedCell struct {
	Key           string   `json:"cell"`
	Stage         int      `json:"stage"`
	Rep           int      `json:"rep"`
	Stack         string   `json:"stack"`
	Phase         string   `json:"phase,omitempty"` // cold or warm: what is done before the load
	Tier1Bytes    int64    `json:"tier1_bytes,omitempty"`
	Policy        string   `json:"policy,omitempty"`     // eviction policy of the host tier
	Fio           string   `json:"fio,omitempty"`        // profile that runs beside the load
	CadenceMS     float64  `json:"cadence_ms,omitempty"` // of the telemetry, where it is a factor
	ContextTokens int      `json:"context_tokens"`
	Turns         int      `json:"turns,omitempty"`
	Reuse         float64  `json:"reuse,omitempty"`
	Users         int      `json:"users"`    // closed loop; 0 in an open one
	RateRPS       *float64 `json:"rate_rps"` // open loop
	LoadSeed      uint64   `json:"load_seed"`
	MachineSeed   uint64   `json:"machine_seed"`

	Cell record.Cell `json:"-"`
}

// Names of the factors of a sweep.
const (
	factorStack    = "stack"
	factorPhase    = "phase"
	factorTier1    = "tier1"
	factorPolicy   = "policy"
	factorFio      = "fio"
	factorCadence  = "cadence"
	factorTurns    = "turns"
	factorReuse    = "reuse"
	factorCtx      = "ctx"
	factorSessions = "sessions"
	factorConc     = "conc"
	factorRate     = "rate"
	factorRep      = "rep"
)

// arms are the factors that treat the machine and leave the load alone: arms of a block share the load's
// randomness, the same users, think times, lengths and order.
var arms = []string{factorStack, factorPhase, factorTier1, factorPolicy, factorFio, factorCadence}

// newPlan lays out the sweep: all combinations of the factors' levels in every repetition. A repetition
// is a block; the order inside it is shuffled by the seed.
func newPlan(e *Experiment, runID, digest string) (*Plan, error) {
	s := e.Hypothesis.Sweep
	var stacks []string
	if len(e.Stacks) > 1 {
		stacks = e.stackNames()
	}
	combos := []record.Cell{nil}
	combos = cross(combos, factorStack, stacks)
	combos = cross(combos, factorPhase, s.Phase)
	combos = cross(combos, factorTier1, s.Tier1)
	combos = cross(combos, factorPolicy, s.Policy)
	combos = cross(combos, factorFio, s.Fio)
	combos = cross(combos, factorCadence, s.Cadence)
	combos = cross(combos, factorTurns, s.Turns)
	combos = cross(combos, factorReuse, s.Reuse)
	combos = cross(combos, factorCtx, wholeNumbers(s.Ctx))
	var loads []record.Cell
	for _, base := range combos {
		one := []record.Cell{base}
		switch {
		case len(s.Sessions) > 0:
			loads = append(loads, cross(one, factorSessions, s.Sessions)...)
		case len(s.Conc) > 0:
			loads = append(loads, cross(one, factorConc, s.Conc)...)
		}
		if len(s.RateRPS) > 0 {
			loads = append(loads, cross(one, factorRate, s.RateRPS)...)
		}
	}
	p := &Plan{RunID: runID, Hypothesis: e.Hypothesis.Hypothesis, Digest: digest}
	if err := p.extend(e, loads); err != nil {
		return nil, err
	}
	return p, e.checkCells(p)
}

// cross combines cells with the levels of a factor; without levels the factor is not part of the sweep.
func cross[T any](cells []record.Cell, name string, levels []T) []record.Cell {
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

// wholeNumbers are levels as they stand in a cell's key.
func wholeNumbers(levels []config.Tokens) []int {
	out := make([]int, len(levels))
	for i, l := range levels {
		out[i] = int(l)
	}
	return out
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
			block[i] = with(c, factorRep, rep)
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
	pc := PlannedCell{Cell: c, Key: c.String(), Stage: stage, Rep: c.Int(factorRep), Stack: c.Level(factorStack),
		Phase: c.Level(factorPhase), Policy: c.Level(factorPolicy), ContextTokens: c.Int(factorCtx),
		Fio: c.Level(factorFio), Turns: c.Int(factorTurns), Users: c.Int(factorConc) + c.Int(factorSessions)}
	if pc.Stack == "" {
		pc.Stack = e.stackNames()[0]
	}
	if v, ok := c.Float(factorRate); ok {
		pc.RateRPS = &v
	}
	pc.Reuse, _ = c.Float(factorReuse)
	if level := c.Level(factorTier1); level != "" {
		size, err := config.ParseSize(level)
		if err != nil {
			return pc, fmt.Errorf("cell %s: %w", pc.Key, err)
		}
		pc.Tier1Bytes = int64(size)
	}
	if level := c.Level(factorCadence); level != "" {
		cadence, err := config.ParseDuration(level)
		if err != nil {
			return pc, fmt.Errorf("cell %s: %w", pc.Key, err)
		}
		pc.CadenceMS = cadence.Seconds() * 1e3
	}
	if pc.Rep < 1 || pc.ContextTokens < 1 || pc.Users < 1 && pc.RateRPS == nil || e.Stacks[pc.Stack] == nil {
		return pc, fmt.Errorf("cell %s has no repetition, context, load or known stack", pc.Key)
	}
	seed := e.Hypothesis.Run.Seed
	pc.LoadSeed = mix(seed, "load", c.Without(arms...).String())
	pc.MachineSeed = mix(seed, "machine", c.String())
	return pc, nil
}

// stackOf is the stack as the cell treats it.
func (e *Experiment) stackOf(pc PlannedCell) *config.Stack {
	st := *e.Stacks[pc.Stack]
	if pc.CadenceMS > 0 {
		st.Telemetry.Cadence = config.Duration(pc.CadenceMS * 1e6)
	}
	if st.Dynamo == nil {
		return &st
	}
	d := *st.Dynamo
	if pc.Tier1Bytes > 0 {
		d.Tiers.Tier1.CapacityBytes = config.Size(pc.Tier1Bytes)
	}
	if pc.Policy != "" {
		d.Tiers.Tier1.EvictionPolicy = pc.Policy
	}
	st.Dynamo = &d
	return &st
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
