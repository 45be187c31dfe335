package hypotheses

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// H3: the operating system's counters inform about the tail of Stack A, and are not enough for Stack B.
//
// Mechanism: what Stack A waits for is the GPU, which everyone can see. What Stack B waits for is a queue
// inside the KV manager: a busy disk and a blocked task say that something is being read, not for whom, nor
// how many requests stand behind it.
//
// Falsifier: on A, operator counters that do not explain the tail, or device counters that add to them; on B,
// KV telemetry that adds nothing.
//
// Judged by the share of the variance of log window p99 TTFT that linear models explain in repetitions that
// their fit has not seen (cross-validated R2): O, what an operator sees without help (memory, CPU, pressure,
// GPU); O + D, with the block device; O + D + K, with KV telemetry. What D adds on B is printed, because it
// decides whether block counters would have been enough. Readings that span orders of magnitude enter as
// log(1 + x), and the idle share of the GPU does too, because what waits for a busy server waits in proportion
// to busy / idle. Each reading enters twice, from the window in which a first token came and from the one
// before, in which its request may have begun to wait. A reading that does not vary says nothing and is left
// out by name: a server that allocates its KV pool at start leaves MemAvailable flat under full load.
//
// Beside the server other programs read files and compute now and then (configs/fio/neighbours.fio), as they do
// on a workstation: with nothing else on the machine every stall and every busy CPU is the KV loader's, and OS
// counters would know as much as it does. That is the control world.
var h3 = harness.Hypothesis{
	ID:        "H3",
	Claim:     "Beside other programs, OS counters explain the tail of A; on B they are not enough, and KV telemetry adds what is missing",
	Mechanism: "A waits for the GPU, which counters show; B waits in the KV manager's queue, and counters do not tell its I/O from that of others",
	Falsifier: "on A, OS counters that explain little, or block counters that add to them; on B, KV telemetry that adds little",
	Config:    "h3.yaml",
	Requires:  []string{"a_r2_min", "a_gain_max", "b_gain_min"},

	Windows: true,
	Decide:  decideH3,
}

func TestH3(t *testing.T) { harness.Run(t, h3) }

func decideH3(ev *evidence.Evidence) verdict.Conclusion {
	byStack := map[string][]*evidence.Group{}
	for _, g := range ev.Groups() {
		byStack[g.Stack()] = append(byStack[g.Stack()], g)
	}
	a := explainWindows(ev, byStack["A"], evidence.OperatorReadings, evidence.DeviceReadings)
	b := explainWindows(ev, byStack["B"], evidence.OperatorReadings, evidence.DeviceReadings, evidence.KVReadings)
	kOverO := explainWindows(ev, byStack["B"], evidence.OperatorReadings, evidence.KVReadings)

	out := verdict.Conclusion{Gates: []gate.Gate{gate.Windows(ev, a.set), gate.Windows(ev, b.set)}}
	out.Checks = []verdict.Check{osExplainsA(ev, a), deviceAddsLittleOnA(ev, a), kvAddsOnB(ev, kOverO)}
	for i := range out.Gates {
		out.Gates[i].Name += " " + []string{"A", "B"}[i]
	}
	out.Gates = append(out.Gates, gate.FioRan(ev))
	if kOverO.err == nil {
		gain := kOverO.models[1].Gain
		lo, hi := gain.Interval(0.95)
		out.Effect = &verdict.Effect{Name: "R2 that KV telemetry adds to OS counters on B", Estimate: stats.Between(gain.Value, lo, hi), Confidence: 0.95, N: kOverO.set.N(), Of: "windows"}
	}
	counters := explainWindows(ev, byStack["B"], evidence.OperatorReadings, []evidence.Reading{evidence.Tier2Blocks})
	out.Findings = append(a.findings("A", "O", "O + D"), b.findings("B", "O", "O + D", "O + D + K")...)
	out.Findings = append(out.Findings, counters.gain("blocks from tier 2 alone add, B", "without fetch latency, of which the wait of the same requests is a part"))
	out.Findings = append(out.Findings, withinLevels(ev, byStack["B"])...)
	out.Figures = []verdict.Figure{h3Figure(a, b)}
	return out
}

