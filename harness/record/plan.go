package record

import (
	"encoding/json"
	"fmt"

	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
)

// PlanSchema names the layout of plan.json and of the cells beside it.
const PlanSchema = "sparkharness.plan.v3"

// unsealedSchema is the layout that had the rig's facts, but no sums.
const unsealedSchema = "sparkharness.plan.v2"

// MaxCells is the most cells of a plan. At the least of a minute each they would take two months of a machine, and a
// folder with more entries is one that file systems and people are slow to list.
const MaxCells = 100_000

// Plan is plan.json: the ordered list of cells of a run, made before any data exists. Further stages are appended
// when what they depend on has been measured.
type Plan struct {
	Schema     string `json:"schema"`
	RunID      string `json:"run_id"`
	Hypothesis string `json:"hypothesis"`
	Digest     string `json:"config_digest"`
	// ConfigSHA256 is that of config.yaml beside the plan; the digest is of its values, of the prompts and of the machine.
	ConfigSHA256 string        `json:"config_sha256"`
	Program      Program       `json:"program"`
	Facts        Facts         `json:"rig"`
	Cells        []PlannedCell `json:"cells"`
	Refined      bool          `json:"refined"` // the second stage has been planned, with or without cells
	// Ended says why no further cell was measured; empty if all were to be.
	Ended string `json:"ended,omitempty"`
}

// Program identifies what measured and what judges by the SHA-256 of their sources. Cells of one run must have been
// measured by one program; judged they may be by another.
type Program struct {
	Measures string `json:"measures"` // rooms up to record, the dependencies, compiler and architecture
	Judges   string `json:"judges"`   // rooms after it, and the rules
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
	Drive         string   `json:"drive,omitempty"`      // that tier 2 lies on, where two are compared: DriveA or DriveB
	Fio           string   `json:"fio,omitempty"`        // profile that runs beside the load
	CadenceMS     float64  `json:"cadence_ms,omitempty"` // of the telemetry, where it is a factor
	ContextTokens int      `json:"context_tokens"`
	Turns         int      `json:"turns,omitempty"`
	Reuse         float64  `json:"reuse,omitempty"`
	Users         int      `json:"users"`    // closed loop; 0 in an open one
	RateRPS       *float64 `json:"rate_rps"` // open loop
	LoadSeed      uint64   `json:"load_seed"`
	MachineSeed   uint64   `json:"machine_seed"`
	// Digest names what decides what is measured in the cell, whichever hypothesis asks for it; "" in plans of earlier versions.
	Digest string `json:"cell_digest,omitempty"`
	// Price is what the cell was expected to cost; null in plans of earlier versions and where nothing is known of the machine.
	Price *Price `json:"price,omitempty"`

	Cell Cell `json:"-"`
	// Again is how often the cell has been measured before; the plan knows nothing of it.
	Again int `json:"-"`
}

// encode is the text of plan.json.
func (p *Plan) encode() ([]byte, error) {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the plan: %w", err)
	}
	return append(b, '\n'), nil
}

// maxPlan is the most bytes of a plan.json: some 500 for each of MaxCells cells.
const maxPlan = 128 << 20

// Save writes plan.json into a run's folder, after it has told the log.
func (p *Plan) Save(dir string, log *Log) error {
	config, err := SumFile(Path(dir, FileConfig))
	if err != nil {
		return err
	}
	p.ConfigSHA256 = config.SHA256
	b, err := p.encode()
	if err != nil {
		return err
	}
	if err := log.Append(Attempt{Event: EventPlan, SHA256: sumBytes(b)}); err != nil {
		return err
	}
	return disk.Replace(Path(dir, FilePlan), b)
}

// sealed says that the run's files have sums.
func (p *Plan) sealed() bool { return p.Schema == PlanSchema }

// ReadPlan reads a plan, whether or not it is the one that was carried out (see ReadRun).
func ReadPlan(dir string) (*Plan, error) {
	p, _, err := readPlan(dir)
	return p, err
}

// readPlan is the inverse of Save, with the sum of the file. Plans of the first release, which name no schema, are
// read as what that release measured with.
func readPlan(dir string) (*Plan, string, error) {
	path := Path(dir, FilePlan)
	b, err := regular.Read(path, maxPlan)
	if err != nil {
		return nil, "", err
	}
	p, err := ParsePlan(path, b)
	return p, sumBytes(b), err
}

// ParsePlan reads the text of a plan.json; path is what errors call it.
func ParsePlan(path string, b []byte) (*Plan, error) {
	var p Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("%s: not the plan of a run: %w", path, err)
	}
	switch p.Schema {
	case PlanSchema, unsealedSchema:
	case "":
		p.Facts = firstRelease()
	default:
		return nil, fmt.Errorf("%s: schema %q; this program reads %s: judge the run with the version that measured it (commit in manifest.json)", path, p.Schema, PlanSchema)
	}
	seen := map[string]bool{}
	for i := range p.Cells {
		var err error
		if p.Cells[i].Cell, err = ParseCell(p.Cells[i].Key); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if seen[p.Cells[i].Key] {
			return nil, fmt.Errorf("%s: cell %s stands twice", path, p.Cells[i].Key)
		}
		seen[p.Cells[i].Key] = true
	}
	return &p, nil
}

// firstRelease is the only machine that the first release could measure on: it recorded neither its calibration
// notes nor the split of its drive (MDTS of 512 KiB).
func firstRelease() Facts {
	split := float64(512 << 10)
	return Facts{Rig: "sim", Clock: ClockVirtual, Origin: "simulated, not measured on hardware", Simulated: true,
		CPUs: 20, MaxRequestBytes: &split, Capabilities: []string{},
		Uncalibrated: []string{"not recorded: measured by the first release, whose source lists them"}}
}
