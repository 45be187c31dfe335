package hypotheses

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// touch is the first touch of an adapter in a cell, the i-th of four: ms, 0 where nobody asks for it. A negative one timed out
// after so long.
type touch func(phase string, rep, i int) float64

// loaded are first touches that take half a second to four seconds warm, and times the factor of the repetition
// cold.
func loaded(first, second float64) touch {
	return func(phase string, rep, i int) float64 {
		ms := []float64{500, 1000, 2000, 4000}[i]
		if phase == record.ArmCold {
			ms *= []float64{first, second}[rep-1]
		}
		return ms
	}
}

// coldAndWarm is a run of H1 with these touches.
func coldAndWarm(t *testing.T, first touch, later factors) *recording {
	t.Helper()
	return recorded(t, h1).gates("min_samples", 100).answers(touches(first, later))
}

// touches are these first touches, and later requests that are the same in both arms but for the factors of a phase.
func touches(first touch, later factors) func(cell record.Cell) []answer {
	adapters := []string{"incident-triage-01", "log-summary-01", "runbook-writer-01", "alert-routing-01"}
	return func(cell record.Cell) []answer {
		phase, rep := cell.Level("phase"), cell.Int("rep")
		out := even(60, later.of(phase, rep))
		for i := range out {
			out[i].at++ // first touches come before all of them
			if first(phase, rep, i%len(adapters)) != 0 {
				out[i].adapter = adapters[i%len(adapters)]
			}
		}
		for i, adapter := range adapters {
			ms := first(phase, rep, i)
			switch {
			case ms > 0:
				out = append(out, answer{at: float64(i) / 10, ttft: ms, adapter: adapter, first: true})
			case ms < 0:
				out = append(out, answer{at: float64(i) / 10, ttft: -ms, adapter: adapter, first: true, timeout: true})
			}
		}
		return out
	}
}

// The interval, Student's over blocks, has to lie above the threshold; what it puts below is contradicted. Later requests say
// nothing here.
func TestFirstTouch(t *testing.T) {
	t.Parallel()
	ev := coldAndWarm(t, loaded(1, 1), nil).evidence()
	for _, tc := range []struct {
		name  string
		first touch
		need  float64 // 1.2 unless set
		want  verdict.State
		value float64 // 0 for any
		n     int
	}{
		{"just above", loaded(1.21, 1.21), 0, verdict.Holds, 1.21, 8},
		{"just below", loaded(1.19, 1.19), 0, verdict.Contradicted, 1.19, 8},
		{"as fast cold as warm", loaded(1, 1), 0, verdict.Contradicted, 1, 8},
		{"faster cold", loaded(0.7, 0.7), 0, verdict.Contradicted, 0.7, 8},
		{"below a higher threshold", loaded(1.21, 1.21), 1.3, verdict.Contradicted, 1.21, 8},
		{"above a lower threshold", loaded(1.19, 1.19), 1.1, verdict.Holds, 1.19, 8},
		// Two repetitions that differ by d on the log scale: the interval reaches 6.4 d to both sides.
		{"estimate and interval above", loaded(1.35, 1.36), 0, verdict.Holds, 0, 8},
		{"estimate above, 95 % interval across the threshold, 90 % interval above", loaded(1.262, 1.286), 0, verdict.Undecided, 0, 8},
		{"estimate above, interval across 1", loaded(1.1, 1.5), 0, verdict.Undecided, 0, 8},
		{"estimate below, interval above 1 and across the threshold", loaded(1.175, 1.185), 0, verdict.Undecided, 0, 8},
		{"estimate below, interval across both", loaded(1.1, 1.2), 0, verdict.Undecided, 0, 8},
		{"estimate below, interval across 1 and below the threshold", loaded(1.01, 1.02), 0, verdict.Contradicted, 0, 8},
		// Adapter by adapter, and the geometric mean: the arithmetic one, and that of the sums, lie above 1.2.
		{"some slower, some as much faster", func(phase string, rep, i int) float64 {
			factor := loaded(1, 1)(phase, rep, i)
			if phase == record.ArmCold {
				factor *= []float64{3, 1 / 3.0, 3, 1 / 3.0}[3-i]
			}
			return factor
		}, 0, verdict.Contradicted, 1, 8},
		// Without its counterpart a first touch says nothing, and what timed out has no time.
		{"an adapter that only the cold arm asked for", func(phase string, rep, i int) float64 {
			if i == 3 {
				return map[string]float64{record.ArmCold: 1e6}[phase]
			}
			return loaded(1.19, 1.19)(phase, rep, i)
		}, 0, verdict.Contradicted, 1.19, 6},
		{"a first touch that timed out", func(phase string, rep, i int) float64 {
			if i == 0 && rep == 1 && phase == record.ArmCold {
				return -1e6
			}
			return loaded(1.19, 1.19)(phase, rep, i)
		}, 0, verdict.Contradicted, 1.19, 7},
		{"first touches in one repetition alone", func(phase string, rep, i int) float64 {
			if rep == 2 && phase == record.ArmWarm {
				return 0
			}
			return loaded(1.5, 1.5)(phase, rep, i)
		}, 0, verdict.Undecided, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answered(ev, touches(tc.first, nil))
			ev.Exp.Hypothesis.Thresholds["first_touch_ratio"] = cmp.Or(tc.need, 1.2)
			checks := decidingOf(decideH1(ev).Checks)
			c := checks["first_touch"]
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Equal(t, tc.n, c.N, c.Detail)
			if tc.value > 0 {
				assert.InDelta(t, tc.value, *c.Value, 1e-9, c.Detail)
			}
			// However long the first touches take, they are not among the later requests.
			assert.Equal(t, verdict.Holds, checks["later_p99_equivalent"].State, checks["later_p99_equivalent"].Detail)
		})
	}
}