// withinLevels is what KV telemetry adds to OS counters at each prompt length of its own, where tier 2 serves
// anything: over all of them together it also tells the prompt lengths that fetch from those that do not.
func withinLevels(ev *evidence.Evidence, groups []*evidence.Group) []verdict.Finding {
	var out []verdict.Finding
	for _, g := range groups {
		if kv := ev.KV(g); kv == nil || kv.Tier2Share == nil || *kv.Tier2Share == 0 {
			continue
		}
		x := explainWindows(ev, []*evidence.Group{g}, evidence.OperatorReadings, evidence.KVReadings)
		detail := ""
		if x.err == nil {
			detail = fmt.Sprintf("to R2 %.2f of OS counters, within this prompt length alone", x.models[0].R2.Value)
		}
		out = append(out, x.gain(fmt.Sprintf("KV telemetry adds at ctx %d, B", g.Cells[0].ContextTokens), detail))
	}
	return out
}

// explained are nested models of the window p99 of some groups.
type explained struct {
	set    *evidence.WindowSet
	models []stats.CrossValidation
	mute   []string // readings that say nothing
	err    error
}

// explainWindows fits the models by cross-validation over repetitions. Readings that are constant or a
// combination of others are left out, one after another, and named.
func explainWindows(ev *evidence.Evidence, groups []*evidence.Group, sets ...[]evidence.Reading) explained {
	out := explained{set: ev.WindowsWithBefore(groups, slices.Concat(sets...)...)}
	kept := make([][]evidence.Reading, len(sets))
	for i := range sets {
		kept[i] = slices.Clone(sets[i])
	}
	for {
		columns := make([][][]stats.Rep, len(kept))
		for i, set := range kept {
			for _, r := range set {
				columns[i] = append(columns[i], out.set.Values(r, true), out.set.Before(r, true))
			}
		}
		out.models, out.err = ev.Bootstrap().CrossValidatedR2(out.set.P99(true), stats.FoldRepetition, columns...)
		var rank *stats.RankError
		if !errors.As(out.err, &rank) {
			return out
		}
		at := rank.Column / 2 // each reading has two columns
		for i := range kept {
			if at < len(kept[i]) {
				out.mute = append(out.mute, kept[i][at].Name)
				kept[i] = slices.Delete(kept[i], at, at+1)
				break
			}
			at -= len(kept[i])
		}
	}
}

func osExplainsA(ev *evidence.Evidence, a explained) verdict.Check {
	need := ev.Threshold("a_r2_min")
	c := verdict.Check{Name: "os_explains_a", N: a.set.N(), Of: "windows"}
	if a.err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("Stack A: %v", a.err)
		return c
	}
	r2 := a.models[0].R2
	lo, hi := r2.Interval(0.95)
	c.State = verdict.Above(lo, hi, need)
	c.Estimate, c.Bounds = stats.Between(r2.Value, lo, hi), []float64{need}
	c.Detail = fmt.Sprintf("on A, OS counters explain R2 = %.2f [%.2f, %.2f] of log window p99 TTFT in repetitions not seen (need above %.2f); %s",
		r2.Value, lo, hi, need, a.set.LeftOut())
	return c
}

// deviceAddsLittleOnA wants the whole interval below the threshold: "adds little" is not "did not show".
func deviceAddsLittleOnA(ev *evidence.Evidence, a explained) verdict.Check {
	most := ev.Threshold("a_gain_max")
	c := verdict.Check{Name: "device_adds_little_on_a", N: a.set.N(), Of: "windows"}
	if a.err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("Stack A: %v", a.err)
		return c
	}
	gain := a.models[1].Gain
	lo, hi := gain.Interval(0.90) // one-sided at 5 %
	switch {
	case hi < most:
		c.State = verdict.Holds
	case lo >= most:
		c.State = verdict.Contradicted
	default:
		c.State = verdict.Undecided
	}
	c.Estimate, c.Bounds = stats.Between(gain.Value, lo, hi), []float64{most}
	c.Detail = fmt.Sprintf("on A, block device counters add R2 = %+.3f [%+.3f, %+.3f] to them (90 %% interval, must be below %.2f; A has no KV telemetry)", gain.Value, lo, hi, most)
	return c
}

