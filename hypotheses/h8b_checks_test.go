package hypotheses

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// waiting is what happens in a window of H8B: a request's TTFT, a read's time and what the operating system says of
// both, iowait in percent of all CPU time and I/O pressure in percent of the time.
type waiting struct {
	ttft   func(m moment) float64 // ms
	await  func(m moment) float64 // ms
	iowait func(m moment) float64
	psi    func(m moment) float64
}

// severity goes from 0 to 10 without fio, and from 22 to 32 beside the heavy profile.
func severity(m moment) float64 {
	if m.cell.Level("fio") == "heavy" {
		return 22 + pattern(m.window)
	}
	return pattern(m.window)
}

// line is a + b times a figure of the moment.
func line(a, b float64, of func(m moment) float64) func(m moment) float64 {
	return func(m moment) float64 { return a + b*of(m) }
}

// apply makes a recording say so from the load on; what is nil stays as it is.
func (w waiting) apply(r *recording) {
	if w.ttft != nil {
		evenly(r, w.ttft)
	}
	machine(r, func(m moment, seconds float64, s object) {
		if s["phase"] == record.PhaseBaseline {
			return
		}
		if w.await != nil {
			nvme := s["nvme"].(object)
			nvme["reads"], nvme["read_ms"] = 1000*seconds, 1000*seconds*w.await(m)
		}
		if w.iowait != nil {
			s["cpu"].(object)["iowait"] = w.iowait(m)
		}
		if w.psi != nil {
			s["psi"].(object)["io_some_us"] = 1e4 * seconds * w.psi(m)
		}
	})
}

// h8bBase is a recording of H8B in which everything holds: all four follow the severity.
func h8bBase(t *testing.T) *recording {
	t.Helper()
	return copyOf(t, h8b, func(r *recording) {
		stalled := line(0.2, 0.1, severity)
		waiting{ttft: line(100, 10, severity), await: line(0.05, 0.01, severity), iowait: stalled, psi: stalled}.apply(r)
		served(5, 5)(r)
		r.gates("min_samples", 20)
	})
}

// served multiplies what tier 2 served without fio and beside the heavy profile.
func served(none, heavy float64) func(*recording) {
	return func(r *recording) {
		r.lines("dynkv.jsonl", func(cell record.Cell, line object) bool {
			factor := none
			if cell.Level("fio") == "heavy" {
				factor = heavy
			}
			tier := line["tier2"].(object)
			tier["hits"] = factor * tier["hits"].(float64)
			return true
		})
	}
}

// noisy is the severity and n more or less.
func noisy(n float64) func(m moment) float64 {
	return func(m moment) float64 { return severity(m) + n*sign(m.window) }
}

// unrelated has nothing to do with the severity.
func unrelated(m moment) float64 { return 1 + 0.1*sign(m.window) }

// aboveIn is 1 % in so many windows of the first and of the second repetition, and elsewhere 0.05 %.
func aboveIn(first, second float64) func(m moment) float64 {
	return func(m moment) float64 {
		if m.cell.Level("fio") == "heavy" && m.window > 0 && float64(m.window) <= inRep(m.cell, first, second) {
			return 1
		}
		return 0.05
	}
}

// besideFio is a figure of the heavy arm, and below the floor in the other.
func besideFio(of func(m moment) float64) func(m moment) float64 {
	return func(m moment) float64 {
		if m.cell.Level("fio") == "heavy" {
			return of(m)
		}
		return 0.01
	}
}

