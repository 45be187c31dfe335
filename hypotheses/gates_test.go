package hypotheses

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
	"sparkharness/harness/verdict"
)

// passingH2A is a recording in which every gate passes, so that what an edit does is its own.
func passingH2A(t *testing.T) *recording {
	return recorded(t, gatesDecide(h2a)).gates("min_samples", 10)
}

func TestGatesPass(t *testing.T) {
	v := passingH2A(t).replay().Verdict
	assert.Equal(t, verdict.Supported, v.Outcome, v.Reasons)
	for _, g := range v.Gates {
		assert.True(t, g.Passed, "%s: %s", g.Name, g.Detail)
	}
}

// Whichever cell it is, the worst one decides.
func TestWorstCellDecides(t *testing.T) {
	t.Parallel()
	base := passingH2A(t)
	for _, cell := range planned(base) {
		covered := func(samples int) func(*recording) {
			return func(r *recording) {
				for _, other := range planned(r) {
					cellInfo(r, other, func(info object) {
						coverage := info["coverage"].(object)
						coverage["slots"] = 100
						for _, s := range coverage["sources"].([]any) {
							source := s.(object)
							source["samples"] = 100
							if other == cell && source["name"] == "gpu" {
								source["samples"] = samples
							}
						}
					})
				}
			}
		}
		prompt := func(tokens func(nominal float64) float64) func(*recording) {
			return func(r *recording) {
				cellRequests(r, cell, func(i int, q object) {
					if i == 5 {
						q["prompt_tokens"] = tokens(q["context_tokens"].(float64))
					}
				})
			}
		}
		busy := func(more int) func(*recording) {
			return func(r *recording) {
				for _, other := range planned(r) { // three times the machine's own idle is allowed
					cellSamples(r, other, record.PhaseBaseline, func(i int, s object) {
						nvme := s["nvme"].(object)
						nvme["reads"], nvme["writes"] = 4, 6
						if other == cell {
							nvme["reads"], nvme["writes"] = 12, 18
						}
						if other == cell && i == 0 {
							nvme["writes"] = 18 + more
						}
					})
				}
			}
		}
		for _, f := range []gateFault{
			{"alignment", "alignment", "coverage", verdict.Invalid, "gpu of " + cell, covered(95), covered(94)},
			{"a prompt too short", "prompt", "prompt_length", verdict.Invalid, cell,
				prompt(func(n float64) float64 { return math.Ceil(0.95 * n) }), prompt(func(n float64) float64 { return math.Ceil(0.95*n) - 1 })},
			{"a prompt too long", "prompt", "prompt_length", verdict.Invalid, cell,
				prompt(func(n float64) float64 { return math.Floor(1.05 * n) }), prompt(func(n float64) float64 { return math.Floor(1.05*n) + 1 })},
			{"foreign I/O", "environment", "foreign_traffic", verdict.Invalid, cell, busy(0), busy(1)},
		} {
			f.name = cell + " " + f.name
			f.check(t, base)
		}
	}
}

// Whichever group of repetitions it is, the worst one decides.
func TestWorstGroupDecides(t *testing.T) {
	t.Parallel()
	base := passingH2A(t)
	for _, g := range []struct {
		key      string
		requests int
	}{{"ctx=256/conc=4", 56}, {"ctx=512/conc=4", 53}} {
		first, second := g.key+"/rep=1", g.key+"/rep=2"
		late := func(ms float64) func(*recording) {
			return func(r *recording) {
				r.gates("max_send_lag_share", 0)
				setFirst(r, second, 1, "send_lag_ms", ms)
			}
		}
		ended := func(rc string, n int) func(*recording) {
			return func(r *recording) {
				r.gates("max_error_rate", 0.02) // of 56 as of 53 requests: one
				setFirst(r, first, n, "rc", rc)
			}
		}
		left := g.requests - 15
		few := func(need int) func(*recording) {
			return func(r *recording) {
				r.gates("min_samples", need)
				setFirst(r, first, 15, "phase", record.PhaseWarmup)
			}
		}
		for _, f := range []gateFault{
			// p99 of 56 values lies 0.45 of the way from the last but one to the last, that of 53 values 0.48.
			{"send lag", "client", "send_lag", verdict.Invalid, g.key + ": p99 send lag", late(2), late(2.5)},
			{"failures", "errors", "failed_requests", verdict.Invalid, g.key + ": 2 of", ended(record.RCCut, 1), ended(record.RCCut, 2)},
			{"time-outs", "errors", "timeouts", verdict.Inconclusive, g.key + ": 2 of", ended(record.RCTimeout, 1), ended(record.RCTimeout, 2)},
			{"few samples", "samples", "few_samples", verdict.Inconclusive, g.key + " has n", few(left), few(left + 1)},
		} {
			f.name = g.key + " " + f.name
			f.check(t, base)
		}
	}
}

