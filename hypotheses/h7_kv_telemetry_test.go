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
// latency, or telemetry that itself costs throughput or latency.
//
// The prediction uses KV counters and the block size alone, and each block makes one value of each of its figures. The slope
// of the bytes that the device read against those predicted is an equivalence; so is the ratio of the totals, because a slope
// does not see who reads at a steady rate. Requests are compared as bytes / the loader's I/O size. That a window's slowest
// request follows fetches is asked inside the arm of one cadence. The cost of telemetry is an equivalence at every cadence
// against the slowest one, arms of a block paired, of completed requests per second and of the mean E2E latency: users who
// think for minutes hide a slower server from the first, not from the second.
var h7 = harness.Hypothesis{
	ID:        "H7",
	Claim:     "KV fetch telemetry alone explains NVMe traffic and p99 TTFT, and costs neither throughput nor latency",
	Mechanism: "what the KV manager fetches is what the drive reads; a request's TTFT follows its fetch",
	Falsifier: "device reads that KV counters do not predict, p99 that does not follow fetches, or telemetry that costs throughput or latency",
	Config:    "h7.yaml",
	Tier2:     gate.Tier2Read,
	Requires:  []string{"slope_least", "slope_most", "r2_min", "spearman_min", "rps_margin", "e2e_margin", "predict_at_ms"},
	OneLevel:  []string{"ctx", "conc", "fio"},
	Windows:   true,
	Validate:  validH7,
	Deciding:  checksOfH7,
	Decide:    decideH7,
}

func TestH7(t *testing.T) { harness.Run(t, h7) }

// checksOfH7 are what decides.
var checksOfH7 = []string{"bytes_slope", "bytes_r2", "bytes_add_up", "p99_tracks_fetch", "telemetry_is_free"}

