package config

// Hypothesis is configs/hypotheses/*.yaml: what to vary, for how long, and the thresholds of the
// decision, all fixed before any data exists.
type Hypothesis struct {
	Hypothesis string             `yaml:"hypothesis"`
	Model      string             `yaml:"model"`
	Stacks     map[string]string  `yaml:"stacks"`            // A and B to a stack file, relative to configs/
	Profile    string             `yaml:"profile,omitempty"` // optional: a KV budget of configs/profiles
	Controls   map[string]string  `yaml:"controls"`          // control world to the check that it must contradict
	Load       Load               `yaml:"load"`
	Sweep      Sweep              `yaml:"sweep"`
	Run        Run                `yaml:"run"`
	Gates      Gates              `yaml:"gates"`
	Thresholds map[string]float64 `yaml:"thresholds"` // named by the hypothesis, which refuses missing and unknown ones
}

// Load is what the clients do.
type Load struct {
	Workload       string       `yaml:"workload"` // fixed_context
	Nonce          string       `yaml:"nonce"`    // none, per_user or per_request
	ThinkTime      Distribution `yaml:"think_time"`
	OutputTokens   Distribution `yaml:"output_tokens"`
	RequestTimeout Duration     `yaml:"request_timeout"`
}

// Sweep lists factor levels. A level of ctx may be an alias such as 4k.
type Sweep struct {
	Ctx      []Tokens  `yaml:"ctx"`
	Conc     []int     `yaml:"conc"`                // users of the closed loop
	Arrivals string    `yaml:"arrivals,omitempty"`  // of the open loop: poisson or constant; needed with rate_rps
	RateRPS  []float64 `yaml:"rate_rps,omitempty"`  // Poisson arrivals, an open loop; optional
	FineStep int       `yaml:"fine_step,omitempty"` // levels added between the knee's coarse neighbours; optional
}

// Run is the length of things.
type Run struct {
	Reps        int      `yaml:"reps"`
	Seed        uint64   `yaml:"seed"`
	Duration    Duration `yaml:"duration"`     // least length of the measure phase
	MaxDuration Duration `yaml:"max_duration"` // the measure phase is extended up to this for min_requests
	MinRequests int      `yaml:"min_requests"` // completed requests that a cell should have
	Baseline    Duration `yaml:"baseline"`     // idle time watched before the load of each cell
	Warmup      Warmup   `yaml:"warmup"`
}

// Warmup ends on a state: at least Min has passed and every user has had Passes answers.
type Warmup struct {
	Min    Duration `yaml:"min"`
	Max    Duration `yaml:"max"` // past it the cell is measured anyway and the steady-state gate fails
	Passes int      `yaml:"passes"`
}

// Gates are the preconditions of believing anything.
type Gates struct {
	MinCoverage      float64  `yaml:"min_coverage"`       // share of cadence slots that hold a sample
	MaxSendLag       Duration `yaml:"max_send_lag"`       // client gate: p99 send lag at most the larger of this ...
	MaxSendLagShare  float64  `yaml:"max_send_lag_share"` // ... and this share of p50 TTFT
	PromptTolerance  float64  `yaml:"prompt_tolerance"`
	MaxErrorRate     float64  `yaml:"max_error_rate"`
	MinSamples       int      `yaml:"min_samples"` // pooled over repetitions, for p99
	MaxCoV           float64  `yaml:"max_cov"`
	SteadyAlpha      float64  `yaml:"steady_alpha"`     // Mann-Kendall, Holm over cells
	SteadyMaxDrift   float64  `yaml:"steady_max_drift"` // and a Theil-Sen drift over the window above this share
	ReproducedWithin float64  `yaml:"reproduced_within"`
	MaxBaselineRPS   float64  `yaml:"max_baseline_rps"` // environment: foreign disk reads or writes before the load
}
