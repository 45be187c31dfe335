package hypotheses

import (
	"fmt"
	"testing"
	"time"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H7: KV fetch telemetry explains NVMe traffic and p99.
//
// Mechanism: what the KV manager fetches is what the drive reads: blocks x block size, during the time that
// the transfer took. So the device's counters can be predicted without looking at them, and a request's TTFT
// follows its fetch.
//
// Falsifier: device reads that are not what the KV counters predict, p99 that does not follow the fetch
// latency, or telemetry that itself costs throughput.
//
// The prediction uses KV counters and the block size alone. Its slope against /proc/diskstats must lie inside
// the bounds with its whole interval, which is an equivalence and so a 90 % interval; so must the ratio of the
// totals, because a slope does not see who reads at a steady rate. Requests are compared
// as bytes / the loader's I/O size. The cost of telemetry is an equivalence too: completed requests per second
// at every sampling cadence against the slowest one, arms of a block paired.
var h7 = harness.Hypothesis{
	ID:        "H7",
	Claim:     "KV fetch telemetry alone explains NVMe traffic and p99 TTFT, and costs no throughput",
	Mechanism: "what the KV manager fetches is what the drive reads; a request's TTFT follows its fetch",
	Falsifier: "device reads that KV counters do not predict, p99 that does not follow fetches, or telemetry that costs throughput",
	Config:    "h7.yaml",
	Requires:  []string{"slope_least", "slope_most", "r2_min", "spearman_min", "rps_margin", "predict_at_ms"},
	OneLevel:  []string{"ctx", "conc"},
	Windows:   true,
	Validate:  validH7,
	Decide:    decideH7,
}

func TestH7(t *testing.T) { harness.Run(t, h7) }

func decideH7(ev *evidence.Evidence) verdict.Conclusion {
	var out verdict.Conclusion
	groups := ev.InOrderOfSweep()
	at := cadenceArm(ev, ev.Threshold("predict_at_ms"))
	if at == nil {
		out.Checks = []verdict.Check{{Name: "bytes_predicted", State: verdict.Undecided, Detail: fmt.Sprintf("no cell was sampled every %.0f ms", ev.Threshold("predict_at_ms"))}}
		return out
	}
	arm := []*evidence.Group{at}
	// Windows without a first token say as much about bytes as others do.
	bytes := ev.AllWindows(arm, evidence.PredictedBytes, evidence.ReadBytes)
	latency := ev.Windows(arm, evidence.FetchP95)
	out.Gates = []gate.Gate{gate.CadenceKept(ev), gate.Windows(ev, bytes)}
	slope, r2, effect := predicts(ev, bytes)
	out.Checks = []verdict.Check{slope, r2, addUp(ev, at, bytes),
		tracks(ev, latency, evidence.FetchP95, "p99_tracks_fetch", ev.Threshold("spearman_min"), 0.95), telemetryIsFree(ev, groups)}
	out.Effect = effect
	out.Findings = append(append(perCadence(ev, groups), latencyPerCadence(groups)...), requestsFinding(ev, bytes), loaderFinding(ev))
	out.Figures = []verdict.Figure{h7Figure(ev, bytes, latency)}
	return out
}

// validH7 asks for the cadence of the prediction among those of the sweep, and for one to compare with.
func validH7(ev *evidence.Evidence) error {
	levels := ev.Exp.Hypothesis.Sweep.Cadence
	if len(levels) < 2 {
		return fmt.Errorf("sweep.cadence: %d levels; the cost of telemetry is the difference between two", len(levels))
	}
	for _, c := range levels {
		if c.Seconds()*1e3 == ev.Threshold("predict_at_ms") {
			return nil
		}
	}
	return fmt.Errorf("thresholds.predict_at_ms: %v is none of sweep.cadence %v", ev.Threshold("predict_at_ms"), levels)
}

// cadenceArm is the group that was sampled at a cadence.
func cadenceArm(ev *evidence.Evidence, ms float64) *evidence.Group {
	for _, g := range ev.Groups() {
		if g.Cells[0].CadenceMS == ms {
			return g
		}
	}
	return nil
}

// predicts regresses what the device read on what the KV counters say.
func predicts(ev *evidence.Evidence, set *evidence.WindowSet) (slope, r2 verdict.Check, effect *verdict.Effect) {
	least, most, need := ev.Threshold("slope_least"), ev.Threshold("slope_most"), ev.Threshold("r2_min")
	slope, r2 = verdict.Check{Name: "bytes_slope", N: set.N(), Of: "windows"}, verdict.Check{Name: "bytes_r2", N: set.N(), Of: "windows"}
	b, explained, err := ev.Bootstrap().Slope(set.Values(evidence.PredictedBytes, false), set.Values(evidence.ReadBytes, false))
	if err != nil {
		for _, c := range []*verdict.Check{&slope, &r2} {
			c.State, c.Detail = verdict.Undecided, fmt.Sprintf("device reads cannot be regressed on the prediction: %v", err)
		}
		return slope, r2, nil
	}
	lo, hi := b.Interval(0.90)
	slope.State = verdict.Equivalent(lo, hi, least, most)
	slope.Estimate, slope.Bounds = stats.Between(b.Value, lo, hi), []float64{least, most}
	slope.Detail = fmt.Sprintf("for each byte that KV counters predict in a window the device read %.3f [%.3f, %.3f] (90 %% interval, must lie inside %.2f to %.2f); %s",
		b.Value, lo, hi, least, most, set.LeftOut())
	rlo, rhi := explained.Interval(0.95)
	r2.State = verdict.Above(rlo, rhi, need)
	r2.Estimate, r2.Bounds = stats.Between(explained.Value, rlo, rhi), []float64{need}
	r2.Detail = fmt.Sprintf("the prediction explains R2 = %.3f [%.3f, %.3f] of the bytes that the device read window by window (need above %.2f)", explained.Value, rlo, rhi, need)
	return slope, r2, &verdict.Effect{Name: "device bytes per byte that KV counters predict", Estimate: stats.Between(b.Value, lo, hi), Confidence: 0.90, N: set.N(), Of: "windows"}
}

// addUp tests that the KV counters predict all of what the device read, beyond what it reads when idle: somebody
// who reads at a steady rate beside the server changes neither slope nor R2. The ratio is that of the totals of
// each repetition, with Student's interval over repetitions.
func addUp(ev *evidence.Evidence, g *evidence.Group, set *evidence.WindowSet) verdict.Check {
	least, most := ev.Threshold("slope_least"), ev.Threshold("slope_most")
	c := verdict.Check{Name: "bytes_add_up", N: set.N(), Of: "windows"}
	predicted, read := set.Values(evidence.PredictedBytes, false), set.Values(evidence.ReadBytes, false)
	var ratios []float64
	for _, cell := range g.Cells {
		idle := cell.Sys.Baseline.ReadMBs()
		if idle == nil {
			c.State, c.Detail = verdict.Undecided, fmt.Sprintf("%s has no idle baseline of the device", cell.Key)
			return c
		}
		sum, device := 0.0, 0.0
		for k := range predicted[cell.Rep-1] {
			sum += predicted[cell.Rep-1][k].V + *idle
			device += read[cell.Rep-1][k].V
		}
		if sum > 0 {
			ratios = append(ratios, device/sum)
		}
	}
	ratio, lo, hi, err := stats.MeanT(ratios, 0.90)
	if err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("the ratio of device reads to the prediction has no interval: %v", err)
		return c
	}
	c.State = verdict.Equivalent(lo, hi, least, most)
	c.Estimate, c.Bounds = stats.Between(ratio, lo, hi), []float64{least, most}
	c.Detail = fmt.Sprintf("all that the device read is %.3f [%.3f, %.3f] of what KV counters and the idle device predict (90 %% interval over %d repetitions, must lie inside %.2f to %.2f)",
		ratio, lo, hi, len(ratios), least, most)
	return c
}