func TestChecksOfH8B(t *testing.T) {
	t.Parallel()
	await, stall := "r_await_tracks", "stall_tracks"
	reads := func(of func(m moment) float64) func(*recording) {
		return allOf(given("r_await_ratio", 0.1), waiting{await: line(0.5, 0.01, of)}.apply)
	}
	stalls := func(iowait, psi func(m moment) float64) func(*recording) {
		return waiting{iowait: iowait, psi: psi}.apply
	}
	constant := func(moment) float64 { return 1 }
	follows, little := line(0.2, 0.1, severity), line(0.001, 0.002, severity)
	base := h8bBase(t)
	t.Run("states", func(t *testing.T) {
		judge(t, base, []edited{
			{"all follow", nil, nil, "r_await with Spearman's rank correlation 1.00 [1.00, 1.00] (95 % interval over 2 blocks, need above 0.50)"},

			{"reads follow closely", reads(noisy(3)), nil, "correlation 0.52 [0.52, 0.52]"},
			{"more closely asked for",
				allOf(reads(noisy(3)), given("r_await_spearman", 0.95)), states{await: verdict.Contradicted}, "need above 0.95"},
			{"reads follow closely in one block", reads(noisyIn(3, 6)), states{await: verdict.Undecided}, ""},
			{"reads follow roughly", reads(noisy(6)), states{await: verdict.Contradicted}, "correlation 0."},
			{"reads do not follow", reads(unrelated), states{await: verdict.Contradicted}, ""},
			{"reads tell the arm and nothing else", reads(labelled), states{await: verdict.Contradicted}, "correlation -0."},

			{"iowait alone follows", stalls(follows, constant), nil, "follows iowait with Spearman's rank correlation 1.00 " +
				"[1.00, 1.00], and I/O pressure with none"},
			{"pressure alone follows", stalls(constant, follows), nil, "I/O pressure with 1.00 [1.00, 1.00]"},
			{"neither follows",
				stalls(unrelated, unrelated), states{stall: verdict.Contradicted}, "iowait and io pressure some uninformative here"},
			{"both tell the arm and nothing else",
				stalls(labelled, labelled), states{stall: verdict.Contradicted}, "iowait and io pressure some uninformative here"},
			{"one in one block, one not",
				stalls(line(10, 0.1, noisyIn(3, 8)), unrelated), states{stall: verdict.Undecided}, "; io pressure some uninformative here"},
			{"both in one block",
				stalls(line(10, 0.1, noisyIn(3, 8)), line(10, 0.1, noisyIn(3, 8))), states{stall: verdict.Undecided}, ""},
			{"more closely asked for",
				allOf(stalls(line(10, 0.1, noisy(3)), unrelated), given("stall_spearman", 0.95)), states{stall: verdict.Contradicted}, "above 0.95"},
			{"as closely as asked for", allOf(stalls(line(10, 0.1, noisy(3)), unrelated), given("stall_spearman", 0.5)), nil,
				"follows iowait with Spearman's rank correlation 0.52 [0.52, 0.52]"},

			{"both below the floor", stalls(little, little), states{stall: verdict.Contradicted}, "iowait is above 0.1 % in 0 of 48 windows"},
			{"both above another floor", allOf(stalls(little, little), given("stall_floor_pct", 0.0005)), nil, ""},
			{"both below another floor",
				given("stall_floor_pct", 4), states{stall: verdict.Contradicted}, "iowait is above 4 % in 0 of 48 windows"},
			{"one below the floor", stalls(little, follows), nil, "iowait is above 0.1 % in 0 of 48 windows"},
			{"above it in a window of one block",
				stalls(aboveIn(1, 0), aboveIn(1, 0)), states{stall: verdict.Undecided}, "iowait is above 0.1 % in 1 of 48 windows"},
			{"above it in a window of each block",
				stalls(aboveIn(1, 1), aboveIn(1, 1)), states{stall: verdict.Contradicted}, "iowait is above 0.1 % in 2 of 48 windows"},
			{"above it in enough, all alike in one arm",
				stalls(besideFio(follows), besideFio(follows)), states{stall: verdict.Undecided}, "I/O pressure with 1.00 [1.00, 1.00]"},

			{"most windows of an arm are empty", waiting{ttft: func(m moment) float64 {
				if m.cell.Level("fio") == "heavy" && m.window > 4 {
					return 0
				}
				return 100 + 10*severity(m)
			}}.apply, states{await: verdict.Undecided, stall: verdict.Undecided}, "most windows are missing of fio=heavy/ctx=4096/conc=16"},
		})
	})
	t.Run("without data", func(t *testing.T) { h8bWithoutData(t, base) })
	t.Run("tier 2 engaged", func(t *testing.T) { h8bTier2Engaged(t, base) })
}

// What is not known leaves a check undecided.
func h8bWithoutData(t *testing.T, base *recording) {
	t.Helper()
	for what, edit := range map[string]func(r *recording){
		"too few reads to tell their time": func(r *recording) {
			r.samples(func(_ record.Cell, s object) { s["nvme"].(object)["reads"] = 10.0 })
		},
		"no pressure": func(r *recording) {
			r.samples(func(_ record.Cell, s object) { s["psi"] = nil })
		},
	} {
		t.Run(what, func(t *testing.T) {
			r := base.again(t)
			edit(r)
			v := r.replay().Verdict
			assert.NotEqual(t, verdict.Supported, v.Outcome)
			for _, name := range []string{"r_await_tracks", "stall_tracks"} {
				c := checkOf(t, v, name)
				assert.Equal(t, verdict.Undecided, c.State, c.Detail)
			}
		})
	}
}

// Tier 2 has to serve a fifth of the lookups in every arm; it serves 67 % of those of the base.
func h8bTier2Engaged(t *testing.T, base *recording) {
	t.Helper()
	judgeGate(t, base, "tier_2_engaged", []gated{
		{"in both arms", nil, "", "at least 67."},
		{"just enough in one arm", served(1, 0.3), "", "least: fio=heavy/ctx=4096/conc=16"},
		{"not enough in one arm", served(1, 0.28), "not_engaged", "need 20 %; least: fio=heavy/ctx=4096/conc=16"},
		{"just enough in the other", served(0.3, 1), "", "least: fio=none/ctx=4096/conc=16"},
		{"not enough in the other", served(0.26, 1), "not_engaged", "least: fio=none/ctx=4096/conc=16"},
		{"more asked for", given("tier2_hit_share", 0.72), "not_engaged", "need 72 %"},
		{"less asked for", allOf(served(1, 0.28), given("tier2_hit_share", 0.18)), "", "need 18 %"},
		{"not told in one cell", func(r *recording) {
			r.lines("dynkv.jsonl", func(cell record.Cell, line object) bool {
				if cell.Level("fio") == "none" && cell.Level("rep") == "2" {
					line["tier2"].(object)["hits"] = nil
				}
				return true
			})
		}, "not_reported", "fio=none/ctx=4096/conc=16: the server tells no hits of tier 2"},
		{"whatever the checks say", allOf(served(1, 0.28), waiting{iowait: unrelated, psi: unrelated}.apply), "not_engaged", ""},
	})
}
