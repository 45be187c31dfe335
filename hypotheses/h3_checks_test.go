package hypotheses

import (
	"cmp"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/stats"
	"sparkharness/harness/verdict"
)

// uniform is a distribution whose draws lie evenly from lo to hi: its 95 % interval leaves out a fortieth of them at
// each end, its 90 % interval a twentieth.
func uniform(value, lo, hi float64) stats.Dist {
	const n = 1000
	d := stats.Dist{Value: value}
	for i := range n + 1 {
		d.Draws = append(d.Draws, lo+(hi-lo)*float64(i)/n)
	}
	return d
}

// oneThreshold is evidence of nothing but a threshold.
func oneThreshold(name string, v float64) *evidence.Evidence {
	ev := configured(h3)
	ev.Exp.Hypothesis.Thresholds = map[string]float64{name: v}
	return ev
}

// certain is a distribution that decides any threshold, put where a check should not look.
var certain = uniform(0.9, 0.9, 0.9)

// OS counters explain enough if the 95 % interval of the first model's R2 lies above the threshold.
func TestOSExplainsA(t *testing.T) {
	for _, tc := range []struct {
		name string
		r2   stats.Dist
		need float64 // 0.5 unless set
		want verdict.State
	}{
		{"above", uniform(0.55, 0.499, 0.599), 0, verdict.Holds},
		{"estimate above, 95 % interval across, 90 % interval above", uniform(0.55, 0.497, 0.597), 0, verdict.Undecided},
		{"estimate above, interval across", uniform(0.58, 0.3, 0.65), 0, verdict.Undecided},
		{"estimate below, interval across", uniform(0.42, 0.3, 0.65), 0, verdict.Undecided},
		{"estimate below, 95 % interval across, 90 % interval below", uniform(0.45, 0.403, 0.503), 0, verdict.Undecided},
		{"below", uniform(0.45, 0.401, 0.501), 0, verdict.Contradicted},
		{"nothing", uniform(-0.1, -0.3, 0.1), 0, verdict.Contradicted},
		{"below a higher threshold", uniform(0.55, 0.499, 0.599), 0.6, verdict.Contradicted},
		{"across a higher threshold", uniform(0.55, 0.499, 0.599), 0.56, verdict.Undecided},
		{"above a lower threshold", uniform(0.45, 0.401, 0.501), 0.4, verdict.Holds},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := explained{set: &evidence.WindowSet{}, models: []stats.CrossValidation{{R2: tc.r2, Gain: certain}, {R2: certain, Gain: certain}}}
			c := osExplainsA(oneThreshold("a_r2_min", cmp.Or(tc.need, 0.5)), a)
			assert.Equal(t, tc.want, c.State, c.Detail)
		})
	}
}

// Block counters add little if the whole 90 % interval of the second model's gain lies below the threshold.
func TestDeviceAddsLittleOnA(t *testing.T) {
	for _, tc := range []struct {
		name string
		gain stats.Dist
		most float64 // 0.05 unless set
		want verdict.State
	}{
		{"below, by the one-sided test at 5 %", uniform(0, -0.05, 0.053), 0, verdict.Holds},
		{"worse than nothing", uniform(-0.1, -0.2, -0.01), 0, verdict.Holds},
		{"estimate below, interval across", uniform(0, -0.05, 0.058), 0, verdict.Undecided},
		{"estimate above, interval across", uniform(0.06, -0.05, 0.2), 0, verdict.Undecided},
		{"estimate above, interval just across", uniform(0.1, 0.044, 0.144), 0, verdict.Undecided},
		{"above, by the one-sided test at 5 %", uniform(0.1, 0.047, 0.147), 0, verdict.Contradicted},
		{"all", uniform(0.8, 0.7, 0.9), 0, verdict.Contradicted},
		{"below a higher threshold", uniform(0.1, 0.047, 0.147), 0.15, verdict.Holds},
		{"across a higher threshold", uniform(0.1, 0.047, 0.147), 0.09, verdict.Undecided},
		{"above a lower threshold", uniform(0.1, 0.047, 0.147), 0.01, verdict.Contradicted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := explained{set: &evidence.WindowSet{}, models: []stats.CrossValidation{{R2: certain, Gain: certain}, {R2: certain, Gain: tc.gain}}}
			c := deviceAddsLittleOnA(oneThreshold("a_gain_max", cmp.Or(tc.most, 0.05)), a)
			assert.Equal(t, tc.want, c.State, c.Detail)
		})
	}
}

