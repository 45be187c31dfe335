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
// Judged by the share of the variance of the log of a window's slowest TTFT that linear models explain inside arms, in a
// repetition that their fit has not seen (R2, one value a block): O, what an operator sees without help (memory, CPU,
// pressure, GPU); O + D, with the block device; O + D + K, with KV telemetry. Inside arms means less the arm's own mean, over
// the repetitions of the fit: between prompt lengths any counter that differs explains a tail that differs, and a mean that
// took in the repetition to be predicted would tell it something of itself. What the models explain with the arms
// together is printed, and so is what they explain where the windows of each arm are turned against their readings. What D adds
// on B is printed, because it decides whether block counters would have been enough. Readings that span orders of magnitude
// enter as log(1 + x), and the idle share of the GPU does too, because what waits for a busy server waits in proportion
// to busy / idle. Each reading enters twice, from the window in which a first token came and from the one
// before, in which its request may have begun to wait. A reading that does not vary inside arms says nothing and is left
// out by name: a server that allocates its KV pool at start leaves MemAvailable flat under full load.
//
// Beside the server other programs read files and compute now and then (configs/fio/neighbours.fio), as they do
// on a workstation: with nothing else on the machine every stall and every busy CPU is the KV loader's, and OS
// counters would know as much as it does (the world quiet_neighbours).
var h3 = harness.Hypothesis{
	ID:        "H3",
	Claim:     "Beside other programs, OS counters explain the tail of A; on B they are not enough, and KV telemetry adds what is missing",
	Mechanism: "A waits for the GPU, which counters show; B waits in the KV manager's queue, and counters do not tell its I/O from that of others",
	Falsifier: "on A, OS counters that explain little, or block counters that add to them; on B, KV telemetry that adds little",
	Config:    "h3.yaml",
	Requires:  []string{"a_r2_min", "a_gain_max", "b_gain_min"},

	Windows:  true,
	Deciding: []string{"os_explains_a", "device_adds_little_on_a", "kv_adds_on_b"},
	Decide:   decideH3,
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
	if gain, err := kOverO.gain(ev, 1); err == nil {
		out.Effect = effectOf("R2 that KV telemetry adds to OS counters on B", "", gain, kOverO.set.N(), "windows")
	}
	counters := explainWindows(ev, byStack["B"], evidence.OperatorReadings, []evidence.Reading{evidence.Tier2Blocks})
	out.Findings = append(a.findings(ev, "A", "O", "O + D"), b.findings(ev, "B", "O", "O + D", "O + D + K")...)
	out.Findings = append(out.Findings, counters.adds(ev, "blocks from tier 2 alone add, B", "without fetch latency, of "+
		"which the wait of the same requests is a part"))
	out.Findings = append(out.Findings, withinLevels(ev, byStack["B"])...)
	out.Figures = []verdict.Figure{h3Figure(a, b)}
	return out
}

// withinLevels is what KV telemetry adds to OS counters at each prompt length, by a fit of its own, where tier 2 serves
// anything.
func withinLevels(ev *evidence.Evidence, groups []*evidence.Group) []verdict.Finding {
	var out []verdict.Finding
	for _, g := range groups {
		if kv := ev.KV(g); kv == nil || kv.Tier2Share == nil || *kv.Tier2Share == 0 {
			continue
		}
		x := explainWindows(ev, []*evidence.Group{g}, evidence.OperatorReadings, evidence.KVReadings)
		detail := ""
		if b, err := x.unexplained(ev, 0); err == nil {
			detail = fmt.Sprintf("to R2 %.2f of OS counters, within this prompt length alone", 1-b.Mean())
		}
		out = append(out, x.adds(ev, fmt.Sprintf("KV telemetry adds at ctx %d, B", g.Cells[0].ContextTokens), detail))
	}
	return out
}

// explained are nested models of the slowest TTFT of the windows of some groups.
type explained struct {
	set  *evidence.WindowSet
	fit  stats.OutOfBlock
	kept [][]evidence.Reading // of each set
	mute []string             // readings that say nothing
	err  error
}

