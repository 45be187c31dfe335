package hypotheses

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// fioReached is the gate of H4A, H4B and H8B.
func fioReached(ev *evidence.Evidence) gate.Gate {
	return gate.FioReached(ev, ev.Threshold("r_await_ratio"))
}

// passingFio is a recording of two blocks in which a read of the probe takes 50 us without fio and three times that with it.
func passingFio(t *testing.T) *recording {
	r := recorded(t, gatesDecide(h4a, fioReached)).gates("min_samples", 10).gates("max_cov", 10)
	for _, cell := range planned(r) {
		probe(50, 150)(r, cell)
	}
	return r
}

// Where fio was to run its process was there and moved bytes, and the drive was slower by it in every block.
func TestFioMustReachTheDrive(t *testing.T) {
	t.Parallel()
	base := passingFio(t)
	require.Equal(t, verdict.Supported, base.replay().Verdict.Outcome)
	fio := func(cell string, edit func(i int, fio object) bool) func(*recording) {
		return func(r *recording) {
			cellSamples(r, cell, record.PhaseMeasure, func(i int, s object) {
				if !edit(i, s["fio"].(object)) {
					delete(s, "fio")
				}
			})
		}
	}
	for _, rep := range []string{"1", "2"} {
		none, heavy := "fio=none/ctx=1024/conc=8/rep="+rep, "fio=heavy/ctx=1024/conc=8/rep="+rep
		slower := func(us float64) func(*recording) {
			return func(r *recording) { probe(50, us)(r, heavy) }
		}
		reads := func(cell, phase string, n int, us any) func(*recording) {
			return func(r *recording) {
				cellSamples(r, cell, phase, func(_ int, s object) {
					s["probe"] = object{"n": n, "mean_us": us, "p50_us": us, "p99_us": us}
				})
			}
		}
		gone := func(samples int) func(*recording) {
			return fio(heavy, func(i int, _ object) bool { return i >= samples })
		}
		moved := func(read, written float64) func(*recording) {
			return fio(heavy, func(_ int, fio object) bool {
				fio["read_bytes"], fio["write_bytes"] = read, written
				return true
			})
		}
		unwatched := func(samples int) func(*recording) {
			return func(r *recording) {
				cellSamples(r, none, record.PhaseMeasure, func(i int, s object) {
					if i > 0 && i <= samples {
						s["nvme"] = nil
					}
				})
			}
		}
		for _, f := range []gateFault{
			{"drive not slower", "fio", "drive_not_degraded", verdict.Invalid, "(need 2.0; least in block " + rep, slower(100), slower(99.9)},
			{"no read of the probe beside fio", "fio", "probe_unknown", verdict.Invalid, "block " + rep,
				reads(heavy, record.PhaseMeasure, 1, 150.0), reads(heavy, record.PhaseMeasure, 0, nil)},
			{"no read of the probe without", "fio", "probe_unknown", verdict.Invalid, "block " + rep,
				reads(none, record.PhaseMeasure, 1, 50.0), reads(none, record.PhaseMeasure, 0, nil)},
			{"reads that take no time", "fio", "probe_unknown", verdict.Invalid, "block " + rep, nil, reads(none, record.PhaseMeasure, 20, 0)},
			{"no read before the load", "fio", "probe_unknown", verdict.Invalid, none + ": no read of the probe ended before",
				nil, reads(none, record.PhaseBaseline, 0, nil)},
			{"no probe", "fio", "no_probe", verdict.Invalid, none + ": no probe",
				nil, func(r *recording) { cellInfo(r, none, func(info object) { delete(info, "probe") }) }},
			{"carried over", "fio", "not_washed_out", verdict.Invalid, heavy, reads(heavy, record.PhaseBaseline, 20, 59.9),
				reads(heavy, record.PhaseBaseline, 20, 60.1)},
			// 3 of 59 samples are 5.1 % of the phase.
			{"fio ended", "fio", "fio_gone", verdict.Invalid, heavy + ": fio's process was there for 56 of 59 s", gone(2), gone(3)},
			{"fio idle", "fio", "fio_idle", verdict.Invalid, heavy, moved(0, 1), moved(0, 0)},
			{"fio unknown", "fio", "not_treated", verdict.Invalid, none, nil,
				func(r *recording) { cellInfo(r, none, func(info object) { delete(info, "fio") }) }},
			{"fio unknown beside the load", "fio", "not_treated", verdict.Invalid, heavy, nil,
				func(r *recording) { cellInfo(r, heavy, put("fio", nil)) }},
		} {
			f.name += ", block " + rep
			f.check(t, base)
		}
		r := base.again(t)
		unwatched(57)(r)
		assert.True(t, r.gate("fio").Passed, r.gate("fio").Detail)
		cellSamples(r, none, record.PhaseMeasure, func(_ int, s object) { s["nvme"] = nil })
		assert.Equal(t, "not_measured", r.gate("fio").Code)
	}
}