// Every other code of the gates. The fault is in the last cell: a gate that looks at the first alone misses it.
func TestGateCodes(t *testing.T) {
	t.Parallel()
	base := passingH2A(t)
	cells := planned(base)
	last := cells[len(cells)-1]
	nothing := func(r *recording) {
		r.requests(func(_ record.Cell, q object) { q["phase"] = record.PhaseWarmup })
	}
	lastEmpty := func(r *recording) { setFirst(r, last, 100, "phase", record.PhaseWarmup) }
	for _, f := range []gateFault{
		{"no slots", "alignment", "no_samples", verdict.Invalid, last, nil, func(r *recording) {
			cellInfo(r, last, func(info object) {
				c := info["coverage"].(object)
				c["slots"] = 0
				for _, s := range c["sources"].([]any) {
					s.(object)["samples"] = 0
				}
			})
		}},
		{"a cell without prompt counts", "prompt", "not_reported", verdict.Invalid, last,
			func(r *recording) { setFirst(r, last, 1, "prompt_tokens", nil) },
			func(r *recording) { setFirst(r, last, 100, "prompt_tokens", nil) }},
		{"no prompts", "prompt", "not_reported", verdict.Invalid, "no request", lastEmpty, nothing},
		{"nothing sent", "client", "no_requests", verdict.Invalid, "no request", lastEmpty, nothing},
		{"nothing answered", "errors", "no_requests", verdict.Invalid, "no request", lastEmpty, nothing},
		{"no baseline", "environment", "no_baseline", verdict.Invalid, last,
			func(r *recording) {
				cellSamples(r, last, record.PhaseBaseline, func(i int, s object) {
					if i > 0 {
						s["nvme"] = nil
					}
				})
			},
			func(r *recording) {
				cellSamples(r, last, record.PhaseBaseline, func(_ int, s object) { s["nvme"] = nil })
			}},
		{"a cell is missing", "samples", "cells_missing", verdict.Inconclusive, "3 of 4 planned cells", nil, func(r *recording) {
			require.NoError(r.t, os.Remove(filepath.Join(r.dir, cellFile(last, "cell.json"))))
		}},
		{"what failed is no sample", "samples", "few_samples", verdict.Inconclusive, "has n 52",
			func(r *recording) { r.gates("min_samples", 53) },
			func(r *recording) {
				r.gates("min_samples", 53).gates("max_error_rate", 0.5)
				setFirst(r, last, 1, "rc", record.RCCut)
			}},
	} {
		f.check(t, base)
	}
}

