package evidence

import (
	"slices"

	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

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
	NVMeReadGB    *float64    `json:"nvme_read_GB"`        // since the treatments, to the end of the measure phase
	FirstTouchN   *int        `json:"first_touch_n"`       // requests that are the first of the measure phase for their adapter
	FirstTouchMS  *float64    `json:"first_touch_ttft_mean_ms"`
	LaterP99      *Percentile `json:"later_ttft_p99_ms"` // over all other requests

	// Of answers whose tokens the server counted. Left out where it counted none, and where each chunk held one.
	TokensPerChunk *float64 `json:"tokens_per_chunk,omitempty"` // output tokens by chunks with text
	TPOT           *float64 `json:"tpot_mean_ms,omitempty"`     // over answers of two tokens and more
	ChunkGaps      *ITL     `json:"chunk_gap_ms,omitempty"`     // of answers in another number of chunks than tokens
	SentAgain      *int     `json:"sent_again,omitempty"`       // requests that met a connection which the server was closing; left out if none

	StorageColumns
}

// Row is a group's line of the latency table.
func (ev *Evidence) Row(g *Group) Row {
	key := g.Cell.String()
	if len(g.Cells) != ev.repsOf(key) {
		return ev.row(g) // a part of the group
	}
	if r, ok := ev.rows[key]; ok {
		return r
	}
	r := ev.row(g)
	if ev.rows == nil {
		ev.rows = map[string]Row{}
	}
	ev.rows[key] = r
	return r
}

func (ev *Evidence) repsOf(key string) int {
	n := 0
	for _, c := range ev.Cells {
		if c.Cell.Without("rep").String() == key {
			n++
		}
	}
	return n
}

// row pools a group's repetitions into one line of the latency table.
func (ev *Evidence) row(g *Group) Row {
	first := g.Cells[0]
	r := Row{
		Cell: g.Cell.String(), Stack: first.Stack, Model: ev.Exp.Hypothesis.Model,
		Workload: ev.Exp.Hypothesis.Load.Workload, ContextTokens: first.ContextTokens,
		Concurrency: first.Users, RateRPS: first.RateRPS, Reps: len(g.Cells),
	}
	var lags []float64
	var gaps record.GapHist
	var seconds, completed, tokens, prompt, cached, nominal, reusable float64
	var gpu, queue, iowait mean
	var sys, idle PhaseSums
	cachedKnown := false
	for _, c := range g.Cells {
		seconds += c.Seconds()
		for i := range c.Requests {
			q := &c.Requests[i]
			r.Samples++
			lags = append(lags, q.LagMS)
			nominal += float64(q.Nominal)
			if q.Reusable != nil {
				reusable += float64(*q.Reusable)
			}
			switch q.RC {
			case record.RCOK:
				completed++
				tokens += float64(q.Output)
			case record.RCTimeout:
				r.Censored++
			case record.RCRejected:
				r.Rejected++
			default:
				r.Failed++
			}
			if q.Prompt != nil && q.Cached != nil {
				cachedKnown = true
				prompt += float64(*q.Prompt)
				cached += float64(*q.Cached)
			}
		}
		gaps.Merge(&c.Info.Load.Gaps)
		r.SysSamples += c.Sys.Samples
		m := c.Sys.Measure
		gpu.sum, gpu.weight = gpu.sum+m.GPUBusy.sum, gpu.weight+m.GPUBusy.weight
		queue.sum, queue.weight = queue.sum+m.Queue.sum, queue.weight+m.Queue.weight
		iowait.sum, iowait.weight = iowait.sum+m.IOWait.sum, iowait.weight+m.IOWait.weight
		sys.addSums(&m)
		idle.addSums(&c.Sys.Baseline)
	}
	r.TTFT, r.E2E = latency(g.TTFT()), latency(g.E2E())
	r.ITL = newITL(&gaps)
	if seconds > 0 {
		r.RPS, r.TokS = completed/seconds, tokens/seconds
	}
	r.CoV = CoVP99(g)
	if len(lags) > 0 {
		slices.Sort(lags)
		v := stats.Quantile(lags, 0.99)
		r.SendLagP99 = &v
	}
	r.GPUBusyPct, r.QueueDepth, r.IOWaitPct = gpu.Value(), queue.Value(), iowait.Value()
	r.NVMeRPS, r.NVMeIdleRPS = sys.ReadsPerSec(), idle.ReadsPerSec()
	r.NVMeReadMBs, r.RAwaitMS = sys.ReadMBs(), sys.RAwait()
	r.StorageColumns = storageColumns(g, &sys, &idle)
	if cachedKnown && prompt > 0 {
		v := cached / prompt
		r.CachedShare = &v
	}
	if first.Carried != nil && r.Samples > 0 {
		mean, offered := nominal/float64(r.Samples), reusable/nominal
		gib := g.WorkingSet() / (1 << 30)
		r.PromptTokens, r.ReuseOffered, r.WorkingSetGiB = &mean, &offered, &gib
	}
	answeredColumns(g, &r)
	ev.adapterColumns(g, &r)
	ev.kvColumns(g, &r)
	return r
}

// kvColumns fills the KV manager's part of a row.
func (ev *Evidence) kvColumns(g *Group, r *Row) {
	k := ev.KV(g)
	if k == nil {
		return
	}
	r.Tier1Hit, r.Tier2Hit = k.Tier1Share, k.Tier2Share
	if k.Tier2Bytes != nil {
		v := *k.Tier2Bytes / 1e6
		r.Tier2ReadMB = &v
	}
	if len(k.FetchMS) > 0 {
		sorted := slices.Sorted(slices.Values(k.FetchMS))
		p50, p95 := stats.Quantile(sorted, 0.5), stats.Quantile(sorted, 0.95)
		r.FetchP50MS, r.FetchP95MS = &p50, &p95
	}
}

// adapterColumns fills the adapters' part of a row.
func (ev *Evidence) adapterColumns(g *Group, r *Row) {
	if len(ev.Exp.Adapters) == 0 {
		return
	}
	later := make([]stats.Rep, len(g.Cells))
	n, total, read, known := 0, 0.0, 0.0, true
	for rep, c := range g.Cells {
		for i := range c.Requests {
			q := &c.Requests[i]
			switch {
			case !q.HasTTFT:
			case q.FirstTouch:
				n++
				total += q.TTFT
			default:
				later[rep] = append(later[rep], stats.Point{T: q.At, V: q.TTFT, Censored: q.Censored})
			}
		}
		known = known && c.Sys.SinceTreatment.NVMeSeconds > 0
		read += c.Sys.SinceTreatment.ReadBytes / 1e9
	}
	r.FirstTouchN = &n
	if n > 0 {
		mean := total / float64(n)
		r.FirstTouchMS = &mean
	}
	r.LaterP99 = latency(later).P99
	if known {
		r.NVMeReadGB = &read
	}
}
