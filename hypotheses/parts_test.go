package hypotheses

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness"
	"sparkharness/harness/record"
)

// ownParts are somebody else's machine, in files alone: a model that keeps a latent in place of heads, an engine with costs of
// its own, a drive on SATA and a machine with less memory.
var ownParts = map[string]string{
	"models/mine.yaml": `model: mine
served: me/mine-4b
shape: {layers: 40, latent_dim: 512, hidden: 2048, intermediate: 8192, context_tokens: 32768, kv_bytes_per_token: 40KiB, source: mine}
parameters: {total_billion: 4, active_billion: 4, source: mine}
weights:
  quantization: INT4
  resident: {value: 3GB, basis: assumed, source: mine}
  read_per_token: {value: 2GB, basis: assumed, source: mine}
`,
	"engines/mine.yaml": `base: CONFIGS/engines/vllm.yaml
engine: mine
costs:
  weight_read: {value: 100GB/s, basis: assumed, source: mine}
  prompt_tflops: {INT4: {value: 40, basis: assumed, source: mine}}
`,
	"drives/mine.yaml":              "base: CONFIGS/drives/sata.yaml\ndrive: mine\n",
	"machines/mine.yaml":            "base: CONFIGS/machines/dgx-spark.yaml\nmachine: mine\ndrive: mine\nmemory: {total: {value: 64GiB}}\n",
	"worlds/mine.yaml":              "base: CONFIGS/worlds/default.yaml\nworld: mine\nmachine: mine\n",
	"stackA_llama70b_baseline.yaml": "base: CONFIGS/stackA_llama70b_baseline.yaml\nengine: mine\n",
	"stackB_llama70b_dynamo_tiered.yaml": "base: CONFIGS/stackB_llama70b_dynamo_tiered.yaml\nengine: mine\n" +
		"dynamo: {tiers: {tier0: {capacity_bytes: 512MiB}, tier1: {capacity_bytes: 1GiB}}}\n",
}

// withParts is a folder of configurations with parts of its own.
func withParts(t *testing.T, change map[string]string) string {
	t.Helper()
	configs := shortConfigs(t, "h2b.yaml", fewSamples+"model: mine\n")
	base, err := filepath.Abs(filepath.Join(harness.Root(), "configs"))
	require.NoError(t, err)
	put := func(file, text string) {
		path := filepath.Join(configs, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "CONFIGS", base)), 0o644))
	}
	for file, text := range ownParts {
		put(file, text)
	}
	for file, text := range change {
		put(file, text)
	}
	return configs
}

// A model, an engine, a drive and a machine are added by files alone.
func TestOwnParts(t *testing.T) {
	t.Parallel()
	results := t.TempDir()
	c := runChild(t, "^TestH2B$", "-configs", withParts(t, nil), "-world", "mine", "-results", results, "-expect", "Supported")
	runs, err := filepath.Glob(filepath.Join(results, "h2b-sim-mine-*"))
	require.NoError(t, err)
	require.Len(t, runs, 1, c.stdout+c.err)
	assert.Regexp(t, `(?m)^verdict +(Supported|Refuted|Inconclusive) `, c.stdout, "its own machine decides it, as it may")
	assert.Contains(t, c.stdout, "model mine: assumed weights resident, weights read per token")
	saved, err := os.ReadFile(filepath.Join(runs[0], record.FileConfig))
	require.NoError(t, err)
	for _, part := range []string{"model: mine", "engine: mine", "interface: SATA-6Gb", "value: 64GiB"} {
		assert.Contains(t, string(saved), part)
	}
	// Two gigabytes of weights at 100 GB/s are 20 ms a step: between tokens passes no less.
	fastest := math.Inf(1)
	lines, err := filepath.Glob(filepath.Join(runs[0], record.DirCells, "*", record.FileMetrics))
	require.NoError(t, err)
	require.Len(t, lines, 12)
	for _, path := range lines {
		_, err := record.Read(path, func(r *record.Request) error {
			if r.ITLp50ms != nil {
				fastest = min(fastest, *r.ITLp50ms)
			}
			return nil
		})
		require.NoError(t, err)
	}
	assert.GreaterOrEqual(t, fastest, 20.0)
	assert.Less(t, fastest, 30.0)
}

// What parts cannot be together is refused in a line, before anything is written.
func TestPartsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change map[string]string
		says   string
	}{
		"no rate for the weights": {map[string]string{"engines/mine.yaml": "base: CONFIGS/engines/vllm.yaml\nengine: mine\n"},
			"engine mine has no prompt_tflops for INT4, the weights of model mine"},
		"faster than the memory": {map[string]string{"engines/mine.yaml": strings.Replace(ownParts["engines/mine.yaml"], "100GB/s", "280GB/s", 1)},
			"the memory has 2.73e+11 B/s"},
		"too large for the memory": {map[string]string{"machines/mine.yaml": strings.Replace(ownParts["machines/mine.yaml"], "64GiB", "18GiB", 1)},
			"the stack does not fit the machine's memory of 18.0 GiB: 6.0 GiB for the operating system + 2.8 GiB of weights + 16.0 GiB of KV pool + 8.0 GiB in reserve = 32.8 GiB; make a tier smaller"},
		"slots and block reuse": {map[string]string{"engines/mine.yaml": ownParts["engines/mine.yaml"] + "ways: {scheduler: slots}\n"},
			"reuse of what a slot held before is not simulated"},
	} {
		t.Run(name, func(t *testing.T) {
			results := t.TempDir()
			c := runChild(t, "^TestH2B$", "-configs", withParts(t, tc.change), "-world", "mine", "-results", results)
			assert.Equal(t, 1, c.status)
			assert.Contains(t, c.stdout+c.err, tc.says)
			left, err := os.ReadDir(results)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}
