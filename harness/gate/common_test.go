package gate_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/evidence"
	"sparkharness/harness/gate"
	"sparkharness/harness/record"
)

func ptr[T any](v T) *T { return &v }

// goodEvidence passes every gate: three repetitions of one cell with 110 answers each.
func goodEvidence() *evidence.Evidence {
	hc := &config.Hypothesis{Hypothesis: "HX", Model: "L8B", Gates: config.Gates{
		MinCoverage: 0.95, MaxSendLag: config.Duration(1e6), MaxSendLagShare: 0.01, PromptTolerance: 0.05,
		MaxErrorRate: 0.01, MinSamples: 299, MaxCoV: 0.1, SteadyAlpha: 0.05, SteadyMaxDrift: 0.25, SteadyTailAlpha: 0.03, SteadyMaxTailDrift: 0.5,
		ReproducedWithin: 0.05, MaxBaselineRPS: 50, CadenceTolerance: 0.05, MinFioPresence: 0.95, MaxForeignReads: 0.01, MaxCarryOver: 0.2,
		MaxBaselineFactor: 3, BaselineNoiseRPS: 10, MinTold: 0.95, MaxClockDifference: 0.03, MaxAgain: 2, MaxAgainShare: 0.2,
	}}
	hc.Run.Reps, hc.Run.Seed, hc.Run.Duration, hc.Run.Baseline = 3, 1, config.Duration(300e9), config.Duration(30e9)
	ev := &evidence.Evidence{Exp: &config.Experiment{Rig: "sim", Hypothesis: hc, Stacks: map[string]*config.Stack{"A": {Stack: "A"}}}, Plan: &record.Plan{}}
	for rep := 1; rep <= 3; rep++ {
		c := &evidence.Cell{}
		c.Cell = record.NewCell("ctx", 1000, "conc", 4, "rep", rep)
		c.Key, c.Rep, c.Stack, c.ContextTokens, c.Users = c.Cell.String(), rep, "A", 1000, 4
		c.Info.Load.MeasureStart, c.Info.Load.MeasureEnd = ptr(100.0), ptr(400.0)
		c.Info.Settings.KVPoolBytes, c.Info.Settings.WantKVPool, c.Info.Settings.KVBlockBytes = ptr(1e9), 1e9, 1e6
		c.Info.Settings.BlockTokens, c.Info.Settings.WantBlockTokens = ptr(32.0), 32
		c.Info.Coverage = record.Coverage{Slots: 1500, Sources: []record.SourceCoverage{{Name: "proc", Samples: 1500}, {Name: "block", Samples: 1490}}}
		for i := range 110 {
			c.Requests = append(c.Requests, evidence.Request{At: float64(i) * 2.7, TTFT: 100 + float64(i*7%13), HasTTFT: true,
				E2E: 900, HasE2E: true, RC: record.RCOK, Nominal: 1000, Prompt: ptr(1001), Output: 16})
		}
		c.Sys = evidence.Machine{Samples: 2000, ThrottleTold: 1990, SwapTold: 2000, BusyClockMHz: ptr(2450.0), AliveAtStart: true, AliveAtEnd: true}
		c.Sys.Baseline.NVMeSeconds, c.Sys.Baseline.ReadIOs = 30, 60
		ev.Cells = append(ev.Cells, c)
		ev.Plan.Cells = append(ev.Plan.Cells, c.PlannedCell)
	}
	return ev
}

func gateOf(t *testing.T, ev *evidence.Evidence, claim gate.Claim, name string) gate.Gate {
	t.Helper()
	for _, g := range gate.Common(ev, claim) {
		if g.Name == name {
			return g
		}
	}
	require.Fail(t, "no gate "+name)
	return gate.Gate{}
}

func TestGatesPassOnGoodEvidence(t *testing.T) {
	for _, g := range gate.Common(goodEvidence(), gate.Claim{Equivalence: true}) {
		assert.True(t, g.Passed, "%s: %s", g.Name, g.Detail)
	}
}

