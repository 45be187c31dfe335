package report

import (
	"fmt"
	"math"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

func ptr(v float64) *float64 { return &v }

// tenth rounds, so that the goldens are the same where the compiler fuses a product and a sum.
func tenth(v float64) float64 { return math.Round(v*10) / 10 }

// sampleH2B is a report as H2B writes it: 5 context lengths on both stacks, invented numbers of the right
// order, one open bound, one censored percentile, and fields of stack A that are absent.
func sampleH2B() *verdict.Judgement {
	r := &verdict.Judgement{
		Schema: verdict.Schema, RunID: "20260301T101500Z-h2b-sim-default-s1", Hypothesis: "H2B",
		Claim:     "RAM tiers overflow into NVMe as context grows, and a storage knee appears.",
		Mechanism: "A prefix that no longer fits device and host memory is evicted to NVMe; its reuse waits for the loader.",
		Falsifier: "No context length at which tier-2 fetch p95 reaches half of TTFT p95 with 20 % tier-2 hits, or the same knee on stack A.",
		Rig:       "sim", Clock: "virtual", Origin: "simulated, not measured on hardware", Simulated: true, World: "default", WorldNote: "calibrated to published GB10 measurements",
		Uncalibrated: []string{"loader software cost above 8 reads in flight", "NVMe write pauses"},
		Model:        "L70B", Stacks: []string{"A", "B"}, Seed: 1,
		ConfigDigest:  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		CellsPlanned:  30,
		CellsMeasured: 30,
		CellSeconds:   15120,
		Sizing:        sampleSizing(),
		Accounts:      sampleAccounts(),
	}
	levels := []float64{256, 512, 1024, 2048, 4096}
	p99 := verdict.Panel{XLabel: "context, tokens", YLabel: "TTFT p99, ms", LogX: true, LogY: true,
		Marks: []verdict.Mark{{X: 2048, Label: "storage knee of B, 2,048 tokens"}}}
	hit := verdict.Panel{XLabel: "context, tokens", YLabel: "tier-2 hits, % of prompt blocks", LogX: true,
		Levels: []verdict.Level{{Y: 20, Label: "a fifth of the blocks"}}}
	for si, stack := range []string{"A", "B"} {
		curve, hits := verdict.Series{Name: "stack " + stack}, verdict.Series{Name: "stack " + stack}
		for i, ctx := range levels {
			base := 310 * math.Pow(1.9, float64(i)) * (1 + 0.1*float64(si))
			if stack == "B" && ctx >= 2048 {
				base *= 2.6
			}
			base = tenth(base)
			row := sampleRow(stack, int(ctx), base, 912-150*i)
			if stack == "B" {
				share := []float64{0, 0, 0.02, 0.31, 0.58}[i]
				row.Tier1Hit, row.Tier2Hit = ptr(0.9-share), ptr(share)
				row.NVMeRPS, row.NVMeReadMBs, row.RAwaitMS = ptr(tenth(12+3400*share)), ptr(440*share), ptr(tenth(0.68+3*share)/10)
				row.Tier2ReadMB = ptr(132000 * share)
				row.PromptTokens, row.ReuseOffered, row.CachedShare = ptr(ctx*1.05), ptr(0.75), ptr(tenth(7.4-share)/10)
				row.WorkingSetGiB, row.NVMeReadGB = ptr(tenth(ctx*0.0125)), ptr(tenth(132*share))
				first := 48 + i
				row.FirstTouchN, row.FirstTouchMS, row.LaterP99 = &first, ptr(tenth(base*0.7)), &evidence.Percentile{Estimate: stats.Estimate{Value: ptr(base), Lo: ptr(tenth(base * 0.9))}}
				if share > 0 {
					row.FetchP50MS, row.FetchP95MS = ptr(tenth(base*0.3)), ptr(tenth(base*0.62))
				}
				hits.X, hits.Y = append(hits.X, ctx), append(hits.Y, share*100)
			}
			if i == 4 {
				row.TTFT.P99.Hi, row.TTFT.P99Bound = nil, nil
				if stack == "B" {
					row.TTFT.P99.AtLeast, row.E2E.P99.AtLeast, row.Censored, row.Rejected = true, true, 3, 12
				}
			}
			r.Rows = append(r.Rows, row)
			curve.X, curve.Y = append(curve.X, ctx), append(curve.Y, *row.TTFT.P99.Value)
			curve.Lo, curve.Hi = append(curve.Lo, row.TTFT.P99.Lo), append(curve.Hi, row.TTFT.P99.Hi)
		}
		p99.Series = append(p99.Series, curve)
		if stack == "B" {
			hit.Series = append(hit.Series, hits)
		}
	}
	r.Figures = []verdict.Figure{{Name: "p99_by_context", Title: "H2B: TTFT p99 and tier-2 hits against context", Panels: []verdict.Panel{p99, hit}}}
	r.Findings = []verdict.Finding{
		{Name: "storage_knee_B", Estimate: stats.Estimate{Value: ptr(2048), Lo: ptr(2048), Hi: ptr(4096)}, Unit: "tokens", Detail: "first level with fetch p95 at half of TTFT p95 and 20 % tier-2 hits"},
		{Name: "storage_knee_A", Unit: "tokens", Detail: "none: stack A has no tier 2"},
	}
	gates := []gate.Gate{
		gate.Pass("alignment", "99.6 % of 45,000 slots, worst cell stack=B/ctx=4096/conc=6/rep=2"),
		gate.Pass("treatment", "tiers read back as 8 GiB + 24 GiB + 512 GiB"),
		gate.Pass("client", "p99 send lag 0.02 ms, allowed 3.1 ms"),
		gate.Pass("samples", "smallest pooled n 312, needed 299"),
		gate.Grade("reproducibility", false, "p99 within 11 % of the median, 5 % asked, worst in stack=B/ctx=4096/conc=6"),
	}
	checks := []verdict.Check{
		{Name: "storage_knee", State: verdict.Holds, Detail: "storage knee of B at 2,048 tokens, not the first level", Estimate: stats.Estimate{Value: ptr(2048), Lo: ptr(2048), Hi: ptr(4096)}, Unit: "tokens", N: 3, Of: "repetitions", Bounds: []float64{256}},
		{Name: "nvme_rises", State: verdict.Holds, Detail: "NVMe reads rise from 12 to 1,984 1/s with tier-2 bytes", Estimate: stats.Estimate{Value: ptr(165)}, Unit: "x", N: 15, Of: "cells", Bounds: []float64{}},
		{Name: "no_knee_A", State: verdict.Holds, Detail: "no storage knee on A at the same levels", N: 15, Of: "cells", Bounds: []float64{}},
		{Name: "queue_bound", State: verdict.Noted, Detail: "at 4,096 tokens 9 % of requests waited for a slot", Estimate: stats.Estimate{Value: ptr(9)}, Unit: "%", N: 312, Of: "requests", Bounds: []float64{}},
	}
	r.Verdict = verdict.Settle(gates, checks, &verdict.Effect{Name: "TTFT p99, 4096 over 1024 tokens, B", Estimate: stats.Estimate{Value: ptr(9.43), Lo: ptr(7.02), Hi: ptr(12.6)},
		Unit: "x", Confidence: 0.95, N: 3, Of: "repetitions"}, 0.025)
	r.Verdict.Scope = "L70B, Stack A (tensorrt-llm), Stack B (tensorrt-llm), ctx 256 to 4096, conc 32, simulated dgx-spark, world default"
	r.Look = evidence.Look{At: 1, Of: 1, Blocks: 3, Level: 0.025, Reached: true}
	return r
}

// sampleRow is a row with the fields that both stacks have.
func sampleRow(stack string, ctx int, p99 float64, n int) evidence.Row {
	estimate := func(share float64) *evidence.Percentile {
		v := tenth(p99 * share)
		return &evidence.Percentile{Estimate: stats.Estimate{Value: ptr(v), Lo: ptr(tenth(v * 0.91)), Hi: ptr(tenth(v * 1.14))}}
	}
	return evidence.Row{
		Cell: fmt.Sprintf("stack=%s/ctx=%d/conc=6", stack, ctx), Stack: stack, Model: "L70B", Workload: "fixed_context",
		ContextTokens: ctx, Concurrency: 6, Reps: 3, Samples: n,
		TTFT: evidence.Latency{P50: estimate(0.4), P95: estimate(0.8), P99: estimate(1), P99Bound: ptr(tenth(p99 * 1.3))},
		E2E:  evidence.Latency{P50: estimate(5), P95: estimate(5.5), P99: estimate(6), P99Bound: ptr(tenth(p99 * 7))},
		ITL:  &evidence.ITL{P50: 244, P99: 390, Max: 1210, Gaps: int64(n) * 15},
		RPS:  float64(n) / 900, TokS: float64(n) * 16 / 900, CoV: ptr(0.08),
		SysSamples: 4500, SendLagP99: ptr(0.02), GPUBusyPct: ptr(93.4), QueueDepth: ptr(0.4), IOWaitPct: ptr(0.2),
		NVMeRPS: ptr(11.8), NVMeIdleRPS: ptr(12), NVMeReadMBs: ptr(0.1), CachedShare: ptr(0),
	}
}

// sampleH0 is a report with three knees close together, refuted.
func sampleH0() *verdict.Judgement {
	r := &verdict.Judgement{
		Schema: verdict.Schema, RunID: "20260301T090000Z-h0-sim-default-s1", Hypothesis: "H0",
		Claim:     "Queue saturation defines usable concurrency.",
		Mechanism: "Past the number of slots each further user waits for one.",
		Falsifier: "No knee up to 512 users, or a knee at which nobody waits for a slot.",
		Rig:       "sim", Clock: "virtual", Origin: "simulated, not measured on hardware", Simulated: true, World: "default", Model: "L8B", Stacks: []string{"A"}, Seed: 1,
		ConfigDigest: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", CellsPlanned: 42, CellsMeasured: 40, Interrupted: true,
		CellSeconds: 6210,
		Findings: []verdict.Finding{
			{Name: "knee_rule", Estimate: stats.Estimate{Value: ptr(192), Lo: ptr(160), Hi: ptr(224)}, Unit: "users", Detail: "first of two consecutive steps with p99 above 2 x p50"},
			{Name: "knee_saturation", Estimate: stats.Estimate{Value: ptr(256)}, Unit: "users", Detail: "X_max (R_0 + Z)"},
			{Name: "knee_open_loop", Estimate: stats.Estimate{Value: ptr(224)}, Unit: "users", Detail: "Poisson arrivals at the same rate"},
		},
	}
	p := verdict.Panel{XLabel: "concurrency, users", YLabel: "TTFT, ms", LogX: true, LogY: true, Marks: []verdict.Mark{
		{X: 256, Label: "saturation knee, 256"}, {X: 192, Label: "knee of the 2 x rule, 192"}, {X: 224, Label: "open-loop knee, 224"}}}
	for k, name := range []string{"p50", "p95", "p99"} {
		s := verdict.Series{Name: name}
		for u := 1.0; u <= 512; u *= 2 {
			y := 32 * math.Pow(1.25, math.Log2(u)) * (1 + float64(k)*0.4)
			if u >= 256 {
				y *= 3 * float64(k*k+1)
			}
			s.X, s.Y = append(s.X, u), append(s.Y, y)
			s.Lo, s.Hi = append(s.Lo, ptr(y*0.9)), append(s.Hi, ptr(y*1.2))
		}
		p.Series = append(p.Series, s)
	}
	rps := verdict.Panel{XLabel: "concurrency, users", YLabel: "completed requests, 1/s", LogX: true, Series: []verdict.Series{{Name: "completed"}}}
	for u := 1.0; u <= 512; u *= 2 {
		rps.Series[0].X, rps.Series[0].Y = append(rps.Series[0].X, u), append(rps.Series[0].Y, 12*u/(u+180))
		r.Rows = append(r.Rows, sampleRow("A", 256, 32*math.Sqrt(u), 400))
		r.Rows[len(r.Rows)-1].Cell = fmt.Sprintf("stack=A/ctx=256/conc=%g", u)
		r.Rows[len(r.Rows)-1].Concurrency = int(u)
	}
	r.Figures = []verdict.Figure{{Name: "ttft_by_concurrency", Title: "H0: TTFT and throughput against concurrency", Panels: []verdict.Panel{p, rps}}}
	r.Verdict = verdict.Settle(
		[]gate.Gate{gate.Pass("alignment", "99.9 % of slots"), gate.Pass("errors", "no request failed")},
		[]verdict.Check{
			{Name: "rule_agrees", State: verdict.Contradicted, Detail: "U_work of the rule is 2 fine steps below saturation", Estimate: stats.Estimate{Value: ptr(2)}, Unit: "steps", N: 3},
			{Name: "knee_found", State: verdict.Holds, Detail: "the rule finds a knee at 192 users", Estimate: stats.Estimate{Value: ptr(192)}, Unit: "users", N: 3}},
		&verdict.Effect{Name: "U_work", Estimate: stats.Estimate{Value: ptr(160), Hi: ptr(192)}, Unit: "users", Confidence: 0.95, N: 3, Of: "repetitions"}, 0.025)
	return r
}

// sampleScatter is a figure with a scatter, a dense band and a distribution function.
func sampleScatter() verdict.Figure {
	windows, fit, cdf := verdict.Series{Name: "window"}, verdict.Series{Name: "prediction"}, verdict.Series{Name: "cold"}
	for i := range 160 {
		x := math.Mod(float64(i)*61.8, 100)
		windows.X, windows.Y = append(windows.X, x), append(windows.Y, x*14+90*math.Sin(float64(i)))
		fit.X, fit.Y = append(fit.X, float64(i)*0.625), append(fit.Y, float64(i)*0.625*14)
		fit.Lo, fit.Hi = append(fit.Lo, ptr(float64(i)*8-40)), append(fit.Hi, ptr(float64(i)*9.5+40))
		cdf.X, cdf.Y = append(cdf.X, 40+math.Exp(float64(i)/25)), append(cdf.Y, float64(i)/159)
	}
	fit.Hi[100], fit.Hi[101] = nil, nil
	return verdict.Figure{Name: "scatter", Title: "H7: observed against predicted reads", Panels: []verdict.Panel{
		{XLabel: "predicted reads, 1/s", YLabel: "observed reads, 1/s", Series: []verdict.Series{windows, fit}},
		{XLabel: "TTFT, ms", YLabel: "share of requests", LogX: true, Series: []verdict.Series{cdf}},
		{XLabel: "nothing, 1", YLabel: "nothing measured, 1", LogX: true, LogY: true},
	}}
}
