package simrig

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

// The one memory's budget has all that is allocated, whoever asks for it; nothing makes it larger than it is.
func TestBudgetOfTheMemory(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(o Options)
		says   string
	}{
		"more paged than there is": {func(o Options) {
			o.World.Mechanisms.PagedWeightsBytes = 100 << 30
			o.Stack.Dynamo.Tiers.Tier1.CapacityBytes = 120 << 30
		}, "mechanisms.paged_weights_bytes of the world is 100.0 GiB, and model L70B has 39.1 GiB of weights: page no more than them"},
		"a host tier that is built unasked": {func(o Options) {
			o.World.Mechanisms.IgnoreTierSettings = true
			o.Stack.Dynamo.Tiers.Tier0.CapacityBytes, o.Stack.Dynamo.Tiers.Tier1.CapacityBytes = 50<<30, 1<<30
		}, "+ 24.0 GiB of host tier +"},
		"pinned buffers": {func(o Options) {
			d := o.Stack.Dynamo
			d.Offload, d.OffloadMinFrequency = &config.Offload{Manager: config.OffloadDisk, BufferSlots: 1024}, 1
			d.Tiers.Tier0.CapacityBytes, d.Tiers.Tier1 = 50<<30, config.Tier{}
		}, "+ 20.0 GiB of the loader's buffers +"},
		"threads": {func(o Options) {
			d := o.Stack.Dynamo
			d.Offload, d.OffloadMinFrequency = &config.Offload{Manager: config.OffloadFS, BlocksPerChunk: 4, ReadThreads: 1024, WriteThreads: 1024}, 1
			d.Tiers.Tier2.EvictionPolicy, d.Loader.IOBytes = "none", 40<<20
		}, "+ 80.0 GiB of the loader's buffers +"},
		"sliding windows": {func(o Options) {
			o.Twin.Models["L70B"].Shape.Window = &config.Window{Layers: 79, Tokens: 65536}
		}, "GiB of sliding windows +"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, "B")
			tc.change(o)
			_, _, err := Spec(o)
			require.ErrorContains(t, err, tc.says)
			assert.Len(t, strings.Split(err.Error(), "\n"), 1)
		})
	}
}

// All that a machine cannot be is told at once, a line each.
func TestAllContradictionsAreTold(t *testing.T) {
	o := options(t, "B")
	o.Twin.Models["L70B"].Rates["tensorrt-llm"].DecodeTokPerS.Value = 20
	o.Twin.Engines["tensorrt-llm"].Costs.KVRead.Value = 300e9
	o.Stack.Dynamo.Tiers.Tier1.CapacityBytes = 200 << 30
	_, _, err := Spec(o)
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 3)
	assert.Contains(t, lines[0], "the stack does not fit")
	assert.Contains(t, lines[1], "model L70B reads 4.061e+10 B of weights in a step of 50 ms")
	assert.Contains(t, lines[2], "KV is read at 3e+11 B/s: the memory has 2.73e+11 B/s")
}

// What is wrong with both stacks is told of both, and what they share once.
func TestBothStacksAreTold(t *testing.T) {
	told := func(change func(a, b *config.Stack, twin *config.Twin)) []string {
		a, b := options(t, "A"), options(t, "B").Stack
		change(a.Stack, b, a.Twin)
		_, err := newRig(t, &config.Experiment{Rig: "sim", Hypothesis: &config.Hypothesis{Hypothesis: "HX"},
			Stacks: map[string]*config.Stack{"A": a.Stack, "B": b}, World: a.World, Twin: a.Twin})
		require.Error(t, err)
		return strings.Split(err.Error(), "\n")
	}
	lines := told(func(a, b *config.Stack, _ *config.Twin) {
		a.Runtime.KVPoolBytes, b.Dynamo.Tiers.Tier1.CapacityBytes = 160<<30, 200<<30
	})
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], "160.0 GiB of KV pool")
	assert.Contains(t, lines[1], "200.0 GiB of host tier")
	lines = told(func(_, _ *config.Stack, twin *config.Twin) { twin.Engines["tensorrt-llm"].Costs.KVRead.Value = 300e9 })
	assert.Equal(t, []string{"KV is read at 3e+11 B/s: the memory has 2.73e+11 B/s"}, lines)
}

// A figure in a wrong unit makes times that no machine takes; they are refused instead of counted beyond what an int64 holds.
func TestTimesOfNoMachine(t *testing.T) {
	o := options(t, "B")
	rates := o.Twin.Models["L70B"].Rates["tensorrt-llm"]
	rates.DecodeTokPerS.Value, rates.PrefillTokPerS.Value = 1e-12, 1e-9
	o.Twin.Engines["tensorrt-llm"].Costs.KVRead.Value = 1
	_, _, err := Spec(o)
	require.Error(t, err)
	for _, says := range []string{"model L70B on engine tensorrt-llm: a step takes 1e+12 s, more than 1h0m0s: look at the units of the rates",
		"a token of a prompt takes 1e+09 s, more than 1m0s", "reading the KV of a token takes 3.28e+05 s, more than 1s"} {
		assert.ErrorContains(t, err, says)
	}
	assert.Len(t, strings.Split(err.Error(), "\n"), 3)
}

// Of a mixture of experts an engine must say what a batch reads beyond one sequence: nothing would be a free lunch.
func TestExpertsAreNotFree(t *testing.T) {
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	m, e, err := config.LoadModel(folder, "GPTOSS120B", "vllm")
	require.NoError(t, err)
	m.Weights.Quantization = "FP8"
	_, err = Model(m, e)
	assert.ErrorContains(t, err, "model GPTOSS120B uses a part of its parameters for a token, and says for engine vllm no experts")
}
