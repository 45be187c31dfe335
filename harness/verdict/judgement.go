package verdict

import "sparkharness/harness/evidence"

// Schema names the layout of report.json; fixtures/schema/report.schema.json describes it.
const Schema = "sparkharness.report.v1"

// Judgement is report.json: everything that a run concluded, and what it concluded it from. It holds no
// wall-clock fact, so that the same seed gives the same bytes; those are in manifest.json.
type Judgement struct {
	Schema     string `json:"schema"`
	RunID      string `json:"run_id"`
	Hypothesis string `json:"hypothesis"`
	Claim      string `json:"claim"`
	Mechanism  string `json:"mechanism"`
	Falsifier  string `json:"falsifier"`

	Rig          string   `json:"rig"`       // such as sim
	Clock        string   `json:"clock"`     // virtual or real
	Origin       string   `json:"origin"`    // how far the rig's numbers speak about hardware
	Simulated    bool     `json:"simulated"` // some of what was measured is not hardware
	World        string   `json:"world"`     // of the simulated rig, "" elsewhere
	WorldNote    string   `json:"world_note"`
	Uncalibrated []string `json:"uncalibrated"`      // parts of the simulated machine that rest on no measurement
	Profile      string   `json:"profile,omitempty"` // that laid out the plan (-profile), "" for none
	Model        string   `json:"model"`
	Stacks       []string `json:"stacks"`
	Seed         uint64   `json:"seed"`
	ConfigDigest string   `json:"config_digest"` // sha256 of the effective configuration, thresholds included

	// Expected are the outcomes that the configuration lets pass, none where it lets any. No conclusion follows from it.
	Expected []string `json:"-"`

	Look evidence.Look `json:"look"` // the moment of judgement, among those that the configuration declares

	CellsPlanned  int     `json:"cells_planned"`
	CellsMeasured int     `json:"cells_measured"`
	CellsAgain    int     `json:"cells_measured_again,omitempty"` // because of faults that show without a look at the outcome
	Interrupted   bool    `json:"interrupted"`
	CellSeconds   float64 `json:"cell_seconds"` // time measured, summed over cells, on the cells' clock

	Verdict  Verdict            `json:"verdict"`
	Findings []Finding          `json:"findings"` // numbers that the hypothesis computed, such as knees
	Sizing   *Sizing            `json:"sizing"`   // null unless the hypothesis answers a sizing question
	Rows     []evidence.Row     `json:"rows"`     // a row for each cell, repetitions pooled
	Accounts []evidence.Account `json:"accounts"` // bytes on the NVMe, for the cells of a stack with a KV manager
	Figures  []Figure           `json:"figures"`
}

// FirstReason is the reason that stands first.
func (j *Judgement) FirstReason() string {
	if len(j.Verdict.Reasons) == 0 {
		return "no reason given"
	}
	return j.Verdict.Reasons[0]
}