func decideH7(ev *evidence.Evidence) verdict.Conclusion {
	cadence := gate.CadenceKept(ev)
	out := verdict.Conclusion{Gates: []gate.Gate{cadence}}
	groups := ev.InOrderOfSweep()
	at := cadenceArm(ev, ev.Threshold("predict_at_ms"))
	if at == nil || !cadence.Passed {
		why := fmt.Sprintf("no cell was sampled every %.0f ms", ev.Threshold("predict_at_ms"))
		if at != nil {
			why = cadence.Detail
		}
		for _, name := range checksOfH7 {
			out.Checks = append(out.Checks, verdict.Open(name, why))
		}
		return out
	}
	arm := []*evidence.Group{at}
	// Windows without a first token say as much about bytes as others do.
	bytes := ev.AllWindows(arm, evidence.PredictedBytes, evidence.ReadBytes)
	latency := ev.Windows(arm, evidence.FetchP95)
	out.Gates = append(out.Gates, gate.Windows(ev, bytes))
	slope, r2, effect := predicts(ev, bytes)
	follows := tracks(ev, latency, evidence.FetchP95, "p99_tracks_fetch", ev.Threshold("spearman_min"))
	out.Checks = []verdict.Check{slope, r2, addUp(ev, at, bytes), follows.Check, telemetryIsFree(ev, groups)}
	out.Effect = effect
	out.Findings = append(append(append(out.Findings, bytesPermuted(ev, bytes)), perCadence(ev, groups)...), costPerCadence(ev, groups)...)
	out.Findings = append(out.Findings, requestsFinding(ev, bytes), loaderFinding(ev))
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

// leastUnexplained is the least share of the device's bytes that counts as unexplained: a sample's whole sectors and
// milliseconds say no more, and a share of nothing has no logarithm.
const leastUnexplained = 1e-6

// regressed are the slope of the device's figure on the predicted one in each block, scaled, and the share that the line leaves
// unexplained.
func regressed(ev *evidence.Evidence, set *evidence.WindowSet, seen evidence.Reading, scale float64) (
	slopes, unexplained stats.Blocks, err error) {
	strata := set.Strata(set.Values(evidence.PredictedBytes, false), set.Values(seen, false))
	var names []string
	var slope, rest []float64
	for _, s := range strata {
		b, r2, err := stats.ThroughLine(s.X, s.Y)
		if err != nil {
			return slopes, unexplained, fmt.Errorf("block %s: %w", s.Block, err)
		}
		names, slope, rest = append(names, s.Block), append(slope, b*scale), append(rest, max(1-r2, leastUnexplained))
	}
	if slopes, err = ev.Blocks(stats.Linear, evidence.InBlock(names, slope)); err != nil {
		return slopes, unexplained, err
	}
	unexplained, err = ev.Blocks(stats.Log, evidence.InBlock(names, rest))
	return slopes, unexplained, err
}

// r2Of is the R2 of unexplained shares with the interval that an error of alpha a side leaves.
func r2Of(unexplained stats.Blocks, alpha float64) (r2, lo, hi float64) {
	lo, hi = unexplained.Interval(alpha)
	return 1 - unexplained.Mean(), 1 - hi, 1 - lo
}

// predicts regresses what the device read on what the KV counters say, in each block by itself.
func predicts(ev *evidence.Evidence, set *evidence.WindowSet) (slope, r2 verdict.Check, effect *verdict.Effect) {
	a := verdict.AlphaOf(ev)
	least, most, need := ev.Threshold("slope_least"), ev.Threshold("slope_most"), ev.Threshold("r2_min")
	slopes, unexplained, err := regressed(ev, set, evidence.ReadBytes, 1)
	if err != nil {
		why := fmt.Sprintf("device reads cannot be regressed on the prediction: %v", err)
		return verdict.Open("bytes_slope", why), verdict.Open("bytes_r2", why), nil
	}
	slope = a.Inside(verdict.Check{Name: "bytes_slope", N: set.N(), Of: "windows"}, slopes, least, most)
	lo, hi := ends(slope)
	slope.Detail = fmt.Sprintf("for each byte that KV counters predict in a window the device read %.3f [%.3f, %.3f] (%s "+
		"interval over %d blocks, must lie inside %.2f to %.2f); %s",
		*slope.Value, lo, hi, percent(a), slope.Blocks, least, most, set.LeftOut())
	r2 = a.Below(verdict.Check{Name: "bytes_r2", Unit: "of the variance unexplained", N: set.N(), Of: "windows"}, unexplained, 1-need)
	explained, lo, hi := r2Of(unexplained, float64(a))
	r2.Detail = fmt.Sprintf("the prediction explains R2 = %.3f [%.3f, %.3f] of the bytes that the device read window by "+
		"window (%s interval over %d blocks, need above %.2f)",
		explained, lo, hi, percent(a), r2.Blocks, need)
	return slope, r2, effectOf("device bytes per byte that KV counters predict", "", slopes, set.N(), "windows")
}

// bytesPermuted is the rank correlation of predicted and read bytes inside the arm, beside that of windows turned against each
// other.
func bytesPermuted(ev *evidence.Evidence, set *evidence.WindowSet) verdict.Finding {
	f := verdict.Finding{Name: "Spearman of predicted and read bytes"}
	w, err := within(ev, set.Strata(set.Values(evidence.PredictedBytes, false), set.Values(evidence.ReadBytes, false)))
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	b, err := ev.Blocks(stats.Atanh, evidence.InBlock(w.Blocks, w.Correlations))
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	f.Estimate, f.Detail = b.Estimate(evidence.OneSided), permuted(w.Null)
	return f
}

// addUp tests that the KV counters predict all of what the device read, beyond what it reads when idle: somebody
// who reads at a steady rate beside the server changes neither slope nor R2. The ratio is that of the totals of a block.
func addUp(ev *evidence.Evidence, g *evidence.Group, set *evidence.WindowSet) verdict.Check {
	const name = "bytes_add_up"
	a := verdict.AlphaOf(ev)
	least, most := ev.Threshold("slope_least"), ev.Threshold("slope_most")
	predicted, read := set.Values(evidence.PredictedBytes, false), set.Values(evidence.ReadBytes, false)
	b, err := ev.Blocks(stats.Log, func(rep int) (float64, error) {
		cell, err := g.In(rep)
		if err != nil {
			return 0, err
		}
		idle := cell.Sys.Baseline.ReadMBs()
		if idle == nil {
			return 0, fmt.Errorf("%s has no idle baseline of the device", cell.Key)
		}
		if rep > len(predicted) || len(predicted[rep-1]) == 0 {
			return 0, fmt.Errorf("%s has no window that can be used", cell.Key)
		}
		sum, device := 0.0, 0.0
		for k := range predicted[rep-1] {
			sum += predicted[rep-1][k].V + *idle
			device += read[rep-1][k].V
		}
		if sum <= 0 {
			return 0, fmt.Errorf("%s: neither KV counters nor the idle device read anything", cell.Key)
		}
		return max(device/sum, leastUnexplained), nil // a device that read nothing has no logarithm
	})
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("the ratio of device reads to the prediction is not known: %v", err))
	}
	c := a.Inside(verdict.Check{Name: name, N: set.N(), Of: "windows"}, b, least, most)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("all that the device read is %.3f [%.3f, %.3f] of what KV counters and the idle device "+
		"predict (%s interval over %d blocks, must lie inside %.2f to %.2f)",
		*c.Value, lo, hi, percent(a), c.Blocks, least, most)
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
	slopes, unexplained, err := regressed(ev, set, evidence.ReadRequests, size/1e6)
	if err != nil {
		f.Detail += ": " + err.Error()
		return f
	}
	f.Estimate = slopes.Estimate(evidence.OneSided)
	f.Detail += fmt.Sprintf(" (%.0f KiB); R2 %.3f", size/1024, 1-unexplained.Mean())
	return f
}

// cadenceOf is how often the machine was sampled in a group.
func cadenceOf(g *evidence.Group) time.Duration { return time.Duration(g.Cells[0].CadenceMS * 1e6) }

// perCadence says how well the prediction does at each cadence: which one a machine needs.
func perCadence(ev *evidence.Evidence, groups []*evidence.Group) []verdict.Finding {
	var out []verdict.Finding
	for _, g := range groups {
		f := verdict.Finding{Name: fmt.Sprintf("R2 of the bytes, sampled every %v", cadenceOf(g))}
		set := ev.AllWindows([]*evidence.Group{g}, evidence.PredictedBytes, evidence.ReadBytes)
		slopes, unexplained, err := regressed(ev, set, evidence.ReadBytes, 1)
		if err != nil {
			f.Detail = err.Error()
		} else {
			r2, lo, hi := r2Of(unexplained, evidence.OneSided)
			f.Estimate, f.Detail = stats.Between(r2, lo, hi), fmt.Sprintf("slope %.3f", slopes.Mean())
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
	p99 := verdict.Panel{XLabel: "tier-2 fetch p95 of a window, ms", YLabel: "slowest TTFT of a window, ms", LogX: true, LogY: true,
		Series: []verdict.Series{scatter("a window", latency, evidence.FetchP95)}}
	return verdict.Figure{Name: "predicted_and_read", Title: "H7: what KV counters predict against what the NVMe did",
		Panels: []verdict.Panel{reads, requests, p99}}
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
