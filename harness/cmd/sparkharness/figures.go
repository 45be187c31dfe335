package main

import (
	"encoding/json"
	"fmt"
	"math"

	"sparkharness/harness/disk"
	"sparkharness/harness/outgoing"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
)

// figuresSchema names the form of the file of figures. A field that is added leaves it; another meaning makes another one.
const figuresSchema = "sparkharness.load/1"

// figures are what a load came to. Times are milliseconds, tokens are the server's. What was not measured is null.
type figures struct {
	Schema   string  `json:"schema"`
	URL      string  `json:"url"`
	Server   string  `json:"server"` // its kind
	Model    string  `json:"model"`
	API      string  `json:"api"`
	Load     string  `json:"load"`
	Closed   bool    `json:"closed_loop"`
	Seed     uint64  `json:"seed"`
	Complete bool    `json:"complete"` // neither interrupted nor ended by a fault
	WarmupS  float64 `json:"warmup_s"`
	// OwnTokens is how the server counts a prompt that the harness has counted; null if it was not asked, or does not tell.
	OwnTokens *record.TokenRatio `json:"own_tokens"`

	Sent      int            `json:"sent"`     // warm-up included
	Measured  int            `json:"measured"` // requests, as in all that follows
	OK        int            `json:"ok"`
	Early     int            `json:"ended_early"` // of those: answers shorter than what was asked for
	Failed    map[string]int `json:"failed"`      // by result code, see package record
	Cancelled int            `json:"cancelled"`
	WhyFailed *string        `json:"first_error"`

	// Over the complete answers that ended in SpanS, whichever phase they were sent in.
	SpanS           *float64 `json:"span_s"`
	Answered        *int     `json:"answered_in_span"`
	RPS             *float64 `json:"requests_per_s"`
	OutputTokensPS  *float64 `json:"output_tokens_per_s"`
	PromptTokens    *float64 `json:"prompt_tokens_mean"`
	CachedShare     *float64 `json:"cached_share"` // of the prompt tokens, over the answers that say so
	CachedAnswers   int      `json:"cached_answers"`
	TokensPerChunk  *float64 `json:"tokens_per_chunk"`
	TTFT            latency  `json:"ttft_ms"`
	TPOT            latency  `json:"tpot_ms"` // a request's mean time of a token behind the first
	ITL             latency  `json:"itl_ms"`  // gaps between tokens
	ChunkGap        latency  `json:"chunk_gap_ms"`
	ZeroGaps        *float64 `json:"zero_gap_share"` // of all gaps: chunks that came in one read with the one before
	E2E             latency  `json:"e2e_ms"`
	SendLag         latency  `json:"send_lag_ms"`
	ProcessorWait   latency  `json:"processor_wait_ms"` // of the client's goroutines
	ClientLate      bool     `json:"client_late"`
	ClientLateLimit *float64 `json:"client_late_limit_ms"`
}

