package hypotheses

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// h5Base is a recording of H5 in which everything holds: every cell has ten requests of 2048 tokens in its measure
// phase, and with 32 sessions and 24 GiB of host tier TTFT is half as long again as with 16, and reads are twice as many; with
// 52 GiB nothing changes.
func h5Base(t *testing.T) *recording {
	t.Helper()
	return copyOf(t, h5, func(r *recording) {
		of, n := spans(r), map[string]int{}
		r.lines("metrics.jsonl", func(cell record.Cell, q object) bool {
			key := cell.String()
			if q["phase"] != record.PhaseMeasure {
				return true
			}
			// The rest stay as what was sent before: the sessions carried it.
			if n[key]++; n[key] > 10 {
				q["phase"] = record.PhaseWarmup
				return true
			}
			q["intended_ts"] = of[key].start + 6*float64(n[key]) - 3
			q["context_tokens"], q["prompt_tokens"] = 2048, 2048
			return true
		})
		growth(1.5, 1.5)(r)
		nvmeReads(10, 10)(r)
		r.gates("min_samples", 20)
	})
}

// large reports whether a cell has the larger number of sessions, roomy whether its host tier holds all.
func large(cell record.Cell) bool { return cell.Level("sessions") == "32" }
func roomy(cell record.Cell) bool { return cell.Level("tier1") == "52GiB" }

// growth makes TTFT grow with the sessions where the host tier does not hold all, by a factor of the repetition.
func growth(first, second float64) func(*recording) { return growths(first, second, 1, 1) }

// growths makes TTFT grow with the sessions, with either host tier.
func growths(first, second, roomyFirst, roomySecond float64) func(*recording) {
	return firstTokens(func(cell record.Cell) float64 {
		switch {
		case large(cell) && roomy(cell):
			return 500 * inRep(cell, roomyFirst, roomySecond)
		case large(cell):
			return 1000 * inRep(cell, first, second)
		case roomy(cell):
			return 500
		}
		return 1000
	})
}

// slowest replaces the TTFT of the two slowest requests of ten where the host tier does not hold all, ms; the others are faster.
func slowest(small, large9, large10 float64) func(*recording) {
	return func(r *recording) {
		n := map[string]int{}
		r.requests(func(cell record.Cell, q object) {
			n[cell.String()]++
			ninth, tenth := small, 2*small
			if large(cell) && !roomy(cell) {
				ninth, tenth = large9, large10
			}
			switch n[cell.String()] {
			case 9:
				q["lat_ttft_ms"] = ninth
			case 10:
				q["lat_ttft_ms"] = tenth
			default:
				q["lat_ttft_ms"] = min(small, ninth)
			}
		})
	}
}

// nvmeReads makes reads grow with the sessions from 10 per s where the host tier does not hold all, by an amount of the repetition.
func nvmeReads(first, second float64) func(*recording) { return readsGrow(first, second, 0) }

// readsGrow makes reads grow with the sessions from 10 per s, with either host tier.
func readsGrow(first, second, roomyBoth float64) func(*recording) {
	return func(r *recording) {
		r.samples(func(cell record.Cell, s object) {
			if s["phase"] == record.PhaseMeasure {
				rps := 10.0
				switch {
				case large(cell) && roomy(cell):
					rps += roomyBoth
				case large(cell):
					rps += inRep(cell, first, second)
				}
				s["nvme"].(object)["reads"] = rps * s["dt_ms"].(float64) / 1e3
			}
		})
	}
}

