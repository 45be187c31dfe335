package hypotheses

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// h7Base is a recording of H7 in which everything holds: the device reads 100 to 170 MB/s, as predicted, and the
// requests of every window follow its fetch.
func h7Base(t *testing.T) *recording {
	t.Helper()
	return copyOf(t, h7, func(r *recording) {
		tierTwo(r, fetches7)
		evenly(r, latency7)
		device(1, 0, 0)(r)
		r.gates("min_samples", 60)
		r.config(func(h object) { h["thresholds"].(object)["e2e_margin"] = 0.1 })
	})
}

// meanPredicted is the mean over eight windows of what KV counters say was read, B/s.
const meanPredicted = 1.35e8

func fetches7(m moment) fetched {
	return fetched{1e8 + 1e7*octet(m.window), 100 + 10*pattern(m.window)}
}
func latency7(m moment) float64     { return 200 + 10*pattern(m.window) }
func fastest(cell record.Cell) bool { return cell.Level("cadence") == "500ms" }

// device makes the device read by a line through the mean of what is predicted, and in each window noise B/s more or
// less than that, and always steady B/s more.
func device(slope, noise, steady float64) func(*recording) {
	return reads(0, func(m moment) float64 {
		return meanPredicted + slope*(fetches7(m).bytesPerSecond-meanPredicted) + noise*sign(m.window) + steady
	})
}

// reads makes the device read at a rate, B/s, from the load on, and before it at that of an idle machine.
func reads(idle float64, rate func(m moment) float64) func(*recording) {
	return func(r *recording) {
		machine(r, func(m moment, seconds float64, s object) {
			v := rate(m)
			if s["phase"] == record.PhaseBaseline {
				v = idle
			}
			s["nvme"].(object)["read_bytes"] = v * seconds
		})
	}
}

// deviceIn makes the device read by a line through the mean of what is predicted, with a slope and a noise, B/s, of the
// repetition.
func deviceIn(slopes, noise [2]float64) func(*recording) {
	return reads(0, func(m moment) float64 {
		return meanPredicted + slopes[m.rep-1]*(fetches7(m).bytesPerSecond-meanPredicted) + noise[m.rep-1]*sign(m.window)
	})
}

// slower makes requests of the fastest cadence take so many ms more; they take 1050 ms in the mean.
func slower(ms float64) func(*recording) {
	return waits(func(m moment) float64 {
		if fastest(m.cell) {
			return latency7(m) + ms
		}
		return latency7(m)
	})
}

// perRep makes the device read what is predicted times a factor of the repetition.
func perRep(factors ...float64) func(*recording) {
	return reads(0, func(m moment) float64 { return fetches7(m).bytesPerSecond * factors[m.rep-1] })
}

func waits(ttft func(m moment) float64) func(*recording) {
	return func(r *recording) { evenly(r, ttft) }
}