// explainWindows fits the models to all repetitions but one, each in turn. Readings that are constant inside arms or a
// combination of others are left out, one after another, and named.
func explainWindows(ev *evidence.Evidence, groups []*evidence.Group, sets ...[]evidence.Reading) explained {
	out := explained{set: ev.WindowsWithBefore(groups, slices.Concat(sets...)...), kept: make([][]evidence.Reading, len(sets))}
	for i := range sets {
		out.kept[i] = slices.Clone(sets[i])
	}
	for {
		columns := out.columns()
		counts := make([]int, len(columns))
		for i := range columns {
			counts[i] = len(columns[i])
		}
		rows := out.set.Rows(out.set.Slowest(true), slices.Concat(columns...))
		out.fit, out.err = stats.FitOutOfBlock(rows, counts, ev.Bootstrap().Draws, ev.Exp.Hypothesis.Run.Seed)
		var rank *stats.RankError
		if !errors.As(out.err, &rank) {
			return out
		}
		at := rank.Column / 2 // each reading has two columns
		for i, set := range out.kept {
			if at < len(set) {
				out.mute = append(out.mute, set[at].Name)
				out.kept[i] = slices.Delete(set, at, at+1)
				break
			}
			at -= len(set)
		}
	}
}

// columns are the values of the readings of each set, in the window and in the one before.
func (x explained) columns() [][][]stats.Rep {
	out := make([][][]stats.Rep, len(x.kept))
	for i, set := range x.kept {
		for _, r := range set {
			out[i] = append(out[i], x.set.Values(r, true), x.set.Before(r, true))
		}
	}
	return out
}

// unexplained is 1 - R2 of a model, one value a block.
func (x explained) unexplained(ev *evidence.Evidence, model int) (stats.Blocks, error) {
	if x.err != nil {
		return stats.Blocks{}, x.err
	}
	return ev.Blocks(stats.Log, evidence.InBlock(x.fit.Blocks, x.fit.Models[model].Unexplained))
}

// gain is what a model's R2 has beyond that of the one before, one value a block.
func (x explained) gain(ev *evidence.Evidence, model int) (stats.Blocks, error) {
	if x.err != nil {
		return stats.Blocks{}, x.err
	}
	return ev.Blocks(stats.Linear, evidence.InBlock(x.fit.Blocks, x.fit.Models[model].Gain))
}

// osExplainsA compares 1 - R2 as a logarithm, in which a half and a quarter are as far apart as a quarter and an eighth.
func osExplainsA(ev *evidence.Evidence, x explained) verdict.Check {
	const name = "os_explains_a"
	a, need := verdict.AlphaOf(ev), ev.Threshold("a_r2_min")
	b, err := x.unexplained(ev, 0)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("Stack A: %v", err))
	}
	c := a.Below(verdict.Check{Name: name, Unit: "of the variance unexplained", N: x.set.N(), Of: "windows"}, b, 1-need)
	r2, lo, hi := r2Of(b, float64(a))
	c.Detail = fmt.Sprintf("on A, OS counters explain R2 = %.2f [%.2f, %.2f] of the log of a window's slowest TTFT "+
		"inside arms, in repetitions not seen (%s interval over %d blocks, need above %.2f); %s; %s",
		r2, lo, hi, percent(a), c.Blocks, need, permuted(x.fit.Models[0].NullR2), x.set.LeftOut())
	return c
}

// deviceAddsLittleOnA wants the gain below the threshold: "adds little" is not "did not show".
func deviceAddsLittleOnA(ev *evidence.Evidence, x explained) verdict.Check {
	const name = "device_adds_little_on_a"
	a, most := verdict.AlphaOf(ev), ev.Threshold("a_gain_max")
	b, err := x.gain(ev, 1)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("Stack A: %v", err))
	}
	c := a.Below(verdict.Check{Name: name, N: x.set.N(), Of: "windows"}, b, most)
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("on A, block device counters add R2 = %+.3f [%+.3f, %+.3f] to them inside arms (%s interval "+
		"over %d blocks, must be below %.2f; A has no KV telemetry); %s",
		*c.Value, lo, hi, percent(a), c.Blocks, most, permuted(x.fit.Models[1].NullGain))
	return c
}

