package hypotheses

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// ttft gives every request of the measure phase the TTFT that a law of its cell and its place in the phase, from 0
// to 1, says, ms.
func ttft(r *recording, law func(cell record.Cell, at float64) float64) {
	r.t.Helper()
	ends := map[string][2]float64{}
	for _, key := range planned(r) {
		cellInfo(r, key, func(info object) {
			load := info["load"].(object)
			ends[key] = [2]float64{load["measure_start"].(float64), load["measure_end"].(float64)}
		})
	}
	r.requests(func(cell record.Cell, q object) {
		e := ends[cell.String()]
		q["lat_ttft_ms"] = law(cell, (q["intended_ts"].(float64)-e[0])/(e[1]-e[0]))
	})
}

// thirdRepetition copies the second repetition of every cell.
func thirdRepetition(r *recording) {
	r.t.Helper()
	second := func(key string) bool { return strings.HasSuffix(key, "/rep=2") }
	third := func(key string) string { return strings.TrimSuffix(key, "2") + "3" }
	for _, key := range planned(r) {
		if second(key) {
			to := third(key)
			require.NoError(r.t, os.CopyFS(filepath.Join(r.dir, cellFile(to, "")), os.DirFS(filepath.Join(r.dir, cellFile(key, "")))))
			cellInfo(r, to, put("cell", to))
		}
	}
	r.json("plan.json", func(p object) {
		for _, c := range p["cells"].([]any) {
			if key := c.(object)["cell"].(string); second(key) {
				more := object{}
				for k, v := range c.(object) {
					more[k] = v
				}
				more["cell"], more["rep"] = third(key), 3
				p["cells"] = append(p["cells"].([]any), more)
			}
		}
	})
}

// passingH4A is a recording of a claim of no effect in which every gate passes.
func passingH4A(t *testing.T) *recording {
	r := recorded(t, gatesDecide(h4a)).gates("min_samples", 10)
	ttft(r, func(record.Cell, float64) float64 { return 1000 })
	return r
}

// repetitions gives the repetitions of one arm a TTFT each, ms.
func repetitions(fio string, ms ...float64) func(*recording) {
	return func(r *recording) {
		if len(ms) == 3 {
			thirdRepetition(r)
		}
		ttft(r, func(c record.Cell, _ float64) float64 {
			if c.Level("fio") == fio {
				return ms[c.Int("rep")-1]
			}
			return 1000
		})
	}
}

// Where nothing is claimed to happen, repetitions may scatter by 10 %: of 1000 and 1150 ms the coefficient of
// variation is 150 / (sqrt(2) 1075), 9.9 %.
func TestStability(t *testing.T) {
	t.Parallel()
	base := passingH4A(t)
	require.Equal(t, verdict.Supported, base.replay().Verdict.Outcome)
	for _, fio := range []string{"none", "heavy"} {
		for _, f := range []gateFault{
			{"a little too much", "stability", "unstable", verdict.Inconclusive, "at most 10.5 % (mark 10 %; worst: fio=" + fio,
				repetitions(fio, 1000, 1150), repetitions(fio, 1000, 1160)},
			{"twice as much", "stability", "unstable", verdict.Inconclusive,
				"at most 20.0 % (mark 10 %; worst: fio=" + fio + "/ctx=1024/conc=8); about 4.0 x the duration",
				nil, repetitions(fio, 1000, 1330)},
			{"downwards", "stability", "unstable", verdict.Inconclusive, "worst: fio=" + fio, repetitions(fio, 1150, 1000),
				repetitions(fio, 1330, 1000)},
		} {
			f.name = fio + " " + f.name
			f.check(t, base)
		}
	}
	gateFault{"one repetition", "stability", "one_repetition", verdict.Inconclusive, "fewer than two", nil, func(r *recording) {
		r.json("plan.json", func(p object) { p["cells"] = p["cells"].([]any)[:2] })
	}}.check(t, base)
}

// grade asserts that a gate is met or not, and that the verdict does not mind.
func grade(t *testing.T, r *recording, gate string, met bool, says string) {
	t.Helper()
	g := r.gate(gate)
	assert.Equal(t, met, g.Passed, g.Detail)
	assert.Contains(t, g.Detail, says)
	assert.True(t, g.Grade, "it says so, met or not")
	assert.Empty(t, g.OnFailure)
	assert.Empty(t, g.Code)
	v := r.replay().Verdict
	assert.Equal(t, verdict.Supported, v.Outcome, v.Reasons)
}

// Where a difference is claimed its interval carries the scatter: stability is printed and decides nothing.
func TestStabilityOfADifferenceIsAGrade(t *testing.T) {
	for slower, met := range map[float64]bool{1150: true, 1160: false} {
		r := passingH2A(t)
		ttft(r, func(c record.Cell, _ float64) float64 {
			if c.String() == "ctx=256/conc=4/rep=2" {
				return slower
			}
			return 1000
		})
		grade(t, r, "stability", met, "worst: ctx=256/conc=4)")
	}
}