func kvAddsOnB(ev *evidence.Evidence, b explained) verdict.Check {
	need := ev.Threshold("b_gain_min")
	c := verdict.Check{Name: "kv_adds_on_b", N: b.set.N(), Of: "windows"}
	if b.err != nil {
		c.State, c.Detail = verdict.Undecided, fmt.Sprintf("Stack B: %v", b.err)
		return c
	}
	gain := b.models[1].Gain
	lo, hi := gain.Interval(0.95)
	switch {
	case gain.Value >= need && lo > 0:
		c.State = verdict.Holds
	case hi < need:
		c.State = verdict.Contradicted
	default:
		c.State = verdict.Undecided
	}
	c.Estimate, c.Bounds = stats.Between(gain.Value, lo, hi), []float64{need}
	if gain.Value >= need {
		c.Bounds = []float64{0} // what is left for the interval to clear
	}
	c.Detail = fmt.Sprintf("on B, KV telemetry adds R2 = %.2f [%.2f, %.2f] to what OS counters explain, %.2f (need %.2f with the interval above 0); %s",
		gain.Value, lo, hi, b.models[0].R2.Value, need, b.set.LeftOut())
	return c
}

// gain is what the last set adds, as a finding.
func (x explained) gain(name, detail string) verdict.Finding {
	f := verdict.Finding{Name: name, Detail: detail}
	if x.err != nil {
		f.Detail = x.err.Error()
		return f
	}
	g := x.models[len(x.models)-1].Gain
	f.Estimate = g.Estimate(evidence.Confidence)
	return f
}

// findings print each model and what said nothing.
func (x explained) findings(stack string, names ...string) []verdict.Finding {
	if x.err != nil {
		return []verdict.Finding{{Name: "R2, " + stack, Detail: x.err.Error()}}
	}
	var out []verdict.Finding
	for i, m := range x.models {
		lo, hi := m.R2.Interval(0.95)
		f := verdict.Finding{Name: fmt.Sprintf("R2 of %s on %s", names[i], stack), Estimate: stats.Between(m.R2.Value, lo, hi), Detail: "cross-validated over repetitions"}
		if i > 0 {
			glo, ghi := m.Gain.Interval(0.95)
			f.Detail += fmt.Sprintf("; adds %+.3f [%+.3f, %+.3f] to %s", m.Gain.Value, glo, ghi, names[i-1])
		}
		out = append(out, f)
	}
	if len(x.mute) > 0 {
		out = append(out, verdict.Finding{Name: "silent readings, " + stack, Detail: "constant, or a combination of the others: " + strings.Join(x.mute, ", ")})
	}
	return out
}

func h3Figure(a, b explained) verdict.Figure {
	gpu := verdict.Panel{XLabel: "GPU busy in a window, %", YLabel: "TTFT p99 of a window, ms", LogY: true}
	fetch := verdict.Panel{XLabel: "longest tier-2 fetch that ended in a window, ms", YLabel: "TTFT p99 of a window, ms", LogY: true}
	for _, s := range []struct {
		name string
		set  *evidence.WindowSet
	}{{"A: unified memory only", a.set}, {"B: device + host + NVMe", b.set}} {
		gpu.Series = append(gpu.Series, scatter(s.name, s.set, evidence.GPUBusy))
	}
	fetch.Series = append(fetch.Series, scatter("B: device + host + NVMe", b.set, evidence.LongestFetch))
	return verdict.Figure{Name: "what_explains_p99", Title: "H3: window p99 against an OS counter and against KV telemetry", Panels: []verdict.Panel{gpu, fetch}}
}