// The interval of the ratio of p99 decides, inside 1/(1+margin) and 1+margin. First touches say nothing here.
func TestLaterEquivalent(t *testing.T) {
	t.Parallel()
	ev := coldAndWarm(t, loaded(1, 1), nil).evidence()
	for _, tc := range []struct {
		name   string
		later  factors
		margin float64 // 0.1 unless set
		want   verdict.State
	}{
		{"alike", nil, 0, verdict.Holds},
		{"just inside", factors{"cold": {1.09, 1.09}}, 0, verdict.Holds},
		{"just outside", factors{"cold": {1.11, 1.11}}, 0, verdict.Contradicted},
		{"warm slower, just inside", factors{"warm": {1.09, 1.09}}, 0, verdict.Holds},
		{"warm slower, just outside", factors{"warm": {1.105, 1.105}}, 0, verdict.Contradicted},
		{"inside a wider margin", factors{"cold": {1.11, 1.11}}, 0.12, verdict.Holds},
		{"outside a narrower one", factors{"cold": {1.09, 1.09}}, 0.08, verdict.Contradicted},
		{"inside, repetitions differ", factors{"cold": {1, 1.03}}, 0, verdict.Undecided},
		{"inside, repetitions hardly differ", factors{"cold": {1, 1.01}}, 0, verdict.Holds},
		{"outside, repetitions differ", factors{"cold": {1.1, 1.3}}, 0, verdict.Undecided},
		{"inside, faster in one repetition", factors{"cold": {1, 0.94}}, 0, verdict.Undecided},
		{"a slow repetition of both arms", factors{"cold": {1, 3}, "warm": {1, 3}}, 0, verdict.Holds},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answered(ev, touches(loaded(1.5, 1.5), tc.later))
			ev.Exp.Hypothesis.Thresholds["equivalence_margin"] = cmp.Or(tc.margin, 0.1)
			checks := decidingOf(decideH1(ev).Checks)
			assert.Equal(t, tc.want, checks["later_p99_equivalent"].State, checks["later_p99_equivalent"].Detail)
			assert.Equal(t, verdict.Holds, checks["first_touch"].State, checks["first_touch"].Detail)
		})
	}
}