func TestChecksOfH5(t *testing.T) {
	t.Parallel()
	p95, p99, reads, ratio := "p95_rises", "p99_rises", "reads_rise", "p99_ratio"
	contradicted, undecided := verdict.Contradicted, verdict.Undecided
	base := h5Base(t)
	t.Run("states", func(t *testing.T) {
		judge(t, base, []edited{
			{"all rise",
				nil, nil, "from 16 to 32 live sessions p99 TTFT grows 1.50 [1.50, 1.50] times as much with 24GiB of host tier as with 52GiB, strata: 1 (95 % interval over 2 blocks, need above 1.20)"},
			{"the tail falls", growth(0.8, 0.8), states{p95: contradicted, p99: contradicted, ratio: contradicted},
				"from 16 to 32: it rises 0.8 [0.8, 0.8] times as much with 24GiB of host tier as with 52GiB (95 % interval over 2 blocks, need above 1)"},
			{"the tail stays", growth(1, 1), states{p95: undecided, p99: undecided, ratio: contradicted}, ""},
			{"p95 alone falls", slowest(1000, 100, 2600), states{p95: contradicted}, ""},
			{"a small rise", growth(1.01, 1.01), states{ratio: contradicted}, "it rises 1.01 [1.01, 1.01]"},
			{"repetitions scatter", growth(1.3, 0.9), states{p95: undecided, p99: undecided, ratio: undecided}, ""},

			{"all rises as much where the tier holds all",
				growths(1.5, 1.5, 1.5, 1.5), states{p95: undecided, p99: undecided, ratio: contradicted}, "grows 1.00 [1.00, 1.00] times as much"},
			{"more where it holds all", growths(1.5, 1.5, 1.6, 1.6), states{p95: contradicted, p99: contradicted, ratio: contradicted}, "0.94"},
			{"less where it holds all", growths(1.5, 1.5, 1.2, 1.2), nil, "grows 1.25 [1.25, 1.25]"},
			{"not enough less", growths(1.5, 1.5, 1.26, 1.26), states{ratio: contradicted}, "grows 1.19 [1.19, 1.19]"},
			{"blocks scatter, and their pairs do not", growths(1.3, 2.6, 1, 2), nil, "grows 1.30 [1.30, 1.30]"},
			{"it falls where all is held", growths(1, 1, 0.8, 0.8), nil, "grows 1.25 [1.25, 1.25]"},

			{"reads stay", nvmeReads(0, 0), states{reads: contradicted}, "it rises by 0 [0, 0] more"},
			{"reads fall", nvmeReads(-3, -3), states{reads: contradicted}, "by -3 [-3, -3]"},
			{"fewer more reads than the margin", nvmeReads(4.9, 4.9), states{reads: contradicted}, "by 4.9 [4.9, 4.9] more with 24GiB of host tier than with 52GiB (95 % interval over 2 blocks, need above 5)"},
			{"more than it", nvmeReads(5.1, 5.1), nil, "by 5.1 [5.1, 5.1]"},
			{"another margin", allOf(nvmeReads(5.1, 5.1), given("reads_margin_rps", 5.2)), states{reads: contradicted}, "need above 5.2"},
			{"repetitions scatter in reads", nvmeReads(12, 2), states{reads: undecided}, ""},
			{"as many more where the tier holds all", readsGrow(10, 10, 10), states{reads: contradicted}, "by 0 [0, 0]"},
			{"some more where it holds all", readsGrow(10, 10, 4.9), nil, "by 5.1 [5.1, 5.1]"},

			{"just enough", growth(1.21, 1.21), nil, "grows 1.21 [1.21, 1.21]"},
			{"not enough", growth(1.19, 1.19), states{ratio: contradicted}, "grows 1.19 [1.19, 1.19]"},
			{"enough, the interval is not", growth(1.1, 1.6), states{p95: undecided, p99: undecided, ratio: undecided}, "grows 1.33 [0.12, 14.3"},
			{"enough, the interval hardly", growth(1.29, 1.31), states{ratio: undecided}, "grows 1.30 [1.18, 1.43]"},
			{"enough, the interval too", growth(1.298, 1.302), nil, "grows 1.30 [1.27, 1.33]"},
			{"not enough, the interval is", growth(1.145, 1.155), states{ratio: undecided}, "grows 1.15 [1.09, 1.2"},
			{"another ratio", allOf(growth(1.19, 1.19), given("p99_ratio", 1.1)), nil, "need above 1.10"},
		})
	})
	t.Run("without data", func(t *testing.T) { h5WithoutData(t, base) })
	t.Run("working set", func(t *testing.T) { h5WorkingSetSeen(t, base) })
	t.Run("same load", func(t *testing.T) { h5SameLoad(t, base) })
}

// Without a reading in a level, or without the arm that holds all, nothing is decided.
func h5WithoutData(t *testing.T, base *recording) {
	t.Helper()
	r := base.again(t)
	r.samples(func(cell record.Cell, s object) {
		if large(cell) {
			s["nvme"] = nil
		}
	})
	v := r.replay().Verdict
	c := checkOf(t, v, "reads_rise")
	assert.Equal(t, verdict.Undecided, c.State, c.Detail)
	assert.Contains(t, c.Detail, "turns=12/reuse=0.6: no rise of NVMe reads/s can be tested: block 1:")
	assert.NotEqual(t, verdict.Supported, v.Outcome)

	r = base.again(t)
	without("*sessions=16,rep=1")(r)
	without("*sessions=32,rep=2")(r)
	c = r.check("p99_ratio")
	assert.Equal(t, verdict.Undecided, c.State, c.Detail)
	assert.Contains(t, c.Detail, "the ratio has no interval")

	r = base.again(t)
	without("tier1=52GiB*")(r)
	for _, c := range r.replay().Verdict.Checks {
		if c.State != verdict.Noted {
			assert.Equal(t, verdict.Undecided, c.State, "%s: %s", c.Name, c.Detail)
		}
	}
}