// Every gate can fail: each row breaks one thing.
func TestGatesFail(t *testing.T) {
	for _, tc := range []struct {
		gate    string
		code    string
		outcome gate.Outcome
		break_  func(ev *evidence.Evidence)
	}{
		{"alignment", "coverage", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[1].Info.Coverage.Sources[1].Samples = 1400 }},
		{"alignment", "no_samples", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[1].Info.Coverage.Slots = 0 }},
		{"alignment", "no_sources", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[2].Info.Coverage.Sources = nil }},
		{"alignment", "other_sources", gate.Invalid, func(ev *evidence.Evidence) {
			ev.Cells[2].Info.Coverage.Sources = ev.Cells[2].Info.Coverage.Sources[:1]
		}},
		{"treatment", "kv_pool", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[2].Info.Settings.KVPoolBytes = ptr(0.5e9) }},
		{"treatment", "not_read_back", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[2].Info.Settings.KVPoolBytes = nil }},
		{"treatment", "block_tokens", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[2].Info.Settings.BlockTokens = ptr(16.0) }},
		{"treatment", "model", gate.Invalid, func(ev *evidence.Evidence) {
			ev.Cells[2].Info.Settings.Model, ev.Cells[2].Info.Settings.WantModel = "qwen-0.5b", "nvidia/Llama-3.3-70B-Instruct-NVFP4"
		}},
		{"treatment", "not_read_back", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[1].Tier1Bytes = 16e9 }},
		{"treatment", "not_read_back", gate.Invalid, func(ev *evidence.Evidence) {
			ev.Cells[1].Policy = "FIFO"
			ev.Cells[1].Info.Settings.Tiers = []record.TierSetting{{Tier: "disk", Policy: "LRU", WantPolicy: "LRU"}}
		}},
		{"treatment", "host_tier", gate.Invalid, func(ev *evidence.Evidence) {
			ev.Cells[1].Info.Settings.Tiers = []record.TierSetting{{Tier: "host", Bytes: 24e9, WantBytes: 8e9, Policy: "LRU", WantPolicy: "LRU"}}
		}},
		{"treatment", "host_tier", gate.Invalid, func(ev *evidence.Evidence) {
			ev.Cells[1].Info.Settings.Tiers = []record.TierSetting{{Tier: "host", Bytes: 8e9, WantBytes: 8e9, Policy: "LRU", WantPolicy: "LFU"}}
		}},
		{"treatment", "disk_tier", gate.Invalid, func(ev *evidence.Evidence) {
			ev.Cells[1].Info.Settings.Tiers = []record.TierSetting{{Tier: "disk", MinFreq: ptr(1.0), WantMinFreq: ptr(2.0)}}
		}},
		{"treatment", "drop_caches", gate.Invalid, func(ev *evidence.Evidence) {
			ev.Cells[1].Info.Treatments = []record.Treated{{Treatment: "drop_caches", Before: ptr(4e9), After: ptr(4e9)}}
		}},
		{"treatment", "restart", gate.Invalid, func(ev *evidence.Evidence) {
			ev.Cells[1].Info.Treatments = []record.Treated{{Treatment: "restart", Before: ptr(16.0)}}
		}},
		{"client", "send_lag", gate.Invalid, func(ev *evidence.Evidence) {
			for i := range 20 {
				ev.Cells[0].Requests[i].LagMS = 5
			}
		}},
		{"prompt", "prompt_length", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].Requests[3].Prompt = ptr(1100) }},
		{"prompt", "not_reported", gate.Invalid, func(ev *evidence.Evidence) {
			for i := range ev.Cells[0].Requests {
				ev.Cells[0].Requests[i].Prompt = nil
			}
		}},
		{"counters", "reset", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].Sys.Resets = 1 }},
		{"counters", "source_dead", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].Sys.AliveAtEnd = false }},
		{"counters", "kv_reset", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].KV = &evidence.KVCounters{Samples: 5, Resets: true} }},
		{"counters", "kv_dead", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].KV = &evidence.KVCounters{} }},
		{"errors", "failed_requests", gate.Invalid, func(ev *evidence.Evidence) {
			for i := range 5 {
				ev.Cells[0].Requests[i].RC = record.RCCut
			}
		}},
		{"errors", "failed_requests", gate.Invalid, func(ev *evidence.Evidence) {
			for i := range 5 {
				ev.Cells[0].Requests[i].RC = record.RCRejected
			}
		}},
		{"errors", "timeouts", gate.Inconclusive, func(ev *evidence.Evidence) {
			for i := range 5 {
				ev.Cells[0].Requests[i].RC = record.RCTimeout
			}
		}},
		{"environment", "swap", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].Sys.SwapOn = true }},
		{"environment", "throttled", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].Sys.Throttle = 1 }},
		{"environment", "foreign_traffic", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].Sys.Baseline.WriteIOs = 6000 }},
		{"environment", "not_idle", gate.Invalid, func(ev *evidence.Evidence) {
			for _, c := range ev.Cells[1:] {
				c.Sys.Baseline.ReadIOs = 51 * 30
			}
		}},
		{"environment", "throttle_unknown", gate.Inconclusive, func(ev *evidence.Evidence) { ev.Cells[1].Sys.ThrottleTold = 0 }},
		{"environment", "swap_unknown", gate.Inconclusive, func(ev *evidence.Evidence) { ev.Cells[1].Sys.SwapTold = 1899 }},
		{"environment", "no_baseline", gate.Invalid, func(ev *evidence.Evidence) { ev.Cells[0].Sys.Baseline.NVMeSeconds = 0 }},
		{"samples", "few_samples", gate.Inconclusive, func(ev *evidence.Evidence) { ev.Cells[0].Requests = ev.Cells[0].Requests[:50] }},
		{"samples", "cells_missing", gate.Inconclusive, func(ev *evidence.Evidence) { ev.Cells = ev.Cells[:2] }},
		{"stability", "unstable", gate.Inconclusive, func(ev *evidence.Evidence) {
			for i := range ev.Cells[0].Requests {
				ev.Cells[0].Requests[i].TTFT *= 2
			}
		}},
		{"steady state", "trend", gate.Inconclusive, func(ev *evidence.Evidence) {
			for _, c := range ev.Cells {
				for i := range c.Requests {
					c.Requests[i].TTFT *= 1 + float64(i)/200 // half as much again by the end
				}
			}
		}},
		{"steady state", "not_testable", gate.Inconclusive, func(ev *evidence.Evidence) {
			for _, c := range ev.Cells {
				c.Requests = c.Requests[:3]
			}
		}},
		{"steady state", "warmup_capped", gate.Inconclusive, func(ev *evidence.Evidence) { ev.Cells[0].Info.Load.WarmupCapped = true }},
	} {
		t.Run(tc.gate+"/"+tc.code, func(t *testing.T) {
			ev := goodEvidence()
			tc.break_(ev)
			g := gateOf(t, ev, gate.Claim{Equivalence: true}, tc.gate)
			assert.False(t, g.Passed, g.Detail)
			assert.Equal(t, tc.code, g.Code)
			assert.Equal(t, tc.outcome, g.OnFailure)
			assert.NotEmpty(t, g.Detail)
		})
	}
}