// Without requests after the first touches, or without an arm, there is nothing to compare.
func TestLaterEquivalentNeedsBothArms(t *testing.T) {
	t.Parallel()
	r := coldAndWarm(t, loaded(1.5, 1.5), nil)
	touched := map[any]bool{}
	r.lines("metrics.jsonl", func(cell record.Cell, q object) bool {
		key := fmt.Sprint(cell, q["adapter"])
		early := q["adapter"] != nil && q["phase"] == record.PhaseMeasure && q["lat_ttft_ms"].(float64) >= 500 && !touched[key]
		touched[key] = touched[key] || early
		return q["phase"] != record.PhaseMeasure || early || cell.Level("phase") == "cold" || cell.Int("rep") == 1
	})
	assert.Equal(t, verdict.Undecided, r.check("later_p99_equivalent").State)
	for _, phase := range []string{"cold", "warm"} {
		r := coldAndWarm(t, loaded(1.5, 1.5), nil)
		for _, rep := range []string{"1", "2"} {
			r.lose("phase=" + phase + "/ctx=512/conc=8/rep=" + rep)
		}
		checks := r.deciding()
		assert.Equal(t, verdict.Undecided, checks["first_touch"].State, "without %s", phase)
		assert.Len(t, checks, 1)
	}
}

// The gates of the edited run pass, so that the checks decide.
func TestOutcomeOfColdAndWarm(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		first touch
		later factors
		want  verdict.Outcome
	}{
		{"as claimed", loaded(1.5, 1.5), nil, verdict.Supported},
		{"first touches are as fast", loaded(1.1, 1.1), nil, verdict.Refuted},
		{"first touches are open", loaded(1.15, 1.3), nil, verdict.Inconclusive},
		{"later requests differ", loaded(1.5, 1.5), factors{"cold": {1.2, 1.2}}, verdict.Refuted},
		{"later requests are open", loaded(1.5, 1.5), factors{"cold": {1, 1.06}}, verdict.Inconclusive},
		{"one contradicts and one is open", loaded(1.1, 1.1), factors{"cold": {1, 1.06}}, verdict.Refuted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assertOutcome(t, tc.want, coldAndWarm(t, tc.first, tc.later))
		})
	}
}

// Cold is cold, and warm warm, in every repetition, by what was read beyond what the machine reads on its own.
func TestColdIsColdAndWarmWarm(t *testing.T) {
	t.Parallel()
	const own = 1e6 // B/s that the machine reads by itself
	for _, tc := range []struct {
		cold, warm [2]float64 // share of the adapters' bytes that was read, by repetition
		code       string     // "" for a pass
	}{
		{[2]float64{0.81, 0.81}, [2]float64{0.09, 0.09}, ""},
		{[2]float64{0.81, 0.79}, [2]float64{0.09, 0.09}, "cold_not_cold"},
		{[2]float64{0.79, 0.81}, [2]float64{0.09, 0.09}, "cold_not_cold"},
		{[2]float64{0.81, 0.81}, [2]float64{0.09, 0.11}, "warm_not_warm"},
		{[2]float64{0.81, 0.81}, [2]float64{0.11, 0.09}, "warm_not_warm"},
		{[2]float64{1, 1}, [2]float64{0, 0}, ""},
	} {
		r := coldAndWarm(t, loaded(1.5, 1.5), nil)
		bytes := 0.0
		r.json("cells/*/cell.json", func(v object) {
			bytes = 0
			for _, size := range v["settings"].(object)["adapter_bytes"].(object) {
				bytes += size.(float64)
			}
		})
		require.Positive(t, bytes)
		done := map[string]bool{} // the cells of which the reads are in the measure phase
		r.samples(func(cell record.Cell, s object) {
			nvme := s["nvme"].(object)
			read := own * s["dt_ms"].(float64) / 1e3
			if s["phase"] == record.PhaseMeasure && !done[cell.String()] {
				done[cell.String()] = true
				read += map[string][2]float64{"cold": tc.cold, "warm": tc.warm}[cell.Level("phase")][cell.Int("rep")-1] * bytes
			}
			nvme["read_bytes"] = read
		})
		g := r.gate("adapter reads")
		assert.Equal(t, tc.code, g.Code, g.Detail)
		assert.Equal(t, tc.code == "", g.Passed)
		if tc.code != "" {
			assert.Equal(t, verdict.Invalid, g.OnFailure)
			g = r.threshold("cold_read_share", 0.7).threshold("warm_read_share", 0.2).gate("adapter reads")
			assert.True(t, g.Passed, g.Detail)
		}
	}
}