// KV telemetry adds enough if the estimate reaches the threshold and the 95 % interval lies above 0: neither is
// enough. What the interval puts below the threshold is contradicted.
func TestKVAddsOnB(t *testing.T) {
	for _, tc := range []struct {
		name string
		gain stats.Dist
		need float64 // 0.15 unless set
		want verdict.State
	}{
		{"estimate reaches it, interval above 0 and across the threshold", uniform(0.151, -0.006, 0.294), 0, verdict.Holds},
		{"estimate reaches it, 95 % interval across 0, 90 % interval above", uniform(0.151, -0.01, 0.29), 0, verdict.Undecided},
		{"estimate reaches it, interval across 0", uniform(0.3, -0.1, 0.6), 0, verdict.Undecided},
		{"all of it above the threshold", uniform(0.3, 0.2, 0.4), 0, verdict.Holds},
		{"estimate below, interval above 0 and across the threshold", uniform(0.149, 0.05, 0.3), 0, verdict.Undecided},
		{"estimate below, 95 % interval across the threshold, 90 % interval below", uniform(0.1, 0.053, 0.153), 0, verdict.Undecided},
		{"interval above 0 and below the threshold", uniform(0.1, 0.051, 0.151), 0, verdict.Contradicted},
		{"interval across 0 and below the threshold", uniform(0.02, -0.1, 0.1), 0, verdict.Contradicted},
		{"estimate below a higher threshold", uniform(0.3, 0.2, 0.4), 0.35, verdict.Undecided},
		{"below a higher threshold", uniform(0.3, 0.2, 0.4), 0.45, verdict.Contradicted},
		{"a lower threshold", uniform(0.1, 0.051, 0.151), 0.09, verdict.Holds},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := explained{set: &evidence.WindowSet{}, models: []stats.CrossValidation{{R2: certain, Gain: certain}, {R2: certain, Gain: tc.gain}}}
			c := kvAddsOnB(oneThreshold("b_gain_min", cmp.Or(tc.need, 0.15)), b)
			assert.Equal(t, tc.want, c.State, c.Detail)
		})
	}
}

// Without a model nothing is decided.
func TestNothingExplained(t *testing.T) {
	x := explained{set: &evidence.WindowSet{}, err: errors.New("too few windows")}
	for _, c := range []verdict.Check{osExplainsA(oneThreshold("a_r2_min", 0.5), x), deviceAddsLittleOnA(oneThreshold("a_gain_max", 0.05), x),
		kvAddsOnB(oneThreshold("b_gain_min", 0.15), x)} {
		assert.Equal(t, verdict.Undecided, c.State, c.Name)
		assert.Contains(t, c.Detail, "too few windows")
	}
}

// second is what a machine does in a second, each figure in 0 to 1 and of no relation to the others; luck is what
// nobody sees.
type second struct{ gpu, iowait, reads, hits, luck float64 }

// seconds are those of a cell's measure phase.
func seconds(cell record.Cell) []second {
	h := fnv.New64a()
	h.Write([]byte(cell.String()))
	r := rand.New(rand.NewPCG(7, h.Sum64()))
	out := make([]second, 120)
	for i := range out {
		out[i] = second{r.Float64(), r.Float64(), r.Float64(), r.Float64(), r.Float64()}
	}
	return out
}

// cause says how slow the answer of a window is (0 to 1 and beyond, on the log scale), of the seconds of the window
// and of the one before.
type cause func(now, before second) float64