// Stacks may be watched by different sources; cells of one stack may not.
func TestSourcesAreThoseOfTheStack(t *testing.T) {
	ev := goodEvidence()
	for _, c := range goodEvidence().Cells {
		c.Stack, c.Key = "B", "stack=B/"+c.Key
		c.Info.Coverage.Sources = append(c.Info.Coverage.Sources, record.SourceCoverage{Name: "kvbm", Samples: 1500})
		ev.Cells = append(ev.Cells, c)
	}
	g := gateOf(t, ev, gate.Claim{}, "alignment")
	assert.True(t, g.Passed, g.Detail)
	ev.Cells[4].Info.Coverage.Sources = ev.Cells[0].Info.Coverage.Sources
	assert.Equal(t, "stack=B/ctx=1000/conc=4/rep=1 was watched by block, kvbm, proc, stack=B/ctx=1000/conc=4/rep=2 by block, proc",
		gateOf(t, ev, gate.Claim{}, "alignment").Detail)
}

// Where the claim is a difference the interval carries the noise, and stability is a grade.
func TestStabilityIsAGradeForDifferences(t *testing.T) {
	ev := goodEvidence()
	for i := range ev.Cells[0].Requests {
		ev.Cells[0].Requests[i].TTFT *= 2
	}
	g := gateOf(t, ev, gate.Claim{}, "stability")
	assert.False(t, g.Passed)
	assert.Empty(t, g.OnFailure)
}

