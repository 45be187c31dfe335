package hypotheses

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// adapterBytes are the sizes of the four adapters of H1's recording together.
const adapterBytes = 4 * 83886080.0

// passingH1 is a recording in which the cold arm has read all of its adapters since the treatments, the warm arm
// nothing, and the idle drive nothing either.
func passingH1(t *testing.T) *recording {
	own := func(ev *evidence.Evidence) gate.Gate {
		return gate.AdapterReads(ev, ev.Threshold("cold_read_share"), ev.Threshold("warm_read_share"))
	}
	r := recorded(t, gatesDecide(h1, own)).gates("min_samples", 10).gates("max_cov", 0.5)
	r.samples(func(_ record.Cell, s object) {
		if s["phase"] != record.PhasePrepare {
			s["nvme"].(object)["read_bytes"] = 0
		}
	})
	for _, cell := range []string{"phase=cold/ctx=512/conc=8/rep=1", "phase=cold/ctx=512/conc=8/rep=2"} {
		readOnce(cell, record.PhaseMeasure, 1)(r)
	}
	return r
}

// readOnce makes the drive of a cell read a share of the adapters in the second sample of a phase.
func readOnce(cell, phase string, share float64) func(*recording) {
	return func(r *recording) {
		cellSamples(r, cell, phase, func(i int, s object) {
			if i == 1 {
				s["nvme"].(object)["read_bytes"] = share * adapterBytes
			}
		})
	}
}

// readFirst makes the drive of a cell read a share of the adapters in its first sample, in which the arms are prepared.
func readFirst(cell string, share float64) func(*recording) {
	return func(r *recording) {
		cellSamples(r, cell, "", func(i int, s object) {
			if i == 0 {
				s["nvme"].(object)["read_bytes"] = share * adapterBytes
			}
		})
	}
}

// The cold arm must have read 80 % of what was asked for since its treatments, the warm arm at most 10 %.
func TestAdaptersAreReadColdOnly(t *testing.T) {
	t.Parallel()
	base := passingH1(t)
	v := base.replay().Verdict
	require.Equal(t, verdict.Supported, v.Outcome, v.Reasons)
	const gate = "adapter reads"
	for _, rep := range []string{"1", "2"} {
		cold, warm := "phase=cold/ctx=512/conc=8/rep="+rep, "phase=warm/ctx=512/conc=8/rep="+rep
		split := func(before, during float64) func(*recording) {
			return func(r *recording) {
				readOnce(cold, record.PhaseWarmup, before)(r)
				readOnce(cold, record.PhaseMeasure, during)(r)
			}
		}
		// A rate of the idle drive is taken off for as long as the arm was watched.
		idle := func(r *recording) {
			cellSamples(r, warm, "", func(_ int, s object) {
				if s["phase"] != record.PhasePrepare {
					s["nvme"].(object)["read_bytes"] = s["dt_ms"].(float64) / 1000 * 0.01 * adapterBytes
				}
			})
		}
		for _, f := range []gateFault{
			{"cold not cold", gate, "cold_not_cold", verdict.Invalid, cold + " read", readOnce(cold, record.PhaseMeasure, 0.801),
				readOnce(cold, record.PhaseMeasure, 0.799)},
			{"read in the warm-up", gate, "cold_not_cold", verdict.Invalid, cold + " read", split(0.7, 0.101), split(0.7, 0.099)},
			{"warm not warm", gate, "warm_not_warm", verdict.Invalid, warm + " read", readOnce(warm, record.PhaseMeasure, 0.099),
				readOnce(warm, record.PhaseMeasure, 0.101)},
			{"read before the treatments", gate, "cold_not_cold", verdict.Invalid, cold, readFirst(warm, 10),
				func(r *recording) {
					readOnce(cold, record.PhaseMeasure, 0)(r)
					readFirst(cold, 10)(r)
				}},
			{"more than the idle drive", gate, "warm_not_warm", verdict.Invalid, warm, idle, func(r *recording) {
				idle(r)
				readOnce(warm, record.PhaseMeasure, 0.12)(r)
			}},
			{"a size that is not told", gate, "size_unknown", verdict.Invalid, cold + ": the size of adapter runbook-writer-01", nil,
				func(r *recording) {
					cellInfo(r, cold, func(info object) {
						delete(info["settings"].(object)["adapter_bytes"].(object), "runbook-writer-01")
					})
				}},
			{"no adapter", gate, "not_measured", verdict.Invalid, warm, func(r *recording) { setFirst(r, warm, 1, "adapter", nil) },
				func(r *recording) { setFirst(r, warm, 100, "adapter", nil) }},
			{"no reading", gate, "not_measured", verdict.Invalid, warm, nil, func(r *recording) {
				cellSamples(r, warm, "", func(_ int, s object) { s["nvme"] = nil })
			}},
		} {
			f.name += ", repetition " + rep
			f.check(t, base)
		}
	}
	for _, arm := range []string{"cold", "warm"} {
		gateFault{arm + " missing", gate, "arm_missing", verdict.Invalid, "cells are missing", nil, func(r *recording) {
			r.json("plan.json", func(p object) {
				var kept []any
				for _, c := range p["cells"].([]any) {
					if !strings.HasPrefix(c.(object)["cell"].(string), "phase="+arm) {
						kept = append(kept, c)
					}
				}
				p["cells"] = kept
			})
		}}.check(t, base)
	}
}

// H1 itself asks, by its own thresholds.
func TestWhatWasReadIsChecked(t *testing.T) {
	stops := gateFault{gate: "adapter reads", code: "cold_not_cold", outcome: verdict.Invalid, says: "at least 100 % needed"}
	stops.stops(t, recorded(t, h1).threshold("cold_read_share", 1))
	stops.code, stops.says = "warm_not_warm", "at most 0 % allowed"
	stops.stops(t, recorded(t, h1).threshold("warm_read_share", 0))
}
