package experiment_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/experiment"
	"sparkharness/harness/record"
)

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
	write := func(t *testing.T, o *experiment.Choices, from string, change func(string) string) {
		t.Helper()
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(o.Configs)))
		path := filepath.Join(dir, from)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := change(string(b))
		require.NotEqual(t, string(b), changed)
		require.NoError(t, os.WriteFile(path, []byte(changed), 0o644))
		o.Configs = dir
	}
	replace := func(a, b string) func(string) string {
		return func(s string) string { return strings.Replace(s, a, b, 1) }
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
		{"no such adapter list", smallH1, func(t *testing.T, o *experiment.Choices) {
			write(t, o, "hypotheses/h1.yaml", replace("lora_4.txt", "lora_5.txt"))
		}, "lora_5.txt"},
		{"policy that the server does not know", smallH6, func(t *testing.T, o *experiment.Choices) {
			write(t, o, "hypotheses/h6.yaml", replace("policy: [FIFO, LFU]", "policy: [FIFO, MRU]"))
		}, `sweep.policy[1]: must be LRU, FIFO, LFU or SEGMENTED, not "MRU"`},
		{"missing threshold", smallH2A, func(t *testing.T, o *experiment.Choices) {
			write(t, o, "hypotheses/h2a.yaml", func(s string) string {
				i := strings.Index(s, "  r2_min")
				return s[:i]
			})
		}, "thresholds.r2_min: missing"},
		{"threshold that nobody reads", smallH2A, func(t *testing.T, o *experiment.Choices) {
			write(t, o, "hypotheses/h2a.yaml", replace("  r2_min", "  r3_min: 1\n  r2_min"))
		}, "thresholds.r3_min: H2A decides nothing by it"},
		{"unknown field", smallH2A, func(t *testing.T, o *experiment.Choices) {
			write(t, o, "hypotheses/h2a.yaml", replace("  reps: 2", "  repz: 2"))
		}, "repz"},
		{"size without unit", smallH2A, func(t *testing.T, o *experiment.Choices) {
			write(t, o, "stackA_llama70b_baseline.yaml", replace("16GiB", "16"))
		}, "needs a unit"},
		{"levels that the rule would mix", experiment.Demand{ID: "H2A", Config: "h2a.yaml", Requires: smallH2A.Requires, OneLevel: []string{"ctx"}}, func(*testing.T, *experiment.Choices) {}, "sweep.ctx has 2 levels"},
		{"windows that the rule needs", experiment.Demand{ID: "H2A", Config: "h2a.yaml", Requires: smallH2A.Requires, Windows: true}, func(*testing.T, *experiment.Choices) {},
			"h2a.yaml: windows: missing: H2A joins requests and telemetry in windows, such as {length: 10s, min_reads: 1000}"},
		{"windows that nobody reads", smallH2A, func(t *testing.T, o *experiment.Choices) {
			write(t, o, "hypotheses/h2a.yaml", replace("gates:", "windows: {length: 10s, min_reads: 1000}\ngates:"))
		}, "h2a.yaml: windows: H2A uses none"},
		{"wrong stack", smallH2A, func(t *testing.T, o *experiment.Choices) {
			write(t, o, "hypotheses/h2a.yaml", replace("A: stackA_llama70b_baseline.yaml", "A: stackB_llama70b_dynamo_tiered.yaml"))
		}, "which is stack B"},
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
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(o.Configs)))
	path := filepath.Join(dir, "stackB_llama70b_dynamo_tiered.yaml")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Replace(b, []byte("8GiB"), []byte("8GB"), 1), 0o644))
	o.Configs = dir
	e, _ := testPlan(t, smallH2B, o)
	assert.EqualValues(t, 8_000_000_000, e.Stacks["B"].Dynamo.Tiers.Tier0.CapacityBytes)
}