func kvAddsOnB(ev *evidence.Evidence, x explained) verdict.Check {
	const name = "kv_adds_on_b"
	a, need := verdict.AlphaOf(ev), ev.Threshold("b_gain_min")
	b, err := x.gain(ev, 1)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("Stack B: %v", err))
	}
	c := a.Above(verdict.Check{Name: name, N: x.set.N(), Of: "windows"}, b, need)
	os, err := x.unexplained(ev, 0)
	if err != nil {
		return verdict.Open(name, fmt.Sprintf("Stack B: %v", err))
	}
	lo, hi := ends(c)
	c.Detail = fmt.Sprintf("on B, KV telemetry adds R2 = %.2f [%.2f, %.2f] to what OS counters explain inside arms, %.2f "+
		"(%s interval over %d blocks, need above %.2f); %s; %s",
		*c.Value, lo, hi, 1-os.Mean(), percent(a), c.Blocks, need, permuted(x.fit.Models[1].NullGain), x.set.LeftOut())
	return c
}

// adds is what the last set adds, as a finding.
func (x explained) adds(ev *evidence.Evidence, name, detail string) verdict.Finding {
	f := verdict.Finding{Name: name, Detail: detail}
	b, err := x.gain(ev, len(x.kept)-1)
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	f.Estimate = b.Estimate(evidence.OneSided)
	return f
}

// findings print each model, inside arms and with the arms together, and what said nothing.
func (x explained) findings(ev *evidence.Evidence, stack string, names ...string) []verdict.Finding {
	if x.err != nil {
		return []verdict.Finding{{Name: "R2, " + stack, Detail: x.err.Error()}}
	}
	together, terr := ev.Bootstrap().CrossValidatedR2(x.set.Slowest(true), stats.FoldRepetition, x.columns()...)
	var out []verdict.Finding
	for i, m := range x.fit.Models {
		f := verdict.Finding{Name: fmt.Sprintf("R2 of %s on %s", names[i], stack), Detail: "inside arms, in repetitions not seen; " + permuted(m.NullR2)}
		b, err := x.unexplained(ev, i)
		gain, gerr := x.gain(ev, i)
		if err := errors.Join(err, gerr); err != nil {
			f.Detail = err.Error()
			out = append(out, f)
			continue
		}
		r2, lo, hi := r2Of(b, evidence.OneSided)
		f.Estimate = stats.Between(r2, lo, hi)
		if i > 0 {
			glo, ghi := gain.Interval(evidence.OneSided)
			f.Detail += fmt.Sprintf("; adds %+.3f [%+.3f, %+.3f] to %s; %s", gain.Mean(), glo, ghi, names[i-1], permuted(m.NullGain))
		}
		out = append(out, f)
		if terr != nil {
			out[len(out)-1].Detail += "; with arms together: " + terr.Error()
			continue
		}
		t := together[i]
		lo, hi = t.R2.Interval(evidence.Confidence)
		f.Detail += fmt.Sprintf("; with arms together R2 %.2f [%.2f, %.2f]", t.R2.Value, lo, hi)
		if i > 0 {
			glo, ghi := t.Gain.Interval(evidence.Confidence)
			f.Detail += fmt.Sprintf(", adding %+.3f [%+.3f, %+.3f]", t.Gain.Value, glo, ghi)
		}
		out[len(out)-1] = f
	}
	if len(x.mute) > 0 {
		out = append(out, verdict.Finding{Name: "silent readings, " + stack, Detail: "constant inside arms, or a combination of the others: " + strings.Join(x.mute, ", ")})
	}
	return out
}

func h3Figure(a, b explained) verdict.Figure {
	gpu := verdict.Panel{XLabel: "GPU busy in a window, %", YLabel: "slowest TTFT of a window, ms", LogY: true}
	fetch := verdict.Panel{XLabel: "longest tier-2 fetch that ended in a window, ms", YLabel: "slowest TTFT of a window, ms", LogY: true}
	for _, s := range []struct {
		name string
		set  *evidence.WindowSet
	}{{"A: unified memory only", a.set}, {"B: device + host + NVMe", b.set}} {
		gpu.Series = append(gpu.Series, scatter(s.name, s.set, evidence.GPUBusy))
	}
	fetch.Series = append(fetch.Series, scatter("B: device + host + NVMe", b.set, evidence.LongestFetch))
	return verdict.Figure{Name: "what_explains_the_slowest", Title: "H3: slowest TTFT of a window against an OS counter " +
		"and against KV telemetry", Panels: []verdict.Panel{gpu, fetch}}
}
