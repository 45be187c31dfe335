package harness

import (
	"slices"

	"sparkharness/harness/load"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/stats"
)

// row pools a group's repetitions into one line of the latency table.
func (ev *Evidence) row(g *Group) report.Row {
	first := g.Cells[0]
	r := report.Row{
		Cell: g.Cell.String(), Stack: first.Stack, Model: ev.Exp.Hypothesis.Model,
		Workload: ev.Exp.Hypothesis.Load.Workload, ContextTokens: first.ContextTokens,
		Concurrency: first.Users, RateRPS: first.RateRPS, Reps: len(g.Cells),
	}
	var e2e []stats.Obs
	var lags []float64
	var gaps load.GapHist
	var seconds, completed, tokens, prompt, cached, nominal, reusable float64
	var gpu, queue, iowait mean
	var sys, idle PhaseData
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
			if q.HasE2E {
				e2e = append(e2e, stats.Obs{V: q.E2E, Censored: q.RC == record.RCTimeout})
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
	r.TTFT, r.E2E = latency(g.Observations()), latency(e2e)
	if n := gaps.Count(); n > 0 {
		p50, _ := gaps.Quantile(0.5)
		p99, _ := gaps.Quantile(0.99)
		r.ITL = &report.ITL{P50: p50.Seconds() * 1e3, P99: p99.Seconds() * 1e3, Max: gaps.Max().Seconds() * 1e3, Gaps: int64(n)}
	}
	if seconds > 0 {
		r.RPS, r.TokS = completed/seconds, tokens/seconds
	}
	r.CoV = covP99(g)
	if len(lags) > 0 {
		slices.Sort(lags)
		v := stats.Quantile(lags, 0.99)
		r.SendLagP99 = &v
	}
	r.GPUBusyPct, r.QueueDepth, r.IOWaitPct = gpu.Value(), queue.Value(), iowait.Value()
	r.NVMeRPS, r.NVMeIdleRPS = sys.ReadsPerSec(), idle.ReadsPerSec()
	r.NVMeReadMBs, r.RAwaitMS = sys.ReadMBs(), sys.RAwait()
	if cachedKnown && prompt > 0 {
		v := cached / prompt
		r.CachedShare = &v
	}
	if first.Carried != nil && r.Samples > 0 {
		mean, offered := nominal/float64(r.Samples), reusable/nominal
		gib := g.WorkingSet() / (1 << 30)
		r.PromptTokens, r.ReuseOffered, r.WorkingSetGiB = &mean, &offered, &gib
	}
	ev.adapterColumns(g, &r)
	ev.kvColumns(g, &r)
	return r
}

// kvColumns fills the KV manager's part of a row.
func (ev *Evidence) kvColumns(g *Group, r *report.Row) {
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

// KVGroup is the KV manager over a group.
type KVGroup struct {
	// Shares of the whole prompt blocks that were looked up, a number that the harness derives from the
	// server's own prompt counts; nil if a counter is not exposed. Blocks count when they are onboarded,
	// lookups when their request is due, so a share may exceed 1 by a request or two at the edges.
	Tier1Share, Tier2Share *float64
	Tier2Bytes             *float64 // read from tier 2
	FetchMS                []float64
	HasFetch               bool
	BlockBytes             float64
}

// KV pools the KV telemetry of a group; nil where there is none.
func (ev *Evidence) KV(g *Group) *KVGroup {
	out := &KVGroup{HasFetch: true}
	var lookups float64
	t1, t2, b2 := sum{}, sum{}, sum{}
	for _, c := range g.Cells {
		if c.KV == nil {
			return nil
		}
		t1.add(c.KV.Tier1Hits)
		t2.add(c.KV.Tier2Hits)
		b2.add(c.KV.Tier2BytesOut)
		for _, f := range c.KV.Fetches {
			out.FetchMS = append(out.FetchMS, f.V)
		}
		out.HasFetch = out.HasFetch && c.KV.HasFetch
		out.BlockBytes = c.KV.BlockBytes
		block := ev.Exp.Stacks[c.Stack].Runtime.TokensPerBlock
		for i := range c.Requests {
			tokens := c.Requests[i].Nominal // where the request was not answered
			if p := c.Requests[i].Prompt; p != nil {
				tokens = *p
			}
			lookups += float64(tokens / block)
		}
	}
	if lookups > 0 {
		out.Tier1Share, out.Tier2Share = t1.over(lookups), t2.over(lookups)
	}
	out.Tier2Bytes = b2.over(1)
	return out
}

// sum adds optional numbers; a single missing one makes the sum missing.
type sum struct {
	v       float64
	missing bool
}

func (s *sum) add(v *float64) {
	if v == nil {
		s.missing = true
		return
	}
	s.v += *v
}

func (s sum) over(d float64) *float64 {
	if s.missing {
		return nil
	}
	v := s.v / d
	return &v
}

// addSums adds another phase's NVMe sums.
func (p *PhaseData) addSums(o *PhaseData) {
	p.ReadIOs += o.ReadIOs
	p.ReadBytes += o.ReadBytes
	p.ReadMS += o.ReadMS
	p.NVMeSeconds += o.NVMeSeconds
}

// latency estimates the percentiles of a pooled cell.
func latency(obs []stats.Obs) report.Latency {
	var l report.Latency
	for _, e := range []struct {
		p    float64
		into **report.Percentile
	}{{0.5, &l.P50}, {0.95, &l.P95}, {0.99, &l.P99}} {
		if v, err := stats.EstimatePercentile(obs, e.p, confidence); err == nil {
			*e.into = &report.Percentile{Value: v.Value, Lo: v.Lo, Hi: v.Hi, AtLeast: v.AtLeast}
		}
	}
	values := make([]float64, len(obs))
	censored := false
	for i, o := range obs {
		values[i], censored = o.V, censored || o.Censored
	}
	if !censored { // a bound over lower bounds would be none
		slices.Sort(values)
		if b, ok := stats.EarlyStopping(values, 0.99, 0.99); ok {
			l.P99Bound = &b
		}
	}
	return l
}

// covP99 is the coefficient of variation of p99 TTFT over repetitions; nil with fewer than two.
func covP99(g *Group) *float64 {
	var p99s []float64
	for _, c := range g.Cells {
		if v, ok := (&Group{Cells: []*CellData{c}}).Percentile(0.99); ok {
			p99s = append(p99s, v)
		}
	}
	v, err := stats.CoV(p99s)
	if err != nil || len(p99s) < 2 {
		return nil
	}
	return &v
}