// Nothing is said to cover a cell that nothing watched, or in which a source is missing that the others of its stack have.
func TestEveryCellIsWatchedAlike(t *testing.T) {
	t.Parallel()
	base := recorded(t, gatesDecide(h2b)).gates("min_samples", 1).gates("steady_alpha", 0)
	require.True(t, base.gate("alignment").Passed)
	sources := func(ofLevel string, edit func(all []any) []any) func(*recording) {
		return func(r *recording) {
			for _, cell := range planned(r) {
				if strings.Contains(cell, ofLevel) {
					cellInfo(r, cell, func(info object) {
						c := info["coverage"].(object)
						c["sources"] = edit(c["sources"].([]any))
					})
				}
			}
		}
	}
	none := func([]any) []any { return []any{} }
	reversed := func(all []any) []any { slices.Reverse(all); return all }
	for _, f := range []gateFault{
		{"no source at 4096 tokens", "alignment", "no_sources", verdict.Invalid, "ctx=4096", sources("ctx=4096", reversed), sources("ctx=4096", none)},
		{"no source anywhere", "alignment", "no_sources", verdict.Invalid, "no source of telemetry", nil, sources("", none)},
		{"one source less", "alignment", "other_sources", verdict.Invalid, "kvbm", nil,
			sources("stack=B/ctx=4096", func(all []any) []any { return all[:len(all)-1] })},
		{"another source", "alignment", "other_sources", verdict.Invalid, "ctx=4096/conc=32/rep=2", nil,
			sources("ctx=4096/conc=32/rep=2", func(all []any) []any { all[1].(object)["name"] = "other"; return all })},
		{"a source twice instead of another", "alignment", "other_sources", verdict.Invalid, "ctx=4096", nil,
			sources("ctx=4096", func(all []any) []any { all[1].(object)["name"] = "proc"; return all })},
	} {
		f.check(t, base)
	}
}

// The lag that is allowed grows with TTFT where a share of it is more than the fixed limit.
func TestSendLagMayBeAShareOfTTFT(t *testing.T) {
	late := func(ms float64) func(*recording) {
		// 1 % of a p50 of 336.6 ms is allowed, and p99 is 0.45 of the one request that is late.
		return func(r *recording) { setFirst(r, "ctx=256/conc=4/rep=1", 1, "send_lag_ms", ms) }
	}
	base := passingH2A(t)
	gateFault{"share", "client", "send_lag", verdict.Invalid, "allowed 3.366 ms", late(7.4), late(7.6)}.check(t, base)
}

// Whatever a request failed by, it counts; a refusal does unless the claim is about refusals.
func TestEveryFailureCounts(t *testing.T) {
	t.Parallel()
	one := func(h harness.Hypothesis, rc string) *recording {
		r := recorded(t, gatesDecide(h)).gates("max_error_rate", 0.001)
		setFirst(r, planned(r)[0], 1, "rc", rc)
		return r
	}
	failed := gateFault{gate: "errors", code: "failed_requests", outcome: verdict.Invalid, says: ": 1 of "}
	for _, rc := range []string{record.RCHTTP, record.RCRefused, record.RCCut, record.RCServer, record.RCMalformed, record.RCShort,
		record.RCCancelled} {
		failed.stops(t, one(h2a, rc))
	}
	failed.stops(t, one(h4a, record.RCRejected))
	g := one(h2a, record.RCRejected).gate("errors")
	assert.True(t, g.Passed, g.Detail)
}

// A cell that is meant to be overloaded may time out, and its warm-up may reach its limit; fail it may not.
func TestOverloadIsExcused(t *testing.T) {
	t.Parallel()
	base := recorded(t, gatesDecide(h0)).gates("min_samples", 10)
	const closed, open = "ctx=256/conc=16/rep=2", "ctx=256/rate=4/rep=2"
	ended := func(cell, rc string) func(*recording) {
		return func(r *recording) {
			r.gates("max_error_rate", 0.001)
			setFirst(r, cell, 1, "rc", rc)
		}
	}
	capped := func(cell string) func(*recording) {
		return func(r *recording) {
			cellInfo(r, cell, func(info object) { info["load"].(object)["warmup_capped"] = true })
		}
	}
	for _, f := range []gateFault{
		{"time-out", "errors", "timeouts", verdict.Inconclusive, "conc=16: 1 of", ended(open, record.RCTimeout), ended(closed, record.RCTimeout)},
		{"failure", "errors", "failed_requests", verdict.Invalid, "rate=4: 1 of", nil, ended(open, record.RCCut)},
		{"warm-up", "steady state", "warmup_capped", verdict.Inconclusive, closed, capped(open), capped(closed)},
		{"second stage", "samples", "stage_missing", verdict.Inconclusive, "-resume", func(*recording) {}, func(r *recording) {
			r.json("plan.json", func(p object) { p["refined"] = false })
		}},
	} {
		f.check(t, base)
	}
}