// A sweep over fio compares arms of a block.
func TestFioNeedsItsArms(t *testing.T) {
	t.Parallel()
	only := func(keep func(cell string) bool) func(*recording) {
		return func(r *recording) {
			r.json("plan.json", func(p object) {
				var kept []any
				for _, c := range p["cells"].([]any) {
					if keep(c.(object)["cell"].(string)) {
						kept = append(kept, c)
					}
				}
				p["cells"] = kept
			})
		}
	}
	base := passingFio(t)
	oneBlock := only(func(cell string) bool { return cell != "fio=heavy/ctx=1024/conc=8/rep=1" })
	for _, f := range []gateFault{
		{"no heaviest arm", "fio", "arm_missing", verdict.Invalid, "no block has both", oneBlock,
			only(func(cell string) bool { return strings.HasPrefix(cell, "fio=none") })},
		{"no lightest arm", "fio", "arm_missing", verdict.Invalid, "no block has both", oneBlock,
			only(func(cell string) bool { return strings.HasPrefix(cell, "fio=heavy") })},
		{"arms of different blocks", "fio", "arm_missing", verdict.Invalid, "no block has both", oneBlock,
			only(func(cell string) bool {
				return strings.HasPrefix(cell, "fio=heavy") == strings.HasSuffix(cell, "rep=1")
			})},
		{"one level", "fio", "no_arms", verdict.Invalid, "no arms", nil, func(r *recording) {
			r.config(func(h object) { h["sweep"].(object)["fio"] = []string{"heavy"} })
		}},
	} {
		f.check(t, base)
	}
}

// Where no fio was to run nobody else read either: at most a hundredth of what fio moved where it moved most, beyond
// the idle rate and what the KV manager accounts for.
func TestForeignReads(t *testing.T) {
	t.Parallel()
	const none1, none2 = "fio=none/ctx=4096/conc=16/rep=1", "fio=none/ctx=4096/conc=16/rep=2"
	seconds := func(r *recording, cell string) (s float64) {
		cellInfo(r, cell, func(info object) {
			load := info["load"].(object)
			s = load["measure_end"].(float64) - load["measure_start"].(float64)
		})
		return s
	}
	most := 0.0
	// The second block's fio moves 2 GB a second and the first one's half of that; the cells without read nothing.
	h := gatesDecide(h4b, gate.FioRan)
	h.Tier2 = gate.Tier2Free // the cells without fio read nothing of it here
	base := recorded(t, h).gates("min_samples", 10).gates("steady_alpha", 0)
	for cell, bytes := range map[string]float64{"fio=heavy/ctx=4096/conc=16/rep=1": 1e9, "fio=heavy/ctx=4096/conc=16/rep=2": 2e9} {
		n := 0
		cellSamples(base, cell, record.PhaseMeasure, func(_ int, s object) {
			s["fio"] = object{"read_bytes": bytes * 0.75, "write_bytes": bytes * 0.25}
			n++
		})
		if bytes == 2e9 {
			most = bytes * float64(n) / seconds(base, cell)
		}
	}
	for _, cell := range []string{none1, none2} {
		for _, phase := range []string{record.PhaseBaseline, record.PhaseMeasure} {
			cellSamples(base, cell, phase, func(_ int, s object) { s["nvme"].(object)["read_bytes"] = 0 })
		}
		cellLines(base, cell, "dynkv.jsonl", "", func(_ int, s object) { s["tier2"].(object)["bytes_out"] = 0 })
	}
	require.Equal(t, verdict.Supported, base.replay().Verdict.Outcome)
	for _, cell := range []string{none1, none2} {
		read := func(share float64) func(*recording) {
			return func(r *recording) {
				cellSamples(r, cell, record.PhaseMeasure, func(i int, s object) {
					if i == 40 {
						s["nvme"].(object)["read_bytes"] = share * most * seconds(r, cell)
					}
				})
			}
		}
		foreign := gateFault{"foreign reads in " + cell, "fio", "foreign_reads", verdict.Invalid, "nobody's in " + cell, read(0.0099),
			read(0.0101)}
		foreign.check(t, base)

		foreign.name, foreign.near = "of the KV manager, or not, in "+cell, func(r *recording) {
			read(0.5)(r)
			cellLines(r, cell, "dynkv.jsonl", record.PhaseMeasure, func(i int, s object) {
				if i >= 40 {
					s["tier2"].(object)["bytes_out"] = 0.495 * most * seconds(r, cell)
				}
			})
		}
		foreign.check(t, base)

		foreign.name, foreign.near = "of the idle machine, or not, in "+cell, func(r *recording) {
			read(0.5)(r)
			cellSamples(r, cell, record.PhaseBaseline, func(_ int, s object) { s["nvme"].(object)["read_bytes"] = 0.5 * most })
		}
		foreign.check(t, base)
	}
}

// Each hypothesis that sweeps fio asks whether it ran, and those that compare its arms whether it reached the drive.
func TestWhoeverSweepsFioChecksIt(t *testing.T) {
	t.Parallel()
	for _, h := range []harness.Hypothesis{h3, h4a, h4b, h8b} {
		r := recorded(t, h)
		require.True(t, r.gate("fio").Passed)
		cells := planned(r)
		cellInfo(r, cells[len(cells)-1], func(info object) { delete(info, "fio") })
		gateFault{gate: "fio", code: "not_treated", outcome: verdict.Invalid, says: cells[len(cells)-1]}.stops(t, r)
		if h.ID != "H3" {
			gateFault{gate: "fio", code: "drive_not_degraded", outcome: verdict.Invalid, says: "need 100"}.
				stops(t, recorded(t, h).threshold("r_await_ratio", 100))
		}
	}
}
