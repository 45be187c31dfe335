package config

// Hypothesis is configs/hypotheses/*.yaml: what to vary, for how long, and the thresholds of the
// decision, all fixed before any data exists.
type Hypothesis struct {
	Hypothesis string `yaml:"hypothesis"`
	// Expected is the outcome that passes where -expect names none, Supported if absent: one of Outcomes. The file says why it
	// is another. It decides nothing of what is measured and judged, so it is no part of a digest.
	Expected string            `yaml:"expected,omitempty" json:"-"`
	Model    string            `yaml:"model"`
	Stacks   map[string]string `yaml:"stacks"`            // A and B to a stack file, relative to configs/
	Profile  string            `yaml:"profile,omitempty"` // optional: a KV budget of configs/profiles
	// SecondDrive is a file of configs/drives: what is compared with the simulated machine's own where sweep.drive names two. A
	// real machine's are named by its user.
	SecondDrive string           `yaml:"second_drive,omitempty" json:",omitempty"`
	Controls    map[string]Shown `yaml:"controls"` // control world to the checks that it must contradict, or to gate.<name> that it must fail
	// Unshown are deciding checks that no control world contradicts, each with the reason. Nothing is measured or judged by it.
	Unshown map[string]string `yaml:"unshown,omitempty" json:"-"`
	// Near are worlds near a threshold, in which error rates are counted. Like Expected they decide nothing.
	Near []Near `yaml:"near,omitempty" json:"-"`
	// Permuted are checks of a relation between windows: where the windows of each arm are permuted it is gone, and how often
	// each holds then is counted.
	Permuted   []string           `yaml:"permuted,omitempty" json:"-"`
	Load       Load               `yaml:"load"`
	Sweep      Sweep              `yaml:"sweep"`
	Run        Run                `yaml:"run"`
	Windows    *Windows           `yaml:"windows,omitempty"` // needed by hypotheses that join requests and telemetry in time
	Gates      Gates              `yaml:"gates"`             // of configs/gates.yaml; a file holds only those that differ, each with its reason
	Thresholds map[string]float64 `yaml:"thresholds"`        // named by the hypothesis, which refuses missing and unknown ones
}

// Load is what the clients do.
type Load struct {
	Workload       string       `yaml:"workload"`             // fixed_context or sessioned_chat
	Nonce          string       `yaml:"nonce"`                // none, per_user or per_request; sessioned_chat: none, its sessions share nothing as it is
	Popularity     *Popularity  `yaml:"popularity,omitempty"` // how unequally users ask; absent: all alike
	ThinkTime      Distribution `yaml:"think_time"`
	OutputTokens   Distribution `yaml:"output_tokens"`
	RequestTimeout Duration     `yaml:"request_timeout"`
	Chat           *Chat        `yaml:"chat,omitempty"`     // required by sessioned_chat
	Adapters       *Adapters    `yaml:"adapters,omitempty"` // LoRA adapters that requests name
}

// Popularity says how the requests spread over the users of a closed loop: user k of them (from 1) asks
// in proportion to k^-exponent.
type Popularity struct {
	Dist     string  `yaml:"dist"` // zipf, or uniform
	Exponent float64 `yaml:"exponent,omitempty"`
}

// Chat shapes multi-turn sessions. How long a prompt is on average, how many turns a session has and
// which share of the prompt tokens is reusable are factors of the sweep: ctx, turns and reuse.
type Chat struct {
	// ReferenceSessions is the number of live sessions for which think_time holds. With n of them every
	// session thinks n/reference_sessions as long, so that the request rate stays.
	ReferenceSessions int `yaml:"reference_sessions"`
	// TurnSpread is how far the number of turns of a session varies: uniform from (1 - spread) to
	// (1 + spread) times its mean.
	TurnSpread float64 `yaml:"turn_spread,omitempty"`
	// LengthSpread is the sigma of the log-normal lengths of messages and fresh parts; absent: all alike.
	LengthSpread float64 `yaml:"length_spread,omitempty"`
}