// Reproducibility is how far the repetition lies from the median that is furthest away, above or below it.
func TestReproducibilityIsAGrade(t *testing.T) {
	t.Parallel()
	base := passingH4A(t)
	for _, fio := range []string{"none", "heavy"} {
		for _, tc := range []struct {
			ms   []float64
			met  bool
			says string
		}{
			{[]float64{1000, 1105}, true, "within 5.0 % of the median (mark 5 %; worst: fio=" + fio},
			{[]float64{1000, 1106}, false, "worst: fio=" + fio},
			{[]float64{1000, 1049, 1000}, true, "within 4.9 %"},
			{[]float64{1000, 1051, 1000}, false, "within 5.1 % of the median (mark 5 %; worst: fio=" + fio},
			{[]float64{1000, 951, 1000}, true, "within 4.9 %"},
			{[]float64{949, 1000, 1000}, false, "within 5.1 % of the median (mark 5 %; worst: fio=" + fio},
			{[]float64{1000, 1000, 951}, true, "within 4.9 %"},
		} {
			r := base.again(t)
			repetitions(fio, tc.ms...)(r)
			grade(t, r, "reproducibility", tc.met, tc.says)
		}
	}
}

// drifting gives one group a TTFT that changes from slice to slice of the measure phase, by the share of its
// median over the whole of it, and the other group none.
func drifting(group string, share float64) func(*recording) {
	return func(r *recording) {
		ttft(r, func(c record.Cell, at float64) float64 {
			if c.Without("rep").String() != group {
				return 500
			}
			return 500 * (1 + share*(float64(int(at*10))-4.5)/10)
		})
	}
}

// A rise and a fall of TTFT by more than a quarter over the phase are both no steady state.
func TestSteadyState(t *testing.T) {
	t.Parallel()
	base := passingH2A(t)
	for _, group := range []string{"ctx=256/conc=4", "ctx=512/conc=4"} {
		for _, f := range []gateFault{
			{"rises", "steady state", "trend", verdict.Inconclusive, group + ": TTFT drifts by +", drifting(group, 0.23), drifting(group, 0.27)},
			{"falls", "steady state", "trend", verdict.Inconclusive, group + ": TTFT drifts by -", drifting(group, -0.23), drifting(group, -0.27)},
			{"falls to a third", "steady state", "trend", verdict.Inconclusive, group, nil, drifting(group, -1)},
			{"warm-up was cut off", "steady state", "warmup_capped", verdict.Inconclusive, group + "/rep=2", nil, func(r *recording) {
				cellInfo(r, group+"/rep=2", func(info object) { info["load"].(object)["warmup_capped"] = true })
			}},
			// A repetition needs half of the slices, and a group one repetition.
			{"too few requests", "steady state", "not_testable", verdict.Inconclusive, "1 of 2 cells", onlyUntil(group, 0.5, 0.4),
				onlyUntil(group, 0.4, 0.4)},
		} {
			f.name = group + " " + f.name
			f.check(t, base)
		}
	}
}

// onlyUntil leaves the repetitions of a group the requests up to a place of the measure phase each.
func onlyUntil(group string, places ...float64) func(*recording) {
	return func(r *recording) {
		r.gates("min_samples", 1)
		drifting(group, 0)(r)
		ends := map[string]float64{}
		for i, place := range places {
			cell := group + "/rep=" + strconv.Itoa(i+1)
			cellInfo(r, cell, func(info object) {
				load := info["load"].(object)
				start, end := load["measure_start"].(float64), load["measure_end"].(float64)
				ends[cell] = start + place*(end-start)
			})
		}
		r.requests(func(c record.Cell, q object) {
			if end, ok := ends[c.String()]; ok && q["intended_ts"].(float64) >= end {
				q["phase"] = record.PhaseWarmup
			}
		})
	}
}

// pOf is the p-value that the steady-state gate names.
var pOf = regexp.MustCompile(`\(p ([0-9.e-]+) after Holm over (\d) cells\)`)

// A drift counts if it is significant too, by its p-value times the number of groups that were tested.
func TestDriftMustBeSignificant(t *testing.T) {
	t.Parallel()
	wobbling := func(t *testing.T, h harness.Hypothesis) *recording {
		r := recorded(t, h).gates("min_samples", 10)
		ttft(r, func(c record.Cell, at float64) float64 {
			if c.Level("ctx") == "256" {
				return 500
			}
			// Every other slice falls back, so that half of the pairs of neighbours say nothing of a trend.
			slice := int(at * 10)
			return 500 + 40*float64(slice) - 250*float64(slice%2)
		})
		return r
	}
	p := func(h harness.Hypothesis, cells string) float64 {
		g := wobbling(t, h).gates("steady_alpha", 1.1).gates("steady_max_drift", 0).gate("steady state")
		m := pOf.FindStringSubmatch(g.Detail)
		require.NotNil(t, m, g.Detail)
		require.Equal(t, cells, m[2], g.Detail)
		v, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		return v
	}
	two := gatesDecide(h2a)
	one := gatesDecide(h2a)
	one.Overloads = func(c record.Cell) bool { return c.Level("ctx") == "256" }
	both := p(two, "2")
	assert.InEpsilon(t, 2*p(one, "1"), both, 0.05)
	gateFault{"alpha", "steady state", "trend", verdict.Inconclusive, "ctx=512/conc=4",
		func(r *recording) { r.gates("steady_alpha", 0.9*both) },
		func(r *recording) { r.gates("steady_alpha", 1.1*both) },
	}.check(t, wobbling(t, two))
}