func TestChecksOfH7(t *testing.T) {
	t.Parallel()
	wide := allOf(given("slope_least", 0.5), given("slope_most", 1.5))
	slope, r2, sum, tail, free := "bytes_slope", "bytes_r2", "bytes_add_up", "p99_tracks_fetch", "telemetry_is_free"
	base := h7Base(t)
	t.Run("states", func(t *testing.T) {
		judge(t, base, []edited{
			{"as predicted", nil, nil, "read 1.000 [1.000, 1.000] (95 % interval over 2 blocks, must lie inside 0.90 to 1.10)"},

			{"slope below the upper bound", device(1.09, 0, 0), nil, ""},
			{"slope above the upper bound", device(1.11, 0, 0), states{slope: verdict.Contradicted}, ""},
			{"slope above the lower bound", device(0.91, 0, 0), nil, ""},
			{"slope below the lower bound", device(0.89, 0, 0), states{slope: verdict.Contradicted}, ""},
			{"slope inside, its interval not", deviceIn([2]float64{1.02, 1.06}, [2]float64{}), states{slope: verdict.Undecided}, "read 1.040 [0."},
			{"another upper bound", allOf(device(1.11, 0, 0), given("slope_most", 1.12)), nil, ""},
			{"another lower bound", allOf(device(0.91, 0, 0), given("slope_least", 0.92)), states{slope: verdict.Contradicted}, ""},

			{"R2 above", device(1, 7e6, 0), nil, "R2 = 0.9"},
			{"R2 above, its interval not", allOf(deviceIn([2]float64{1, 1}, [2]float64{5e6, 8e6}), wide), states{r2: verdict.Undecided}, "R2 = 0.9"},
			{"R2 below, its interval not", allOf(deviceIn([2]float64{1, 1}, [2]float64{7e6, 1.1e7}), wide), states{r2: verdict.Undecided}, "R2 = 0.8"},
			{"R2 below", allOf(device(1, 1.3e7, 0), wide), states{r2: verdict.Contradicted}, "need above 0.90"},
			{"another R2", allOf(device(1, 1.3e7, 0), wide, given("r2_min", 0.6)), nil, "need above 0.60"},

			{"someone reads 9 % more", device(1, 0, 0.09*meanPredicted), nil, ""},
			{"someone reads 11 % more", device(1, 0, 0.11*meanPredicted), states{sum: verdict.Contradicted}, ""},
			{"the idle device reads as much", reads(3e7, func(m moment) float64 { return fetches7(m).bytesPerSecond + 3e7 }), nil, ""},
			{"the idle device read more",
				reads(3e7, func(m moment) float64 { return fetches7(m).bytesPerSecond }), states{sum: verdict.Contradicted}, ""},
			{"repetitions 0.4 % apart", perRep(0.998, 1.002), nil, "is 1.000 [0.97"},
			{"repetitions 4 % apart", perRep(0.98, 1.02), states{slope: verdict.Undecided, sum: verdict.Undecided}, "is 1.000 [0.7"},

			{"requests do not follow fetches",
				waits(func(m moment) float64 { return 300 + 50*sign(m.window) }), states{tail: verdict.Contradicted}, ""},
			{"requests follow in one block", waits(func(m moment) float64 { return latency7(m) + inRep(m.cell, 20, 60)*sign(m.window) }),
				states{tail: verdict.Undecided}, ""},
			{"another correlation",
				allOf(waits(func(m moment) float64 { return latency7(m) + 25*sign(m.window) }), given("spearman_min", 0.95)),
				states{tail: verdict.Contradicted}, "need above 0.95"},
			{"most windows lack a fetch", func(r *recording) {
				tierTwo(r, func(m moment) fetched {
					f := fetches7(m)
					if part := m.window % 5; part != 0 && part != 2 {
						f.ms = 0
					}
					return f
				})
			}, states{tail: verdict.Undecided}, "most windows are missing of cadence=500ms"},
			{"no fetch", func(r *recording) {
				tierTwo(r, func(m moment) fetched { return fetched{fetches7(m).bytesPerSecond, 0} })
			}, states{tail: verdict.Undecided}, "cannot be related"},

			{"fewer requests beside few samples",
				allOf(waits(func(m moment) float64 { return someOf(m, !fastest(m.cell)) }), func(r *recording) { r.gates("min_samples", 30) }),
				states{free: verdict.Contradicted}, "decided by completed rps, sampled every 500ms"},
			{"requests 8.6 % slower beside many samples", slower(90), nil, ""},
			{"requests 12 % slower", slower(130), states{free: verdict.Contradicted}, "decided by mean E2E latency, sampled every 500ms: 1.12"},
			{"another margin of latency", allOf(slower(130), given("e2e_margin", 0.15)), nil, ""},
			{"requests 8.6 % slower, another margin", allOf(slower(90), given("e2e_margin", 0.08)), states{free: verdict.Contradicted}, "margin 8 %"},

			{"the other arm is not that of the prediction", reads(0, func(m moment) float64 {
				if fastest(m.cell) {
					return fetches7(m).bytesPerSecond
				}
				return 3 * fetches7(m).bytesPerSecond
			}), nil, ""},
			{"the arm of the prediction", allOf(given("predict_at_ms", 1000), reads(0, func(m moment) float64 {
				if fastest(m.cell) {
					return fetches7(m).bytesPerSecond
				}
				return 3 * fetches7(m).bytesPerSecond
			})), states{slope: verdict.Contradicted, sum: verdict.Contradicted}, "read 3.000 [3.000, 3.000]"},
		})
	})
	t.Run("without data", func(t *testing.T) { h7WithoutData(t, base) })
	t.Run("cadence", func(t *testing.T) { h7CadenceKept(t, base) })
}

// someOf leaves out every other window's requests.
func someOf(m moment, some bool) float64 {
	if some && m.window%2 == 1 {
		return 0
	}
	return latency7(m)
}

