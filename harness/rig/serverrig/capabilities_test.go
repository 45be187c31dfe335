package serverrig

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// What nobody can see set, or set at all, is passed over before anything is started: hours later it would be Invalid.
func TestUndecidableSweeps(t *testing.T) {
	r, _ := launching(t, overlay(t, nil), map[string]string{"A": "vllm", "B": "vllm-fs"}, "L8B")
	p := &record.Plan{Hypothesis: "H6", RunID: "r"}
	r.exp.Hypothesis.Hypothesis = "H6"
	r.exp.Hypothesis.Sweep.Policy = []string{"LRU", "FIFO"}
	err := r.Check(r.exp, p)
	require.ErrorAs(t, err, new(*rig.UndecidableError))
	require.ErrorContains(t, err, "H6 compares the policies LRU, FIFO, and vllm-fs has ARC, LRU: give -configs a folder in which hypotheses/h6.yaml has sweep.policy of these")

	r.exp.Hypothesis.Sweep.Policy = nil
	r.exp.Hypothesis.Sweep.Tier1 = []config.Size{1 << 30, 2 << 30}
	r.facts.Capabilities = launchCapabilities(r.exp)
	require.NoError(t, rig.Lacks(r.facts, r.exp), "vLLM logs what it understood of its arguments")
	delete(r.exp.Stacks["B"].Server.Launch.Log, "tier1")
	r.facts.Capabilities = launchCapabilities(r.exp)
	require.ErrorContains(t, rig.Lacks(r.facts, r.exp), "tells_tier_setup (sweep.tier1 or sweep.policy, which have to be read back)")
}

// vLLM's line of what it was told, of vllm serve 0.31.
func TestVLLMTellsItsArguments(t *testing.T) {
	r, _ := launching(t, overlay(t, nil), map[string]string{"A": "vllm", "B": "vllm-fs"}, "L8B")
	line := r.exp.Stacks["B"].Server.Launch.Log["tier1"]
	require.NotNil(t, line)
	m := regexp.MustCompile(line.Pattern).FindStringSubmatch(`INFO 11-20 10:00:00 [api_utils.py:270] non-default args: {'model': 'm', 'kv_transfer_config': ` +
		`KVTransferConfig(kv_connector='OffloadingConnector', kv_connector_extra_config={'spec_name': 'TieringOffloadingSpec', 'cpu_bytes_to_use': 8589934592, ` +
		`'eviction_policy': 'arc', 'block_size': 256, 'secondary_tiers': [{'type': 'fs', 'root_dir': '/x'}]})}`)
	require.Len(t, m, 3)
	assert.Equal(t, []string{"8589934592", "arc"}, m[1:])
}

// A log that tells of half the bytes a token tells of another KV dtype.
func TestTokenAsReckoned(t *testing.T) {
	st := &config.Stack{Stack: "A", Model: "L8B", Launched: &config.Launched{KVDtype: "fp16", StackFile: "stackA.yaml", TokenBytes: new(131072.0)}}
	gib := func(n float64) *float64 { return new(n * (1 << 30)) }
	require.NoError(t, tokenAsReckoned(st, gib(2.75), new(22528.0)))
	require.NoError(t, tokenAsReckoned(st, gib(0.06), new(512.0)), "two decimals of a small pool")
	require.NoError(t, tokenAsReckoned(st, nil, new(22528.0)))
	require.NoError(t, tokenAsReckoned(st, gib(2.75), nil))
	require.ErrorContains(t, tokenAsReckoned(st, gib(1.38), new(22528.0)), "stack A: its log tells of 1.38 GiB for 22528 tokens of KV, 64.2 KiB each, and 128.0 KiB were "+
		"reckoned with (models/L8B.yaml as fp16): say in stackA.yaml which KV the checkpoint has")
	st.Launched.TokenBytes = nil
	require.NoError(t, tokenAsReckoned(st, gib(1.38), new(22528.0)), "a model that is none of models/")
}
