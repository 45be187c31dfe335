package experiment_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
)

// overlay lays a folder of the test's own over the options' configurations. Each file holds only what differs.
func overlay(t *testing.T, o *experiment.Choices, files map[string]string) {
	t.Helper()
	below, err := filepath.Abs(o.Configs)
	require.NoError(t, err)
	o.Configs = t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(o.Configs, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	put("configs.yaml", "base: "+below+"\n")
	for name, text := range files {
		if base := filepath.Join(below, name); filepath.Ext(name) == ".yaml" && fileExists(base) {
			text = "base: " + base + "\n" + text
		}
		put(name, text)
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The world's memory becomes part of the effective configuration: a label is not a treatment.
func TestWorldChangesTheConfiguration(t *testing.T) {
	o := choices()
	o.World = "ample_ram"
	e, _ := testPlan(t, smallH2B, o)
	assert.EqualValues(t, 48<<30, e.Stacks["B"].Dynamo.Tiers.Tier1.CapacityBytes)
	o.World = "swap_to_nvme"
	e, _ = testPlan(t, smallH2A, o)
	assert.EqualValues(t, 4<<30, e.Stacks["A"].Runtime.KVPoolBytes)
}

// Each bad input is one clear line, before anything runs.
func TestBadInput(t *testing.T) {
	over := func(file, text string) func(*testing.T, *experiment.Choices) {
		return func(t *testing.T, o *experiment.Choices) { overlay(t, o, map[string]string{file: text + "\n"}) }
	}
	for _, tc := range []struct {
		name string
		h    experiment.Demand
		set  func(t *testing.T, o *experiment.Choices)
		want string
	}{
		{"unknown world", smallH2A, func(_ *testing.T, o *experiment.Choices) { o.World = "mars" }, "ample_ram, "},
		{"world that leaves the folder", smallH2A, func(_ *testing.T, o *experiment.Choices) { o.World = "../hypotheses/h0" }, "is a path, not a name"},
		{"another hypothesis's file", smallH2A, func(_ *testing.T, o *experiment.Choices) {
			o.Config = filepath.Join(o.Configs, "hypotheses", "h0.yaml")
		}, "is the configuration of H0, not of H2A"},
		{"adapter twice", smallH1, func(t *testing.T, o *experiment.Choices) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "inputs", "lora_lists"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "inputs", "lora_lists", "lora_4.txt"), []byte("a\nb\na\n"), 0o644))
			o.Configs, _ = filepath.Abs(o.Configs)
			o.Root = dir
		}, `lora_4.txt:3: adapter "a" is already on line 1`},
		{"no such adapter list", smallH1, over("hypotheses/h1.yaml", "load: {adapters: {list: lora_5.txt}}"), "lora_5.txt"},
		{"policy that the server does not know", smallH6, over("hypotheses/h6.yaml", "sweep: {policy: [FIFO, MRU]}"), `sweep.policy[1]: must be LRU, FIFO, LFU, SEGMENTED or ARC, not "MRU"`},
		{"policies at a capacity that is no level", smallH6, over("hypotheses/h6.yaml", "sweep: {policies_at: {tier1: 5GiB}}"), `sweep.policies_at.tier1: 5GiB is no level of sweep.tier1`},
		{"policies at a context that is no level", smallH6, over("hypotheses/h6.yaml", "sweep: {policies_at: {ctx: 4k}}"), `sweep.policies_at.ctx: 4096 is no level of sweep.ctx`},
		{"policies at a place, and one policy", smallH6, over("hypotheses/h6.yaml", "sweep: {policy: [LRU]}"), `sweep.policies_at: says where policies other than the first are planned, but sweep.policy lists no other`},
		{"policies at half a place", smallH6, over("hypotheses/h6.yaml", "sweep: {policies_at: {ctx: null}}"), `sweep.policies_at.ctx: has no value`},
		{"missing threshold", smallH2A, over("hypotheses/h2a.yaml", "thresholds: {r2_min: null}"), "thresholds.r2_min: missing"},
		{"threshold that nobody reads", smallH2A, over("hypotheses/h2a.yaml", "thresholds: {r3_min: 1}"), "thresholds.r3_min: H2A decides nothing by it"},
		{"unknown field", smallH2A, over("hypotheses/h2a.yaml", "run: {repz: 2}"), "repz"},
		{"size without unit", smallH2A, over("stackA_llama70b_baseline.yaml", "runtime: {kv_pool_bytes: 16}"), "needs a unit"},
		{"levels that the rule would mix", experiment.Demand{ID: "H2A", Config: "h2a.yaml", Requires: smallH2A.Requires, OneLevel: []string{"ctx"}}, func(*testing.T, *experiment.Choices) {}, "sweep.ctx has 2 levels"},
		{"arms of fio that the rule would mix", experiment.Demand{ID: "H2A", Config: "h2a.yaml", Requires: smallH2A.Requires, OneLevel: []string{"fio"}},
			over("hypotheses/h2a.yaml", "sweep: {fio: [none, heavy]}"), "sweep.fio has 2 levels"},
		{"windows that the rule needs", experiment.Demand{ID: "H2A", Config: "h2a.yaml", Requires: smallH2A.Requires, Windows: true}, func(*testing.T, *experiment.Choices) {},
			"h2a.yaml: windows: missing: H2A joins requests and telemetry in windows, such as {length: 10s, min_reads: 1000}"},
		{"windows that nobody reads", smallH2A, over("hypotheses/h2a.yaml", "windows: {length: 10s, min_reads: 1000}"), "h2a.yaml: windows: H2A uses none"},
		{"wrong stack", smallH2A, over("hypotheses/h2a.yaml", "stacks: {A: stackB_llama70b_dynamo_tiered.yaml}"), "which is stack B"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := choices()
			tc.set(t, o)
			e, err := experiment.Load(tc.h, *o)
			if err == nil {
				_, err = experiment.New(e, record.Facts{}, "run", "digest")
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// 8GB is read as what it says.
func TestGBIsNotGiB(t *testing.T) {
	o := choices()
	overlay(t, o, map[string]string{"stackB_llama70b_dynamo_tiered.yaml": "dynamo: {tiers: {tier0: {capacity_bytes: 8GB}}}\n"})
	e, _ := testPlan(t, smallH2B, o)
	assert.EqualValues(t, 8_000_000_000, e.Stacks["B"].Dynamo.Tiers.Tier0.CapacityBytes)
}
