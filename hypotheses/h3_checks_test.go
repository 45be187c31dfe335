package hypotheses

import (
	"cmp"
	"errors"
	"fmt"
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

// oneThreshold is evidence of nothing but a threshold.
func oneThreshold(name string, v float64) *evidence.Evidence {
	ev := configured(h3)
	ev.Exp.Hypothesis.Thresholds = map[string]float64{name: v}
	return ev
}

// threeBlocks is evidence of three blocks, and of nothing else but a threshold.
func threeBlocks(name string, v float64) *evidence.Evidence {
	ev := oneThreshold(name, v)
	for rep := 1; rep <= 3; rep++ {
		c := &evidence.Cell{}
		c.Rep = rep
		ev.Cells = append(ev.Cells, c)
	}
	return ev
}

// blocksWithin are the values of three blocks whose 95 % interval is just from lo to hi on a scale and back: three values with a
// standard deviation of one have a half-width of Student's 4.303 over the root of three.
func blocksWithin(lo, hi float64, to, from func(float64) float64) []float64 {
	middle, sd := (to(lo)+to(hi))/2, (to(hi)-to(lo))/2/(4.302652729911275/math.Sqrt(3))
	return []float64{from(middle - sd), from(middle), from(middle + sd)}
}

func asItIs(x float64) float64 { return x }

// fitted is a fit with these values in each of three blocks, and where a check should not look one that decides anything.
func fitted(models ...stats.BlockModel) explained {
	for i := range models {
		for _, v := range []*[]float64{&models[i].Unexplained, &models[i].Gain} {
			if *v == nil {
				*v = []float64{0.1, 0.1, 0.1}
			}
		}
	}
	return explained{set: &evidence.WindowSet{}, fit: stats.OutOfBlock{Blocks: []string{"1", "2", "3"}, Models: models},
		kept: make([][]evidence.Reading, len(models))}
}

// OS counters explain enough if the interval of the first model's R2 lies above the threshold.
func TestOSExplainsA(t *testing.T) {
	for _, tc := range []struct {
		name   string
		lo, hi float64 // of R2
		need   float64 // 0.5 unless set
		want   verdict.State
	}{
		{"above", 0.501, 0.6, 0, verdict.Holds},
		{"estimate above, interval across", 0.499, 0.7, 0, verdict.Undecided},
		{"estimate below, interval across", 0.2, 0.501, 0, verdict.Undecided},
		{"below", 0.2, 0.499, 0, verdict.Contradicted},
		{"nothing", -0.3, 0.1, 0, verdict.Contradicted},
		{"below a higher threshold", 0.501, 0.599, 0.6, verdict.Contradicted},
		{"across a higher threshold", 0.501, 0.6, 0.59, verdict.Undecided},
		{"above a lower threshold", 0.401, 0.499, 0.4, verdict.Holds},
	} {
		t.Run(tc.name, func(t *testing.T) {
			unexplained := blocksWithin(1-tc.lo, 1-tc.hi, math.Log, math.Exp)
			c := osExplainsA(threeBlocks("a_r2_min", cmp.Or(tc.need, 0.5)), fitted(stats.BlockModel{Unexplained: unexplained}, stats.BlockModel{}))
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Equal(t, 3, c.Blocks)
			assert.Contains(t, c.Detail, fmt.Sprintf("[%.2f, %.2f]", tc.lo, tc.hi))
		})
	}
}

// Block counters add little if the interval of the second model's gain lies below the threshold.
func TestDeviceAddsLittleOnA(t *testing.T) {
	for _, tc := range []struct {
		name   string
		lo, hi float64
		most   float64 // 0.05 unless set
		want   verdict.State
	}{
		{"below", -0.05, 0.049, 0, verdict.Holds},
		{"worse than nothing", -0.2, -0.01, 0, verdict.Holds},
		{"estimate below, interval across", -0.05, 0.051, 0, verdict.Undecided},
		{"estimate above, interval across", 0.049, 0.2, 0, verdict.Undecided},
		{"above", 0.051, 0.2, 0, verdict.Contradicted},
		{"below a higher threshold", 0.051, 0.149, 0.15, verdict.Holds},
		{"across a higher threshold", 0.051, 0.149, 0.14, verdict.Undecided},
		{"above a lower threshold", 0.011, 0.049, 0.01, verdict.Contradicted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			gain := blocksWithin(tc.lo, tc.hi, asItIs, asItIs)
			c := deviceAddsLittleOnA(threeBlocks("a_gain_max", cmp.Or(tc.most, 0.05)), fitted(stats.BlockModel{}, stats.BlockModel{Gain: gain}))
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, fmt.Sprintf("[%+.3f, %+.3f]", tc.lo, tc.hi))
		})
	}
}

// KV telemetry adds enough if the interval of its gain lies above the threshold: that it lies above 0 is not enough.
func TestKVAddsOnB(t *testing.T) {
	for _, tc := range []struct {
		name   string
		lo, hi float64
		need   float64 // 0.15 unless set
		want   verdict.State
	}{
		{"above", 0.151, 0.4, 0, verdict.Holds},
		{"estimate above, interval above 0 and across the threshold", 0.149, 0.4, 0, verdict.Undecided},
		{"estimate below, interval across", 0.05, 0.151, 0, verdict.Undecided},
		{"above 0 and below the threshold", 0.051, 0.149, 0, verdict.Contradicted},
		{"across 0 and below the threshold", -0.1, 0.1, 0, verdict.Contradicted},
		{"across a higher threshold", 0.2, 0.4, 0.35, verdict.Undecided},
		{"below a higher threshold", 0.2, 0.4, 0.45, verdict.Contradicted},
		{"above a lower threshold", 0.051, 0.149, 0.05, verdict.Holds},
	} {
		t.Run(tc.name, func(t *testing.T) {
			gain := blocksWithin(tc.lo, tc.hi, asItIs, asItIs)
			c := kvAddsOnB(threeBlocks("b_gain_min", cmp.Or(tc.need, 0.15)), fitted(stats.BlockModel{}, stats.BlockModel{Gain: gain}))
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, fmt.Sprintf("[%.2f, %.2f]", tc.lo, tc.hi))
		})
	}
}

// Without a model, or without its value in one block, nothing is decided.
func TestNothingExplained(t *testing.T) {
	lacking := fitted(stats.BlockModel{}, stats.BlockModel{})
	lacking.fit.Blocks = []string{"1", "2", "4"}
	for says, x := range map[string]explained{"too few windows": {set: &evidence.WindowSet{}, err: errors.New("too few windows")},
		"block 3": lacking} {
		for _, c := range []verdict.Check{osExplainsA(threeBlocks("a_r2_min", 0.5), x), deviceAddsLittleOnA(threeBlocks("a_gain_max", 0.05), x),
			kvAddsOnB(threeBlocks("b_gain_min", 0.15), x)} {
			assert.Equal(t, verdict.Undecided, c.State, c.Name)
			assert.Contains(t, c.Detail, says)
		}
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
	r := recorded(t, h3).blocks(5).gates("min_samples", 50)
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
func byHalf(now, _ second) float64        { return 0.6*now.gpu + 0.4*now.luck }

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