// Adapters are the LoRA adapters of a load.
type Adapters struct {
	List     string  `yaml:"list"`                // file below inputs/lora_lists, one name a line
	Pick     string  `yaml:"pick"`                // uniform, hot_set, round_robin or all_once
	HotSet   float64 `yaml:"hot_set,omitempty"`   // hot_set: share of the adapters that are hot
	HotShare float64 `yaml:"hot_share,omitempty"` // hot_set: share of the requests that ask for them
	Rank     int     `yaml:"rank"`                // of the adapters' matrices; decides their size on the simulated machine
	Dir      string  `yaml:"dir"`                 // folder on the server that holds a folder for each adapter
}

// Sweep lists factor levels. A level of ctx may be an alias such as 4k. Every factor that is absent is
// left as the stack and load say.
type Sweep struct {
	Phase    []string   `yaml:"phase,omitempty"`                   // cold (caches dropped, server restarted) and warm (run before)
	Tier1    []Size     `yaml:"tier1,omitempty"`                   // capacity of Stack B's host tier
	Policy   []string   `yaml:"policy,omitempty"`                  // eviction policy of Stack B's host tier
	Drive    []string   `yaml:"drive,omitempty" json:",omitempty"` // A and B: two drives for tier 2, each with its own; of a simulated machine second_drive is the other
	Fio      []string   `yaml:"fio,omitempty"`                     // job files of configs/fio that load the drive, without .fio: none, moderate, heavy
	Cadence  []Duration `yaml:"cadence,omitempty"`                 // of the telemetry
	Turns    []int      `yaml:"turns,omitempty"`                   // sessioned_chat: mean turns of a session
	Reuse    []float64  `yaml:"reuse,omitempty"`                   // sessioned_chat: share of the prompt tokens that an earlier prompt began with
	Ctx      []Tokens   `yaml:"ctx"`                               // prompt length; sessioned_chat: its mean
	Sessions []int      `yaml:"sessions,omitempty"`                // sessioned_chat: live sessions, each a user of the closed loop
	Conc     []int      `yaml:"conc,omitempty"`                    // users of the closed loop
	Arrivals string     `yaml:"arrivals,omitempty"`                // of the open loop: poisson, constant, gamma or ramp; needed with rate_rps
	RateRPS  []float64  `yaml:"rate_rps,omitempty"`                // an open loop, at most 100000 requests/s; optional
	FineStep int        `yaml:"fine_step,omitempty"`               // levels added between the knee's coarse neighbours; optional

	// What some arrivals need. Absent they are not part of a digest, which stays that of a file from before they were.
	GapCV float64 `yaml:"gap_cv,omitempty" json:",omitempty"` // gamma: coefficient of variation of the gaps, 0.001 to 20; 1 is poisson
	Ramp  *Ramp   `yaml:"ramp,omitempty" json:",omitempty"`   // ramp: where the rate comes from, and in which time

	// PoliciesAt has policies other than the first planned at one place; absent: everywhere.
	PoliciesAt *PoliciesAt `yaml:"policies_at,omitempty" json:",omitempty"`
}

// Probed says that the sweep compares arms of fio: then a small fixed probe reads the drive in all of them, whose latency
// tells what fio does to it.
func (s *Sweep) Probed() bool { return len(s.Fio) > 1 }

// Run is the length of things.
type Run struct {
	Reps int `yaml:"reps"`
	// EarlyLooks are numbers of blocks after which the run is judged before its end, and ends if that decides it.
	EarlyLooks []int `yaml:"early_looks,omitempty" json:",omitempty"`
	// Screening says that the first stage is one block, number 0, that only finds where to look: what it finds is confirmed on
	// others, which make up the second stage.
	Screening   bool     `yaml:"screening,omitempty" json:",omitempty"`
	Seed        uint64   `yaml:"seed"`
	Duration    Duration `yaml:"duration"`          // least length of the measure phase
	MaxDuration Duration `yaml:"max_duration"`      // the measure phase is extended up to this for min_requests
	MinRequests int      `yaml:"min_requests"`      // completed requests that a cell should have
	Cadence     Duration `yaml:"cadence,omitempty"` // of the telemetry, instead of the stack's
	Baseline    Duration `yaml:"baseline"`          // idle time watched before the load of each cell
	Warmup      Warmup   `yaml:"warmup"`
	// Observer is how long each part of the look at the observer's effect takes at least, on rigs in real time; 0: 20 s.
	Observer Duration `yaml:"observer,omitempty" json:",omitempty"`
}