// What the sessions carried has to agree within 15 % with what the KV manager wrote.
func h5WorkingSetSeen(t *testing.T, base *recording) {
	t.Helper()
	wrote := func(factor float64, cells func(cell record.Cell) bool) func(*recording) {
		return func(r *recording) {
			r.lines("dynkv.jsonl", func(cell record.Cell, line object) bool {
				if cells(cell) {
					tier := line["tier2"].(object)
					tier["bytes_in"] = factor * tier["bytes_in"].(float64)
				}
				return true
			})
		}
	}
	small := func(cell record.Cell) bool { return !large(cell) }
	once := func(cell record.Cell) bool { return large(cell) && cell.Level("rep") == "2" }
	judgeGate(t, base, "working set", []gated{
		{"as recorded", nil, "", "(+0.1 %); allowed 15 %"},
		{"14 % more", wrote(1.14, large), "", "sessions=32/rep=1"},
		{"16 % more", wrote(1.16, large), "apart", "sessions=32/rep=1"},
		{"14 % less", wrote(0.86, small), "", "sessions=16"},
		{"16 % less", wrote(0.84, small), "apart", "sessions=16"},
		{"16 % more in one cell", wrote(1.16, once), "apart", "sessions=32/rep=2"},
		{"another tolerance", allOf(wrote(1.16, large), given("working_set_tolerance", 0.17)), "", "allowed 17 %"},
		{"a smaller tolerance", allOf(wrote(1.14, large), given("working_set_tolerance", 0.1)), "apart", "allowed 10 %"},
		{"the KV manager does not tell", func(r *recording) {
			r.lines("dynkv.jsonl", func(cell record.Cell, line object) bool {
				if once(cell) {
					line["tier2"].(object)["bytes_in"] = nil
				}
				return true
			})
		}, "not_reported", "sessions=32/rep=2: the KV manager does not tell"},
		{"no session carried anything", func(r *recording) {
			r.lines("metrics.jsonl", func(cell record.Cell, q object) bool {
				if once(cell) {
					q["reusable_tokens"] = 31
				}
				return true
			})
		}, "no_sessions", "sessions=32/rep=2: no session carried a block"},
		{"whatever the checks say", allOf(wrote(1.16, large), growth(0.8, 0.8)), "apart", ""},
	})
}

// Fixed compute is the same request rate and the same prompt length at every level.
func h5SameLoad(t *testing.T, base *recording) {
	t.Helper()
	tokens := func(n float64) func(*recording) {
		return func(r *recording) {
			r.requests(func(cell record.Cell, q object) {
				if large(cell) {
					q["context_tokens"], q["prompt_tokens"] = n, n
				}
			})
		}
	}
	// only leaves so many of the ten requests of each repetition with 16 sessions as they are.
	only := func(of int, others func(q object)) func(*recording) {
		return func(r *recording) {
			n := map[string]int{}
			r.requests(func(cell record.Cell, q object) {
				if n[cell.String()]++; !large(cell) && n[cell.String()] > of {
					others(q)
				}
			})
		}
	}
	before := func(q object) { q["phase"] = record.PhaseWarmup }
	judgeGate(t, base, "same load", []gated{
		{"the same", nil, "", "within 0.0 %"},
		{"prompts 9 % longer", tokens(2232), "", "within 9.0 %"},
		{"prompts 11 % longer", tokens(2273), "load_differs", "turns=12/reuse=0.6: 2048 to 2273 prompt tokens"},
		{"prompts 9 % shorter", tokens(1879), "", "within 9.0 %"},
		{"prompts 11 % shorter", tokens(1845), "load_differs", "1845 to 2048 prompt tokens"},
		{"another tolerance", allOf(tokens(2273), given("rate_tolerance", 0.12)), "", "allowed 12 %"},
		{"a tenth fewer requests", only(9, before), "load_differs", "turns=12/reuse=0.6: 0.15 to 0.1667 requests/s"},
		{"a tenth fewer, another tolerance", allOf(only(9, before), given("rate_tolerance", 0.12)), "", "within 11.1 %"},
		{"no request is answered",
			only(0, func(q object) { q["rc"] = record.RCServer }), "not_measured", "sessions=16: requests/s not measured"},
		{"whatever the checks say", allOf(tokens(2273), growth(0.8, 0.8)), "load_differs", ""},
	})
}
