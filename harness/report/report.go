package report

import "sparkharness/harness/verdict"

// SchemaVersion names the layout of report.json; fixtures/schema/report.schema.json describes it.
const SchemaVersion = "sparkharness.report.v1"

// Report is report.json: everything that a run concluded, and what it concluded it from. It holds no
// wall-clock fact, so that the same seed gives the same bytes; those are in manifest.json.
type Report struct {
	Schema     string `json:"schema"`
	RunID      string `json:"run_id"`
	Hypothesis string `json:"hypothesis"`
	Claim      string `json:"claim"`
	Mechanism  string `json:"mechanism"`
	Falsifier  string `json:"falsifier"`

	Rig          string   `json:"rig"`   // sim, disk or spark
	Clock        string   `json:"clock"` // virtual or real
	World        string   `json:"world"` // of the simulated rig, "" elsewhere
	WorldNote    string   `json:"world_note"`
	Uncalibrated []string `json:"uncalibrated"` // parts of the simulated machine that rest on no measurement
	Model        string   `json:"model"`
	Stacks       []string `json:"stacks"`
	Seed         uint64   `json:"seed"`
	ConfigDigest string   `json:"config_digest"` // sha256 of the effective configuration, thresholds included

	CellsPlanned  int     `json:"cells_planned"`
	CellsMeasured int     `json:"cells_measured"`
	Interrupted   bool    `json:"interrupted"`
	CellSeconds   float64 `json:"cell_seconds"` // time measured, summed over cells, on the cells' clock

	Verdict  verdict.Verdict `json:"verdict"`
	Findings []Finding       `json:"findings"` // numbers that the hypothesis computed, such as knees
	Sizing   *Sizing         `json:"sizing"`   // null unless the hypothesis answers a sizing question
	Rows     []Row           `json:"rows"`     // a row for each cell, repetitions pooled
	Accounts []Account       `json:"accounts"` // bytes on the NVMe, for the cells of a stack with a KV manager
	Figures  []Figure        `json:"figures"`
}

// Finding is a named number with its meaning. A nil value means that there is none, and Detail says why.
type Finding struct {
	Name   string   `json:"name"`
	Value  *float64 `json:"value"`
	Lo     *float64 `json:"lo"`
	Hi     *float64 `json:"hi"`
	Unit   string   `json:"unit"`
	Detail string   `json:"detail"`
}

// Row is one line of the latency and of the workload table: a cell with its repetitions pooled.
type Row struct {
	Cell          string   `json:"cell"` // key without rep
	Stack         string   `json:"stack"`
	Model         string   `json:"model"`
	Workload      string   `json:"workload"`
	ContextTokens int      `json:"context_tokens"`
	Concurrency   int      `json:"concurrency"` // users of the closed loop; 0 in an open loop
	RateRPS       *float64 `json:"rate_rps"`    // offered rate of an open loop

	Reps     int `json:"reps"`
	Samples  int `json:"samples"`  // requests due in the measure phase
	Censored int `json:"censored"` // of these: timed out, counted as lower bounds
	Failed   int `json:"failed"`   // of these: any other failure
	Rejected int `json:"rejected"` // of these: refused for load

	TTFT Latency  `json:"ttft_ms"`
	E2E  Latency  `json:"e2e_ms"`
	ITL  *ITL     `json:"itl_ms"`
	RPS  float64  `json:"completed_rps"`
	TokS float64  `json:"output_tokens_per_s"`
	CoV  *float64 `json:"p99_ttft_cov"` // over repetitions

	SysSamples  int      `json:"sysmon_samples"`
	SendLagP99  *float64 `json:"send_lag_p99_ms"`
	GPUBusyPct  *float64 `json:"gpu_busy_pct"`
	QueueDepth  *float64 `json:"queue_depth"` // mean number of requests before their first token
	IOWaitPct   *float64 `json:"iowait_pct"`
	NVMeRPS     *float64 `json:"nvme_reads_per_s"`
	NVMeIdleRPS *float64 `json:"nvme_idle_reads_per_s"` // baseline of the same cells
	NVMeReadMBs *float64 `json:"nvme_read_MB_per_s"`
	RAwaitMS    *float64 `json:"r_await_ms"`
	CachedShare *float64 `json:"cached_token_share"` // of prompt tokens, as the server reported
	Tier1Hit    *float64 `json:"tier1_hit_share"`    // of whole prompt blocks
	Tier2Hit    *float64 `json:"tier2_hit_share"`
	Tier2ReadMB *float64 `json:"tier2_read_MB"`
	FetchP50MS  *float64 `json:"tier2_fetch_p50_ms"`
	FetchP95MS  *float64 `json:"tier2_fetch_p95_ms"`

	PromptTokens  *float64    `json:"prompt_tokens_mean"`
	ReuseOffered  *float64    `json:"reuse_offered_share"` // of prompt tokens: an earlier prompt of the session began with them
	WorkingSetGiB *float64    `json:"working_set_GiB"`     // KV cache of all that the load may ask for again
	NVMeReadGB    *float64    `json:"nvme_read_GB"`        // in the measure phase
	FirstTouchN   *int        `json:"first_touch_n"`       // requests whose prefix nobody had asked for before
	FirstTouchMS  *float64    `json:"first_touch_ttft_mean_ms"`
	LaterP99      *Percentile `json:"later_ttft_p99_ms"` // over all other requests
}

// Latency are percentiles in ms: Hyndman-Fan type 7 with distribution-free order-statistic bounds.
type Latency struct {
	P50 *Percentile `json:"p50"`
	P95 *Percentile `json:"p95"`
	P99 *Percentile `json:"p99"`
	// P99Bound is the MLPerf early-stopping bound: with 99 % confidence p99 is below it; null if n is
	// too small.
	P99Bound *float64 `json:"p99_mlperf_bound"`
}

// Percentile is an estimate with its bounds; a nil bound is open at this n.
type Percentile struct {
	Value   float64  `json:"value"`
	Lo      *float64 `json:"lo"`
	Hi      *float64 `json:"hi"`
	AtLeast bool     `json:"at_least"` // a timed-out request decides the value: the true one is not smaller
}

// ITL are the pooled gaps between text chunks, ms.
type ITL struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
	Gaps int64   `json:"gaps"`
}

// Figure is a plot as data: figures/<name>.csv holds its points, figures/<name>.svg draws them.
type Figure struct {
	Name   string  `json:"name"` // file name without extension
	Title  string  `json:"title"`
	Panels []Panel `json:"panels"` // drawn below each other
}

// Panel is one pair of axes.
type Panel struct {
	XLabel string   `json:"x_label"` // with unit
	YLabel string   `json:"y_label"`
	LogX   bool     `json:"log_x"`
	LogY   bool     `json:"log_y"`
	Series []Series `json:"series"`
	Marks  []Mark   `json:"marks"`
	Levels []Level  `json:"levels,omitempty"`
}

// Series is a line with optional bounds; Lo and Hi are empty or as long as Y, nil entries are open.
type Series struct {
	Name string     `json:"name"`
	X    []float64  `json:"x"`
	Y    []float64  `json:"y"`
	Lo   []*float64 `json:"lo,omitempty"`
	Hi   []*float64 `json:"hi,omitempty"`
}

// Level is a horizontal line with a label, such as the margin that a reading must keep.
type Level struct {
	Y     float64 `json:"y"`
	Label string  `json:"label"`
}

// Mark is a vertical line with a label.
type Mark struct {
	X     float64 `json:"x"`
	Label string  `json:"label"`
}