// Refused requests fail no gate where the claim is about failures.
func TestClaimsFailures(t *testing.T) {
	ev := goodEvidence()
	for i := range 50 {
		ev.Cells[0].Requests[i].RC = record.RCRejected
	}
	assert.True(t, gateOf(t, ev, gate.Claim{Failures: true}, "errors").Passed)
}

// A sweep of two stages is whole when its second one has been planned, with or without cells.
func TestStagedWantsTheSecondStage(t *testing.T) {
	ev := goodEvidence()
	g := gateOf(t, ev, gate.Claim{Staged: true}, "samples")
	assert.Equal(t, []any{false, gate.Inconclusive, "stage_missing"}, []any{g.Passed, g.OnFailure, g.Code})
	ev.Plan.Refined = true
	assert.True(t, gateOf(t, ev, gate.Claim{Staged: true}, "samples").Passed)
}

// The rate that is allowed may be reached, not passed.
func TestErrorsUpToTheAllowedRate(t *testing.T) {
	for _, rc := range []string{record.RCCut, record.RCRejected, record.RCTimeout} {
		ev := goodEvidence()
		for _, c := range ev.Cells {
			c.Requests = c.Requests[:100]
			c.Requests[7].RC = rc
		}
		g := gateOf(t, ev, gate.Claim{}, "errors")
		assert.True(t, g.Passed, "3 of 300 at 1 %%: %s", g.Detail)
		ev.Cells[1].Requests[8].RC = rc
		assert.False(t, gateOf(t, ev, gate.Claim{}, "errors").Passed, "4 of 300 at 1 %: "+rc)
	}
}

// As many repetitions are advised as give the requests that p99 needs, if each gives as many as those that were measured.
func TestSamplesAdviseRepetitions(t *testing.T) {
	for each, advice := range map[int]string{
		99: "n 297 in 3 blocks, p99 needs 299: a new run with 4 blocks or a longer -duration",
		11: "n 33 in 3 blocks, p99 needs 299: a new run with 28 blocks or a longer -duration", // 27 give 297
		0:  "n 0 in 3 blocks, p99 needs 299: a new run with 897 blocks or a longer -duration",
	} {
		ev := goodEvidence()
		for _, c := range ev.Cells {
			c.Requests = c.Requests[:each]
		}
		assert.Contains(t, gateOf(t, ev, gate.Claim{}, "samples").Detail, advice)
	}
}

// What failed is told by its kind: who meets a storm of refusals looks elsewhere than who finds streams cut.
func TestErrorsAreToldByKind(t *testing.T) {
	ev := goodEvidence()
	for i := range 5 {
		ev.Cells[0].Requests[i].RC = record.RCRejected
	}
	ev.Cells[0].Requests[7].RC = record.RCCut
	g := gateOf(t, ev, gate.Claim{}, "errors")
	assert.Contains(t, g.Detail, ", of them 1 cut, 5 rejected (allowed 1.0 %; metrics.jsonl has what each was told)")
}