// What cannot be compared leaves a check undecided.
func h7WithoutData(t *testing.T, base *recording) {
	t.Helper()
	for _, tc := range []struct {
		what   string
		edit   func(r *recording)
		checks []string
		says   string
	}{
		{"no idle baseline", func(r *recording) {
			r.samples(func(_ record.Cell, s object) {
				if s["phase"] == record.PhaseBaseline {
					s["nvme"] = nil
				}
			})
		}, []string{"bytes_add_up"}, "has no idle baseline of the device"},
		{"what does not vary explains nothing", func(r *recording) {
			tierTwo(r, func(m moment) fetched { return fetched{meanPredicted, fetches7(m).ms} })
		}, []string{"bytes_slope", "bytes_r2"}, "device reads cannot be regressed on the prediction"},
		{"no counter of bytes", func(r *recording) {
			r.lines("dynkv.jsonl", func(_ record.Cell, line object) bool { delete(line["tier2"].(object), "bytes_out"); return true })
		}, []string{"bytes_slope", "bytes_r2", "bytes_add_up"}, ""},
		{"the arm of the prediction is missing",
			without("cadence=500ms,*"), checksOfH7, "no cell was sampled every 500 ms"},
		{"the arm of the prediction was not sampled so", thinned(112), checksOfH7, "rep=1: 112 samples in 60 s"},
		{"nothing to compare the cadence with", without("cadence=1s,*"), []string{"telemetry_is_free"}, "no cell was sampled every 1s"},
		{"a repetition of one cadence is missing", without("cadence=1s,*rep=2"), []string{"telemetry_is_free"},
			"cadence=1s/ctx=4096/conc=16 was not measured"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			r := base.again(t)
			tc.edit(r)
			v := r.replay().Verdict
			assert.NotEqual(t, verdict.Supported, v.Outcome)
			for _, name := range tc.checks {
				c := checkOf(t, v, name)
				assert.Equal(t, verdict.Undecided, c.State, c.Detail)
				assert.Contains(t, c.Detail, tc.says)
			}
		})
	}
}

// Telemetry is free if every cadence completes as many requests as the slowest one.
func TestTelemetryIsFree(t *testing.T) {
	t.Parallel()
	const undecided, contradicted, holds = verdict.Undecided, verdict.Contradicted, verdict.Holds
	all := func(n ...int) [3][]int { return [3][]int{{n[0], n[0], n[0]}, {n[1], n[1], n[1]}, {n[2], n[2], n[2]}} }
	for _, tc := range []struct {
		what      string
		completed [3][]int // in 10 s, by cadence (200 ms, 1 s, 5 s) and repetition
		margin    float64
		want      verdict.State
		says      string
	}{
		{"all alike", all(1000, 1000, 1000), 0.03, holds, "at 2 cadences against sampling every 5s"},
		{"2.8 % less at the fastest", all(972, 1000, 1000), 0.03, holds, ""},
		{"more than 3 %", all(970, 1000, 1000), 0.03, contradicted, "completed rps, sampled every 200ms: 0.9700 [0.9700, " +
			"0.9700] (95 % interval over 3 blocks, margin 3 %)"},
		{"2.9 % more", all(1029, 1000, 1000), 0.03, holds, ""},
		{"more than 3 % more", all(1031, 1000, 1000), 0.03, contradicted, ""},
		{"one in the middle", all(1000, 970, 1000), 0.03, contradicted, "sampled every 1s: 0.9700"},
		{"both a little", all(985, 980, 1000), 0.03, holds, ""},
		{"both too far", all(940, 960, 1000), 0.03, contradicted, ""},
		{"the slowest", all(1000, 1000, 970), 0.03, contradicted, ""},
		{"another margin", all(960, 1000, 1000), 0.05, holds, ""},
		{"one that is undecided beside one that holds",
			[3][]int{{960, 1000, 1030}, {1000, 1000, 1000}, {1000, 1000, 1000}}, 0.03, undecided, "completed rps, sampled every 200ms: 0.99"},
		{"one that is undecided beside a contradicted one",
			[3][]int{{960, 1000, 1030}, {900, 900, 900}, {1000, 1000, 1000}}, 0.03, contradicted, "sampled every 1s"},
		{"paired by repetition", [3][]int{{800, 1000, 1250}, {800, 1000, 1250}, {800, 1000, 1250}}, 0.03, holds, ""},
		{"a repetition without an answer",
			[3][]int{{0, 1000, 1000}, {1000, 1000, 1000}, {1000, 1000, 1000}}, 0.03, undecided, "is not known: block 1: "},
	} {
		t.Run(tc.what, func(t *testing.T) {
			ev := configured(h7)
			hc := ev.Exp.Hypothesis
			hc.Thresholds = map[string]float64{"rps_margin": tc.margin, "e2e_margin": 0.1}
			hc.Run.Seed, hc.Sweep.Cadence = 1, hc.Sweep.Cadence[:0]
			hc.Run.Duration = 60e9
			for i, every := range []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second} {
				hc.Sweep.Cadence = append(hc.Sweep.Cadence, like(hc.Run.Duration, every))
				for k, n := range tc.completed[i] {
					ev.Cells = append(ev.Cells, completing(every, k+1, n))
				}
			}
			c := telemetryIsFree(ev, ev.InOrderOfSweep())
			assert.Equal(t, "telemetry_is_free", c.Name)
			assert.Equal(t, tc.want, c.State, c.Detail)
			assert.Contains(t, c.Detail, tc.says)
		})
	}
}