// causes is a run of H3 in windows of two seconds, each with one answer, whose latencies have these causes. Where
// telling is set, the block device reads what tier 2 serves on stack B.
func causes(t *testing.T, a, b cause, telling bool) *recording {
	t.Helper()
	r := recorded(t, h3).gates("min_samples", 50)
	r.config(func(h object) { h["windows"].(object)["length"] = "2s" })
	r.answers(func(cell record.Cell) []answer {
		of, s := a, seconds(cell)
		if cell.Level("stack") == "B" {
			of = b
		}
		window := func(i int) second {
			x, y := s[2*i], s[2*i+1]
			return second{(x.gpu + y.gpu) / 2, (x.iowait + y.iowait) / 2, (x.reads + y.reads) / 2, (x.hits + y.hits) / 2, x.luck}
		}
		var out []answer
		// The first sample after warm-up, which is sampled rarely, says little of the first window.
		for i := 2; i < measured/2; i++ {
			a := answer{at: 2*float64(i) + 0.1, ttft: 100 * math.Exp(2*of(window(i), window(i-1)))}
			require.Less(t, a.ttft, 1900.0, "the first token comes in the same window")
			out = append(out, a)
		}
		return out
	})
	type clock struct {
		start float64
		s     []second
	}
	clocks := map[string]*clock{}
	// A sample is that of the second that it ends.
	at := func(cell record.Cell, s object) (x second, measuring bool) {
		c := clocks[cell.String()]
		if c == nil {
			c = &clock{r.start(filepath.Join(r.dir, "cells", cell.Folder())), seconds(cell)}
			clocks[cell.String()] = c
		}
		k := int(math.Round(s["ts"].(float64) - c.start))
		if k < 1 {
			return x, false
		}
		return c.s[k-1], true
	}
	r.samples(func(cell record.Cell, s object) {
		x, ok := at(cell, s)
		if !ok {
			return
		}
		s["gpu"].(object)["util"] = 50 + 40*x.gpu
		s["cpu"] = object{"user": 5, "system": 1, "iowait": 10 * x.iowait, "idle": 94 - 10*x.iowait}
		s["psi"] = object{"io_some_us": 10, "io_full_us": 0, "mem_some_us": 0, "mem_full_us": 0}
		s["mem"] = object{"MemAvailable": 1 << 35, "Cached": 1 << 33, "SwapTotal": 0, "SwapFree": 0}
		nvme := s["nvme"].(object)
		nvme["reads"], nvme["weighted_ms"], nvme["io_ms"] = 1000*x.reads, 100, 100
		if telling && cell.Level("stack") == "B" {
			nvme["reads"] = 1000 * x.hits
		}
	})
	hits, fetches := map[string]float64{}, map[string]float64{}
	return r.lines("dynkv.jsonl", func(cell record.Cell, s object) bool {
		key, counters := cell.String(), s["tier2"].(object)
		if x, ok := at(cell, s); ok {
			hits[key] += 100 * x.hits
			fetches[key]++
		}
		counters["hits"], counters["fetch_count"] = hits[key], fetches[key]
		counters["fetch_queue_ms_sum"], counters["fetch_transfer_ms_sum"] = 0, 50*fetches[key]
		return true
	})
}

func byGPU(now, _ second) float64         { return now.gpu }
func byGPUThen(_, then second) float64    { return then.gpu }
func byReads(now, _ second) float64       { return now.reads }
func byIOWait(now, _ second) float64      { return now.iowait }
func byHits(now, _ second) float64        { return now.hits }
func byGPUAndReads(now, _ second) float64 { return 0.8*now.gpu + 0.4*now.reads }
func byHalf(now, _ second) float64        { return 0.6*now.gpu + 0.3*now.luck }

// Causes that are known come out: each check asks its own stack about its own readings. The gates of the edited run
// pass, so that the checks decide.
func TestKnownCausesComeOut(t *testing.T) {
	t.Parallel()
	const holds, not, open = verdict.Holds, verdict.Contradicted, verdict.Undecided
	for _, tc := range []struct {
		name           string
		a, b           cause
		telling        bool
		os, device, kv verdict.State
		want           verdict.Outcome
	}{
		{"the GPU on A, tier 2 on B", byGPU, byHits, false, holds, holds, holds, verdict.Supported},
		{"the GPU in the window before, and block counters that know of tier 2", byGPUThen, byHits, true, holds, holds, holds, verdict.Supported},
		{"block counters on A", byReads, byHits, false, not, not, holds, verdict.Refuted},
		{"the GPU and block counters on A, the OS on B", byGPUAndReads, byIOWait, false, holds, not, not, verdict.Refuted},
		{"block counters on B", byGPU, byReads, false, holds, holds, not, verdict.Refuted},
		{"the GPU on A, in part", byHalf, byHits, false, open, holds, holds, verdict.Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			checks := assertOutcome(t, tc.want, causes(t, tc.a, tc.b, tc.telling))
			for name, want := range map[string]verdict.State{"os_explains_a": tc.os, "device_adds_little_on_a": tc.device, "kv_adds_on_b": tc.kv} {
				assert.Equal(t, want, checks[name].State, "%s: %s", name, checks[name].Detail)
			}
		})
	}
}
