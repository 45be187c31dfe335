package rig

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
)

// An experiment that needs what a rig cannot do is refused before anything runs, in one line that says what asks for
// it; a capability that nothing needs is not asked for.
func TestLacks(t *testing.T) {
	all := []string{KVTelemetry, SetTier1, SetPolicy, LoRA, Fio, Probe, DropCaches, Restart}
	for _, tc := range []struct {
		name  string
		needs []string
		by    string
		set   func(e *config.Experiment)
	}{
		{"nothing", nil, "", func(*config.Experiment) {}},
		{"fio", []string{Fio}, "sweep.fio", func(e *config.Experiment) { e.Hypothesis.Sweep.Fio = []string{"none"} }},
		{"arms of fio", []string{Fio, Probe}, "sweep.fio", func(e *config.Experiment) { e.Hypothesis.Sweep.Fio = []string{"none", "heavy"} }},
		{"phases", []string{DropCaches, Restart}, "sweep.phase", func(e *config.Experiment) { e.Hypothesis.Sweep.Phase = []string{"cold"} }},
		{"capacities", []string{SetTier1}, "sweep.tier1", func(e *config.Experiment) { e.Hypothesis.Sweep.Tier1 = []config.Size{1} }},
		{"policies", []string{SetPolicy}, "sweep.policy", func(e *config.Experiment) { e.Hypothesis.Sweep.Policy = []string{"LRU"} }},
		{"adapters", []string{LoRA}, "load.adapters", func(e *config.Experiment) { e.Hypothesis.Load.Adapters = &config.Adapters{} }},
		{"adapters that are cold", []string{LoRA, DropCaches, Restart}, "", func(e *config.Experiment) {
			e.Hypothesis.Load.Adapters, e.Hypothesis.Sweep.Phase = &config.Adapters{}, []string{"cold"}
		}},
		{"a KV manager", []string{KVTelemetry}, "stack B", func(e *config.Experiment) { e.Stacks["B"] = &config.Stack{Dynamo: &config.Dynamo{}} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &config.Experiment{Hypothesis: &config.Hypothesis{Hypothesis: "HX"}, Stacks: map[string]*config.Stack{"A": {}}}
			tc.set(e)
			require.NoError(t, Lacks(record.Facts{Rig: "bench", Capabilities: tc.needs}, e), "no other is needed")
			for _, c := range all {
				f := record.Facts{Rig: "bench", Capabilities: slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == c })}
				err := Lacks(f, e)
				if !slices.Contains(tc.needs, c) {
					require.NoError(t, err, c)
					continue
				}
				require.ErrorContains(t, err, "HX asks for "+c+" (")
				require.ErrorContains(t, err, tc.by+"), which rig bench cannot do")
				assert.NotContains(t, err.Error(), "\n")
			}
		})
	}
	// What nobody here can mend is told before what root can.
	cold := &config.Experiment{Hypothesis: &config.Hypothesis{Hypothesis: "H1", Load: config.Load{Adapters: &config.Adapters{}}, Sweep: config.Sweep{Phase: []string{"cold"}}}}
	require.ErrorContains(t, Lacks(record.Facts{Rig: "bench"}, cold), "H1 asks for lora (load.adapters)")
}
