package record

import (
	"encoding/json"
	"fmt"
	"os"

	"sparkharness/harness/regular"
)

// PlanSchema names the layout of plan.json and of the cells beside it.
const PlanSchema = "sparkharness.plan.v2"

// MaxCells is the most cells of a plan. At the least of a minute each they would take two months of a machine, and a
// folder with more entries is one that file systems and people are slow to list.
const MaxCells = 100_000

// Plan is plan.json: the ordered list of cells of a run, made before any data exists. Further stages are appended
// when what they depend on has been measured.
type Plan struct {
	Schema     string        `json:"schema"`
	RunID      string        `json:"run_id"`
	Hypothesis string        `json:"hypothesis"`
	Digest     string        `json:"config_digest"`
	Facts      Facts         `json:"rig"`
	Cells      []PlannedCell `json:"cells"`
	Refined    bool          `json:"refined"` // the second stage has been planned, with or without cells
	// Ended says why no further cell was measured; empty if all were to be.
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

	Cell Cell `json:"-"`
}

// Save writes plan.json into a run's folder.
func (p *Plan) Save(dir string) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the plan: %w", err)
	}
	return os.WriteFile(Path(dir, FilePlan), append(b, '\n'), 0o644)
}

// maxPlan is the most bytes of a plan.json: some 500 for each of MaxCells cells.
const maxPlan = 128 << 20

// ReadPlan is the inverse of Save. Plans of the first release, which name no schema, are read as what that release
// measured with.
func ReadPlan(dir string) (*Plan, error) {
	path := Path(dir, FilePlan)
	b, err := regular.Read(path, maxPlan)
	if err != nil {
		return nil, err
	}
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("%s: not the plan of a run: %w", path, err)
	}
	switch p.Schema {
	case PlanSchema:
	case "":
		p.Schema, p.Facts = PlanSchema, firstRelease()
	default:
		return nil, fmt.Errorf("%s: schema %q; this program reads %s: judge the run with the version that measured it (commit in manifest.json)", path, p.Schema, PlanSchema)
	}
	for i := range p.Cells {
		if p.Cells[i].Cell, err = ParseCell(p.Cells[i].Key); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return &p, nil
}

// firstRelease is the only machine that the first release could measure on: it recorded neither its calibration
// notes nor the split of its drive (MDTS of 512 KiB).
func firstRelease() Facts {
	split := float64(512 << 10)
	return Facts{Rig: "sim", Clock: ClockVirtual, Origin: "simulated, not measured on hardware", Simulated: true,
		MaxRequestBytes: &split, Capabilities: []string{},
		Uncalibrated: []string{"not recorded: measured by the first release, whose source lists them"}}
}