// like is a length of time as a configuration has it.
func like[T ~int64](_ T, d time.Duration) T { return T(d) }

// completing is a cell of a minute that answers n requests in every 10 s.
func completing(cadence time.Duration, rep, n int) *evidence.Cell {
	c := &evidence.Cell{}
	c.Cell = record.NewCell("cadence", cadence, "rep", rep)
	c.Rep, c.CadenceMS = rep, cadence.Seconds()*1e3
	c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = new(0.0), new(60.0)
	for bin := range 6 {
		for range n {
			c.Requests = append(c.Requests, evidence.Request{At: 10*float64(bin) + 5, E2E: 1000, HasE2E: true, RC: record.RCOK})
		}
	}
	return c
}

// thinned leaves of the samples of a measure phase at the fastest cadence so many. The cell has 119 of them, and 25 of the
// warm-up, which are called its.
func thinned(n int) func(r *recording) {
	return func(r *recording) {
		i := 0
		r.lines("sysmon.jsonl", func(cell record.Cell, s object) bool {
			if !fastest(cell) || cell.Level("rep") != "1" {
				return true
			}
			switch {
			case s["phase"] == record.PhaseWarmup && i < n-119:
				s["phase"] = record.PhaseMeasure
			case s["phase"] != record.PhaseMeasure:
				return true
			}
			i++
			return i <= n
		})
	}
}

// The machine was sampled as often as the arm says: of the 120 samples that are due in a cell of 60 s up to 5 % and
// one may be missing, or be too many.
func h7CadenceKept(t *testing.T, base *recording) {
	t.Helper()
	judgeGate(t, base, "cadence", []gated{
		{"as recorded", nil, "", "cadence=500ms/ctx=4096/conc=16/rep=1: 119 samples in 60 s"},
		{"5 % and one less", thinned(113), "", "113 samples"},
		{"more than that", thinned(112), "not_kept", "rep=1: 112 samples in 60 s"},
		{"5 % and one more", thinned(127), "", "127 samples"},
		{"more than that", thinned(128), "not_kept", "rep=1: 128 samples in 60 s"},
		{"no cadence", func(r *recording) {
			r.json("plan.json", func(v object) {
				for _, cell := range v["cells"].([]any) {
					if cell := cell.(object); cell["rep"] == 2.0 {
						cell["cadence_ms"] = 0
					}
				}
			})
		}, "not_swept", "the cell has no cadence"},
		{"no measure phase", func(r *recording) {
			r.json("cells/cadence=1s,*rep=2/cell.json", func(v object) { v["load"].(object)["measure_end"] = nil })
		}, "not_swept", ""},
		{"whatever the checks say", allOf(device(3, 0, 0), thinned(112)), "not_kept", ""},
	})
}

// A measure phase that is shorter than a span in which answers are counted is not one without answers.
func TestCompletedRPS(t *testing.T) {
	c := &evidence.Cell{}
	for _, tc := range []struct {
		seconds float64
		want    string
	}{
		{4, "was measured for 4 s, less than one of the spans in which answers are counted: raise run.duration"},
		{40, "has no answer"},
	} {
		c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = new(1.0), new(1+tc.seconds)
		_, err := completedRPS(c)
		require.ErrorContains(t, err, tc.want)
	}
}