// Windows are the stretches of time in which requests, machine and KV manager are joined.
type Windows struct {
	Length Duration `yaml:"length"` // 1s to 10s
	// MinReads is from how many reads in a window on its r_await is known: the kernel counts whole
	// milliseconds, so that at 60 us a read 1,000 of them give it within 2 %.
	MinReads int `yaml:"min_reads"`
}

// Warmup ends on a state: at least Min has passed and every user has had Passes answers.
type Warmup struct {
	Min    Duration `yaml:"min"`
	Max    Duration `yaml:"max"` // past it the cell is measured anyway and the steady-state gate fails
	Passes int      `yaml:"passes"`
}

// Gates are the preconditions of believing anything.
type Gates struct {
	MinCoverage        float64  `yaml:"min_coverage"`       // share of cadence slots that hold a sample
	MaxSendLag         Duration `yaml:"max_send_lag"`       // client gate: p99 send lag at most the larger of this ...
	MaxSendLagShare    float64  `yaml:"max_send_lag_share"` // ... and this share of p50 TTFT
	PromptTolerance    float64  `yaml:"prompt_tolerance"`
	MaxErrorRate       float64  `yaml:"max_error_rate"`
	MinSamples         int      `yaml:"min_samples"` // pooled over repetitions, for p99
	MaxCoV             float64  `yaml:"max_cov"`
	SteadyAlpha        float64  `yaml:"steady_alpha"`          // seasonal Kendall, Holm over cells
	SteadyMaxDrift     float64  `yaml:"steady_max_drift"`      // and a Theil-Sen drift over the window above this share
	SteadyTailAlpha    float64  `yaml:"steady_tail_alpha"`     // likewise of the slowest requests; 0, as saved before there was this test: none
	SteadyMaxTailDrift float64  `yaml:"steady_max_tail_drift"` // and growth over the window above this share, or a fall from it
	ReproducedWithin   float64  `yaml:"reproduced_within"`
	// Environment: reads and writes of the drive before the load, a second. The median of a run's baselines is the machine's
	// own idle; it is at most MaxBaselineRPS, and each baseline at most MaxBaselineFactor times it, or BaselineNoiseRPS.
	MaxBaselineRPS    float64 `yaml:"max_baseline_rps"`
	MaxBaselineFactor float64 `yaml:"max_baseline_factor"`
	BaselineNoiseRPS  float64 `yaml:"baseline_noise_rps"`
	MinTold           float64 `yaml:"min_told"` // share of a cell's samples that tell throttling, and swap

	MaxClockDifference float64 `yaml:"max_clock_difference"` // of SM clocks while busy, between arms of a block, as a share
	// Of sweeps over the cadence or over fio.
	CadenceTolerance float64 `yaml:"cadence_tolerance"` // samples of a measure phase against what its cadence makes, as a share
	MinFioPresence   float64 `yaml:"min_fio_presence"`  // share of the measure phase for which fio's process is there
	MaxForeignReads  float64 `yaml:"max_foreign_reads"` // reads that are nobody's, as a share of what fio moves where it moves most
	MaxCarryOver     float64 `yaml:"max_carry_over"`    // the probe's latency before a cell's load against that of an undisturbed drive, as a share
	// Cells that fail a gate which looks at nothing of the outcome are measured again.
	MaxAgain      int     `yaml:"max_again"`       // times
	MaxAgainShare float64 `yaml:"max_again_share"` // of the cells of an arm, rounded up
}

// asMeasured gives the gates of a saved configuration that an earlier version held in its program the values that they had
// there, so that its runs are judged as they were. What an earlier version did not ask for stays zero: it is not asked now.
func (g *Gates) asMeasured() {
	for _, f := range []struct {
		field *float64
		then  float64
	}{{&g.CadenceTolerance, 0.05}, {&g.MinFioPresence, 0.95}, {&g.MaxForeignReads, 0.01}, {&g.MaxCarryOver, 0.2}} {
		if *f.field == 0 { // no file can say so: a gate of zero is refused
			*f.field = f.then
		}
	}
}