// requestsFinding compares requests: predicted bytes / the size of a device request against reads/s.
func requestsFinding(ev *evidence.Evidence, set *evidence.WindowSet) verdict.Finding {
	f := verdict.Finding{Name: "reads per predicted read", Detail: "slope of the device's reads/s on predicted bytes/s over the loader's I/O size"}
	size := ev.LoaderRequestBytes()
	if size == 0 {
		f.Detail += ": no loader"
		return f
	}
	predicted := set.Values(evidence.PredictedBytes, false)
	for i := range predicted {
		for k := range predicted[i] {
			predicted[i][k].V *= 1e6 / size
		}
	}
	b, explained, err := ev.Bootstrap().Slope(predicted, set.Values(evidence.ReadRequests, false))
	if err != nil {
		f.Detail += ": " + err.Error()
		return f
	}
	f.Estimate = b.Estimate(evidence.Confidence)
	f.Detail += fmt.Sprintf(" (%.0f KiB); R2 %.3f", size/1024, explained.Value)
	return f
}

// telemetryIsFree tests that completed requests per second are the same at every cadence as at the slowest.
func telemetryIsFree(ev *evidence.Evidence, groups []*evidence.Group) verdict.Check {
	const alpha = 0.05
	margin := ev.Threshold("rps_margin")
	c := verdict.Furthest{Check: verdict.Check{Name: "telemetry_is_free"}}
	levels := ev.Exp.Hypothesis.Sweep.Cadence
	last := levels[len(levels)-1].Seconds() * 1e3
	slowest := cadenceArm(ev, last)
	for _, g := range groups {
		if slowest == nil || g.Cells[0].CadenceMS == last {
			continue
		}
		d, err := ev.Bootstrap().MeanRatio(g.CompletionReps(), slowest.CompletionReps(), true)
		if err != nil {
			return verdict.Check{Name: c.Name, State: verdict.Undecided, Detail: fmt.Sprintf("the ratio of completed rps has no interval: %v", err)}
		}
		eq := stats.EquivalentRatio(d, margin, alpha)
		c.Take(verdict.Equivalent(eq.Lo, eq.Hi, 1/(1+margin), 1+margin), max(d.Value, 1/d.Value), func(c *verdict.Check) {
			c.Estimate, c.Bounds, c.Scale = stats.Between(d.Value, eq.Lo, eq.Hi), []float64{1 / (1 + margin), 1 + margin}, verdict.Ratio
			c.N, c.Of = len(g.Observations())+len(slowest.Observations()), "requests"
			c.Detail = fmt.Sprintf("completed rps at %d cadences against sampling every %v; least alike is every %v: %.4f [%.4f, %.4f] (90 %% interval, margin %.0f %%)",
				len(groups)-1, levels[len(levels)-1], cadenceOf(g), d.Value, eq.Lo, eq.Hi, margin*100)
		})
	}
	return c.Result("no other cadence was measured")
}

