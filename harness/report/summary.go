package report

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"strconv"

	"sparkharness/harness/disk"
	"sparkharness/harness/evidence"
	"sparkharness/harness/verdict"
)

// SummaryName is the table over all runs of a results directory.
const SummaryName = "summary_v3.csv"

// field is one column of the summary.
type field struct {
	name string
	get  func(*verdict.Judgement, *evidence.Row) string
}

// WriteSummary rebuilds resultsDir/summary_v3.csv from every report.json below resultsDir: a line for each
// row of each report, by run id, then in the report's order. An absent value is an empty cell. The warnings
// name reports that could not be read and are not in it.
func WriteSummary(resultsDir string) (warnings []string, err error) {
	text, warnings, err := summary(resultsDir)
	if err != nil {
		return warnings, err
	}
	return warnings, disk.Replace(filepath.Join(resultsDir, SummaryName), text)
}

// summary is the table and the warnings of WriteSummary.
func summary(resultsDir string) (text []byte, warnings []string, err error) {
	runs, warnings, err := folders(resultsDir)
	if err != nil {
		return nil, nil, err
	}
	fields := summaryFields()
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	line := make([]string, len(fields))
	for i, f := range fields {
		line[i] = f.name
	}
	_ = w.Write(line) // into memory; Error below has the last word
	for _, run := range runs {
		for k := range run.report.Rows {
			for i, f := range fields {
				line[i] = f.get(run.report, &run.report.Rows[k])
			}
			_ = w.Write(line)
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, warnings, err
	}
	return buf.Bytes(), warnings, nil
}

// summaryFields are the columns: first those that the test plan names, in its order, then the rest. A new
// column goes to the end, so that readers by position keep theirs.
func summaryFields() []field {
	of := func(name string, get func(*evidence.Row) string) field {
		return field{name, func(_ *verdict.Judgement, r *evidence.Row) string { return get(r) }}
	}
	text := func(name string, get func(*evidence.Row) string) field {
		return of(name, func(r *evidence.Row) string { return cellText(get(r)) })
	}
	about := func(name string, get func(*verdict.Judgement) string) field { // a text of the whole run
		return field{name, func(r *verdict.Judgement, _ *evidence.Row) string { return cellText(get(r)) }}
	}
	whole := func(name string, get func(*evidence.Row) int) field {
		return of(name, func(r *evidence.Row) string { return strconv.Itoa(get(r)) })
	}
	opt := func(name string, get func(*evidence.Row) *float64) field {
		return of(name, func(r *evidence.Row) string { return maybe(get(r)) })
	}
	p50 := func(l *evidence.Latency) *evidence.Percentile { return l.P50 }
	p95 := func(l *evidence.Latency) *evidence.Percentile { return l.P95 }
	p99 := func(l *evidence.Latency) *evidence.Percentile { return l.P99 }
	ttft := func(r *evidence.Row) *evidence.Latency { return &r.TTFT }
	e2e := func(r *evidence.Row) *evidence.Latency { return &r.E2E }
	later := func(r *evidence.Row) *evidence.Latency { return &evidence.Latency{P99: r.LaterP99} }
	tokens := func(r *evidence.Row) *evidence.ITL { return r.ITL }
	chunks := func(r *evidence.Row) *evidence.ITL { return r.ChunkGaps }
	point := func(name string, of func(*evidence.Row) *evidence.Latency, which func(*evidence.Latency) *evidence.Percentile) field {
		return opt(name, func(r *evidence.Row) *float64 {
			if p := which(of(r)); p != nil {
				return p.Value
			}
			return nil
		})
	}
	fields := []field{
		about("run_id", func(r *verdict.Judgement) string { return r.RunID }),
		text("stack", func(r *evidence.Row) string { return r.Stack }),
		text("model", func(r *evidence.Row) string { return r.Model }),
		text("workload", func(r *evidence.Row) string { return r.Workload }),
		whole("context_tokens", func(r *evidence.Row) int { return r.ContextTokens }),
		whole("concurrency", func(r *evidence.Row) int { return r.Concurrency }),
		point("p50_ttft_ms", ttft, p50),
		point("p95_ttft_ms", ttft, p95),
		point("p99_ttft_ms", ttft, p99),
		point("p50_e2e_ms", e2e, p50),
		point("p95_e2e_ms", e2e, p95),
		point("p99_e2e_ms", e2e, p99),
		whole("samples", func(r *evidence.Row) int { return r.Samples }),
		whole("sysmon_samples", func(r *evidence.Row) int { return r.SysSamples }),

		about("hypothesis", func(r *verdict.Judgement) string { return r.Hypothesis }),
		about("outcome", func(r *verdict.Judgement) string { return string(r.Verdict.Outcome) }),
		about("rig", func(r *verdict.Judgement) string { return r.Rig }),
		about("world", func(r *verdict.Judgement) string { return r.World }),
		{"seed", func(r *verdict.Judgement, _ *evidence.Row) string { return strconv.FormatUint(r.Seed, 10) }},
		text("cell", func(r *evidence.Row) string { return r.Cell }),
		opt("rate_rps", func(r *evidence.Row) *float64 { return r.RateRPS }),
		whole("reps", func(r *evidence.Row) int { return r.Reps }),
		whole("censored", func(r *evidence.Row) int { return r.Censored }),
		whole("failed", func(r *evidence.Row) int { return r.Failed }),
		whole("rejected", func(r *evidence.Row) int { return r.Rejected }),
		of("completed_rps", func(r *evidence.Row) string { return exact(r.RPS) }),
		of("output_tokens_per_s", func(r *evidence.Row) string { return exact(r.TokS) }),
		opt("p99_ttft_cov", func(r *evidence.Row) *float64 { return r.CoV }),
		opt("send_lag_p99_ms", func(r *evidence.Row) *float64 { return r.SendLagP99 }),
		opt("gpu_busy_pct", func(r *evidence.Row) *float64 { return r.GPUBusyPct }),
		opt("queue_depth", func(r *evidence.Row) *float64 { return r.QueueDepth }),
		opt("iowait_pct", func(r *evidence.Row) *float64 { return r.IOWaitPct }),
		opt("nvme_reads_per_s", func(r *evidence.Row) *float64 { return r.NVMeRPS }),
		opt("nvme_idle_reads_per_s", func(r *evidence.Row) *float64 { return r.NVMeIdleRPS }),
		opt("nvme_read_MB_per_s", func(r *evidence.Row) *float64 { return r.NVMeReadMBs }),
		opt("r_await_ms", func(r *evidence.Row) *float64 { return r.RAwaitMS }),
		opt("cached_token_share", func(r *evidence.Row) *float64 { return r.CachedShare }),
		opt("tier1_hit_share", func(r *evidence.Row) *float64 { return r.Tier1Hit }),
		opt("tier2_hit_share", func(r *evidence.Row) *float64 { return r.Tier2Hit }),
		opt("tier2_read_MB", func(r *evidence.Row) *float64 { return r.Tier2ReadMB }),
		opt("tier2_fetch_p50_ms", func(r *evidence.Row) *float64 { return r.FetchP50MS }),
		opt("tier2_fetch_p95_ms", func(r *evidence.Row) *float64 { return r.FetchP95MS }),
	}
	fields = append(fields, boundFields("p50_ttft", ttft, p50)...)
	fields = append(fields, boundFields("p95_ttft", ttft, p95)...)
	fields = append(fields, boundFields("p99_ttft", ttft, p99)...)
	fields = append(fields, opt("p99_ttft_mlperf_bound_ms", func(r *evidence.Row) *float64 { return r.TTFT.P99Bound }))
	fields = append(fields, boundFields("p50_e2e", e2e, p50)...)
	fields = append(fields, boundFields("p95_e2e", e2e, p95)...)
	fields = append(fields, boundFields("p99_e2e", e2e, p99)...)
	fields = append(fields, opt("p99_e2e_mlperf_bound_ms", func(r *evidence.Row) *float64 { return r.E2E.P99Bound }))
	fields = append(fields,
		gapField("p50_itl_ms", tokens, func(g *evidence.ITL) string { return exact(g.P50) }),
		gapField("p99_itl_ms", tokens, func(g *evidence.ITL) string { return exact(g.P99) }),
		gapField("max_itl_ms", tokens, func(g *evidence.ITL) string { return exact(g.Max) }),
		gapField("itl_gaps", tokens, func(g *evidence.ITL) string { return strconv.FormatInt(g.Gaps, 10) }),
		opt("prompt_tokens_mean", func(r *evidence.Row) *float64 { return r.PromptTokens }),
		opt("reuse_offered_share", func(r *evidence.Row) *float64 { return r.ReuseOffered }),
		opt("working_set_GiB", func(r *evidence.Row) *float64 { return r.WorkingSetGiB }),
		opt("nvme_read_GB", func(r *evidence.Row) *float64 { return r.NVMeReadGB }),
		of("first_touch_n", func(r *evidence.Row) string {
			if r.FirstTouchN == nil {
				return ""
			}
			return strconv.Itoa(*r.FirstTouchN)
		}),
		opt("first_touch_ttft_mean_ms", func(r *evidence.Row) *float64 { return r.FirstTouchMS }),
		point("p99_later_ttft_ms", later, p99),
	)
	fields = append(fields, boundFields("p99_later_ttft", later, p99)...)
	for _, c := range storageFigures {
		fields = append(fields, opt(c.name, c.get))
	}
	return append(fields,
		opt("tokens_per_chunk", func(r *evidence.Row) *float64 { return r.TokensPerChunk }),
		opt("tpot_mean_ms", func(r *evidence.Row) *float64 { return r.TPOT }),
		gapField("p50_chunk_gap_ms", chunks, func(g *evidence.ITL) string { return exact(g.P50) }),
		gapField("p99_chunk_gap_ms", chunks, func(g *evidence.ITL) string { return exact(g.P99) }),
		gapField("max_chunk_gap_ms", chunks, func(g *evidence.ITL) string { return exact(g.Max) }),
		gapField("chunk_gaps", chunks, func(g *evidence.ITL) string { return strconv.FormatInt(g.Gaps, 10) }),
		of("sent_again", func(r *evidence.Row) string {
			if r.SentAgain == nil {
				return ""
			}
			return strconv.Itoa(*r.SentAgain)
		}),
	)
}

// boundFields are the columns of a percentile's bounds.
func boundFields(name string, of func(*evidence.Row) *evidence.Latency, which func(*evidence.Latency) *evidence.Percentile) []field {
	part := func(suffix string, get func(*evidence.Percentile) string) field {
		return field{name + suffix, func(_ *verdict.Judgement, r *evidence.Row) string {
			if p := which(of(r)); p != nil {
				return get(p)
			}
			return ""
		}}
	}
	return []field{
		part("_lo_ms", func(p *evidence.Percentile) string { return maybe(p.Lo) }),
		part("_hi_ms", func(p *evidence.Percentile) string { return maybe(p.Hi) }),
		part("_at_least", func(p *evidence.Percentile) string { return strconv.FormatBool(p.AtLeast) }),
	}
}

// gapField is a column of gaps between tokens or chunks.
func gapField(name string, of func(*evidence.Row) *evidence.ITL, get func(*evidence.ITL) string) field {
	return field{name, func(_ *verdict.Judgement, r *evidence.Row) string {
		if g := of(r); g != nil {
			return get(g)
		}
		return ""
	}}
}

// exact prints the shortest decimal that reads back as v.
func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// maybe is exact, and empty where there is no value.
func maybe(v *float64) string {
	if v == nil {
		return ""
	}
	return exact(*v)
}