// latency is a distribution, ms.
type latency struct {
	N   int      `json:"n"`
	P50 *float64 `json:"p50"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
	Max *float64 `json:"max"`
	// Bounds are which of these are lower bounds only, because requests timed out.
	Bounds []string `json:"lower_bounds,omitempty"`
}

// lateLimit is what of the client's own delay, ms, is let pass beside that p50 of TTFT: as max_send_lag of configs/gates.yaml.
func lateLimit(ttft float64) float64 { return max(1, 0.01*ttft) }

// above says that x was measured, and is.
func above(x *float64, limit float64) bool { return x != nil && *x > limit }

// figures sums the load up. whole says that it came to its end.
func (l *plainLoad) figures(t *tally, sum record.LoadSummary, waits *delays, whole bool) *figures {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &figures{
		Schema: figuresSchema, URL: outgoing.Shown(l.url), Server: l.kind.Server, API: l.api, Closed: l.chosen == "users" || l.chosen == "sessions", Seed: l.seed, Complete: whole, WarmupS: l.warmup.Seconds(),
		Sent: t.began, Measured: t.done - t.warmed, OK: t.ok, Early: t.early, Failed: t.rcs, Cancelled: t.cancelled,
		TTFT: latencyOf(t.ttft), TPOT: latencyOf(t.tpot), E2E: latencyOf(t.e2e), SendLag: latencyOf(t.lag), ITL: latencyOfGaps(&sum.Gaps),
		ChunkGap: latencyOfGaps(sum.ChunkGaps), ProcessorWait: latencyOfDelays(waits),
	}
	if f.Failed == nil {
		f.Failed = map[string]int{}
	}
	if t.why != "" {
		f.WhyFailed = &t.why
	}
	f.rates(t, sum, whole && l.requests == 0 && l.chosen != "trace")
	f.PromptTokens = ratioOf(float64(t.promptTokens), float64(t.prompts))
	f.CachedAnswers, f.CachedShare = t.reported, ratioOf(float64(t.cached), float64(t.prompt))
	f.TokensPerChunk = ratioOf(t.tokens, t.chunks)
	f.ZeroGaps = zeroShare(&sum.Gaps, sum.ChunkGaps)
	if f.TTFT.P50 != nil {
		limit := lateLimit(*f.TTFT.P50)
		f.ClientLateLimit = &limit
		f.ClientLate = above(f.SendLag.P99, limit) || above(f.ProcessorWait.P99, limit)
	}
	return f
}

// rates counts the answers that ended while the load was measured: for its time, or to the last answer where the requests
// ended it, or an interrupt.
func (f *figures) rates(t *tally, sum record.LoadSummary, byTime bool) {
	if sum.MeasureStart == nil {
		return
	}
	from, to := *sum.MeasureStart, t.last
	if byTime && sum.MeasureEnd != nil {
		to = *sum.MeasureEnd
	}
	span := to - from
	if span <= 0 {
		return
	}
	answered, tokens, counted := 0, 0, true
	for _, a := range t.answers {
		if a.at >= from && a.at <= to {
			answered++
			tokens += a.tokens
			counted = counted && a.counted
		}
	}
	f.SpanS, f.Answered, f.RPS = &span, &answered, ratioOf(float64(answered), span)
	if counted && answered > 0 {
		f.OutputTokensPS = ratioOf(float64(tokens), span)
	}
}

// ratioOf is nil where there is nothing to divide by.
func ratioOf(a, b float64) *float64 {
	if b == 0 {
		return nil
	}
	x := a / b
	return &x
}

func latencyOf(obs []stats.Obs) latency {
	out := latency{N: len(obs)}
	if len(obs) == 0 {
		return out
	}
	most := obs[0]
	for _, o := range obs {
		if o.V > most.V {
			most = o
		}
	}
	out.Max = &most.V
	for _, q := range []struct {
		name string
		p    float64
		to   **float64
	}{{"p50", 0.5, &out.P50}, {"p95", 0.95, &out.P95}, {"p99", 0.99, &out.P99}} {
		est, err := stats.EstimatePercentile(obs, q.p, 0.95)
		if err != nil {
			continue // of no observation can that be said
		}
		*q.to = &est.Value
		if est.AtLeast {
			out.Bounds = append(out.Bounds, q.name)
		}
	}
	if most.Censored {
		out.Bounds = append(out.Bounds, "max")
	}
	return out
}

func latencyOfGaps(h *record.GapHist) latency {
	if h == nil || h.Count() == 0 {
		return latency{}
	}
	at := func(q float64) *float64 {
		gap, _ := h.Quantile(q)
		ms := float64(gap) / 1e6
		return &ms
	}
	return latency{N: int(min(h.Count(), math.MaxInt)), P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: at(1)}
}

// zeroShare is the share of gaps that are 0, nil where there are none. Any may be nil.
func zeroShare(of ...*record.GapHist) *float64 {
	zero, all := 0., 0.
	for _, h := range of {
		if h != nil {
			zero, all = zero+float64(h.Zero()), all+float64(h.Count())
		}
	}
	return ratioOf(zero, all)
}

func latencyOfDelays(d *delays) latency {
	if d == nil || d.count() == 0 {
		return latency{}
	}
	at := func(q float64) *float64 {
		ms, _ := d.quantile(q)
		return &ms
	}
	return latency{N: d.count(), P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: at(1)}
}

// write puts the figures into the file that was named, if one was.
func (l *plainLoad) write(f *figures) error {
	if l.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		err = disk.ReplaceOrWrite(l.json, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("--json: %w", err)
	}
	return nil
}