// cadenceOf is how often the machine was sampled in a group.
func cadenceOf(g *evidence.Group) time.Duration { return time.Duration(g.Cells[0].CadenceMS * 1e6) }

// latencyPerCadence is the mean E2E latency at each cadence over that at the slowest. Users of a closed loop who
// think for minutes hide a slower server from completed rps; latency does not.
func latencyPerCadence(groups []*evidence.Group) []verdict.Finding {
	slowest, ok := groups[len(groups)-1].MeanE2E()
	var out []verdict.Finding
	for _, g := range groups[:len(groups)-1] {
		f := verdict.Finding{Name: fmt.Sprintf("mean E2E, sampled every %v", cadenceOf(g)), Detail: fmt.Sprintf("over that of sampling every %v", cadenceOf(groups[len(groups)-1]))}
		if ms, known := g.MeanE2E(); known && ok {
			v := ms / slowest
			f.Value = &v
		}
		out = append(out, f)
	}
	return out
}

// perCadence says how well the prediction does at each cadence: which one a machine needs.
func perCadence(ev *evidence.Evidence, groups []*evidence.Group) []verdict.Finding {
	var out []verdict.Finding
	for _, g := range groups {
		f := verdict.Finding{Name: fmt.Sprintf("R2 of the bytes, sampled every %v", cadenceOf(g))}
		set := ev.AllWindows([]*evidence.Group{g}, evidence.PredictedBytes, evidence.ReadBytes)
		b, explained, err := ev.Bootstrap().Slope(set.Values(evidence.PredictedBytes, false), set.Values(evidence.ReadBytes, false))
		if err != nil {
			f.Detail = err.Error()
		} else {
			f.Estimate, f.Detail = explained.Estimate(evidence.Confidence), fmt.Sprintf("slope %.3f", b.Value)
		}
		out = append(out, f)
	}
	return out
}

func h7Figure(ev *evidence.Evidence, bytes, latency *evidence.WindowSet) verdict.Figure {
	predicted := bytes.Values(evidence.PredictedBytes, false)
	reads := verdict.Panel{XLabel: "fetched from tier 2 by KV counters, MB/s", YLabel: "read by the NVMe, MB/s",
		Series: besidePrediction(predicted, 1, bytes.Values(evidence.ReadBytes, false))}
	requests := verdict.Panel{XLabel: "reads that KV counters predict, 1/s", YLabel: "reads completed by the NVMe, 1/s"}
	if size := ev.LoaderRequestBytes(); size > 0 {
		requests.Series = besidePrediction(predicted, 1e6/size, bytes.Values(evidence.ReadRequests, false))
	}
	p99 := verdict.Panel{XLabel: "tier-2 fetch p95 of a window, ms", YLabel: "TTFT p99 of a window, ms", LogX: true, LogY: true,
		Series: []verdict.Series{scatter("a window", latency, evidence.FetchP95)}}
	return verdict.Figure{Name: "predicted_and_read", Title: "H7: what KV counters predict against what the NVMe did", Panels: []verdict.Panel{reads, requests, p99}}
}

// besidePrediction is what was seen in each window against scale times what was predicted, and the line on which the
// two are the same.
func besidePrediction(predicted []stats.Rep, scale float64, seen []stats.Rep) []verdict.Series {
	points, same := verdict.NewSeries("a window"), verdict.NewSeries("as predicted")
	zero, largest := 0.0, 0.0
	for i := range predicted {
		for k := range predicted[i] {
			x, y := predicted[i][k].V*scale, seen[i][k].V
			points.Value(x, &y)
			largest = max(largest, x, y)
		}
	}
	same.Value(0, &zero)
	same.Value(largest, &largest)
	return []verdict.Series{*points, *same}
}
