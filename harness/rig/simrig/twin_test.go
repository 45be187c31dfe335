package simrig

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/sim"
)

// combined is a shipped model as a shipped engine runs it.
func combined(t *testing.T, model, engine string) (sim.Model, error) {
	t.Helper()
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	m, e, err := config.LoadModel(folder, model, engine)
	require.NoError(t, err)
	return Model(m, e)
}

// What was published for a model and an engine together decides; the rest follows from the engine's costs.
func TestModelOfAnEngine(t *testing.T) {
	m, err := combined(t, "L70B", "tensorrt-llm")
	require.NoError(t, err)
	assert.Equal(t, sim.Model{
		Name: "L70B", Served: "nvidia/Llama-3.3-70B-Instruct-NVFP4", Layers: 80, KVHeads: 8, HeadDim: 128, Hidden: 8192, Intermediate: 28672,
		DecodeBaseNS: 1e9 / 4.1, DecodePerSeqNS: 4.4e6, KVReadBytesPerSec: m.KVReadBytesPerSec, PrefillTokensPerSec: 1030, PrefillRefTokens: 2048, DepthNS: 18,
		WeightsBytes: 42e9, StepBytes: 40.61e9,
	}, m)

	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	file, engine, err := config.LoadModel(folder, "M8B", "vllm")
	require.NoError(t, err)
	m, err = Model(file, engine)
	require.NoError(t, err)
	assert.InEpsilon(t, 8.4e9/float64(engine.Costs.WeightRead.Value)*1e9, m.DecodeBaseNS, 1e-12)
	assert.InEpsilon(t, engine.Costs.SequencePerBillion.Value*1e3*8.4, m.DecodePerSeqNS, 1e-12)
	tflops := engine.Costs.PromptTFLOPS["FP8"].Value
	assert.InEpsilon(t, tflops*1e12/(2*8.4e9), m.PrefillTokensPerSec, 1e-12)
	assert.InEpsilon(t, 4*34*4096/(tflops*1e12)*1e9, m.DepthNS, 1e-12)

	m, err = combined(t, "GPTOSS120B", "llama-cpp")
	require.NoError(t, err)
	assert.Equal(t, []any{18, 128, 32.2e6, 0.42, 0.0}, []any{m.WindowLayers, m.WindowTokens, m.ExpertsTwoNS, m.ExpertsExponent, m.DecodePerSeqNS})
}

// Every shipped model is run by a shipped engine, and a pair that lacks a figure says which.
func TestShippedPairs(t *testing.T) {
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	for _, model := range folder.Names("models", ".yaml") {
		runs := 0
		for _, engine := range folder.Names("engines", ".yaml") {
			m, err := combined(t, model, engine)
			if err != nil {
				assert.ErrorContains(t, err, "has no prompt_tflops for", "%s on %s", model, engine)
				continue
			}
			runs++
			assert.Less(t, float64(m.StepBytes)/m.DecodeBaseNS, 273.0, "%s on %s reads no faster than the memory, GB/s", model, engine)
		}
		assert.Positive(t, runs, model)
	}
}

// Attention that alone takes longer than the prefill rate allows is refused.
func TestPrefillContradictsItself(t *testing.T) {
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	m, e, err := config.LoadModel(folder, "L8B", "tensorrt-llm")
	require.NoError(t, err)
	rates := m.Rates["tensorrt-llm"]
	rates.PrefillPerDepthNS.Value = 130
	_, err = Model(m, e)
	assert.EqualError(t, err, "model L8B: attention over 2048 tokens alone takes longer (1.33e+05 ns a token) than the prefill rate allows (1.25e+05 ns): correct one of them")
}

// An engine with slots gives each sequence no more than its slot, and one without chunks a prompt in one iteration.
func TestWaysReachTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "A")
		o.Twin.Engines["tensorrt-llm"].Ways = config.Ways{Scheduler: config.SchedulerSlots, ChunkedPrefill: new(false), WindowAware: new(false)}
		spec, _, err := Spec(o)
		require.NoError(t, err)
		assert.Equal(t, []bool{true, true, false}, []bool{spec.Slots, spec.WholePrompts, spec.WindowAware})
		assert.Equal(t, 131072, spec.MaxContextTokens)
	})
	o := options(t, "B")
	o.Twin.Engines["tensorrt-llm"].Ways.Scheduler = config.SchedulerSlots
	_, _, err := Spec(o)
	assert.ErrorContains(t, err, "reuse of what a slot held before is not simulated")
}

// What rests on no measurement is named, a line a part, and figures that nothing uses are not.
func TestAssumedFigures(t *testing.T) {
	lines, err := options(t, "B").assumed()
	require.NoError(t, err)
	text := strings.Join(lines, "\n")
	assert.Contains(t, text, "model L70B: transferred rates tensorrt-llm decode tok per s; arithmetic weights read per token, ")
	assert.Contains(t, text, "machine dgx-spark: arithmetic memory copy; assumed memory system, ")
	assert.NotContains(t, text, "weight read")
	assert.NotContains(t, text, "link", "it was measured")
}

// Of an engine's fitted costs is told how far off they were on rows that they had not seen, as far as they decide anything
// for the model; what was not fitted stays an assumption.
func TestFitErrorsAreTold(t *testing.T) {
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		model, engine string
		want          []string // lines on the engine
	}{
		"all costs decide": {"M8B", "vllm", []string{"engine vllm: on published rows left out of the fit decode of one stream is off by 21 % (at most 29 %), " +
			"of several by 22 % (at most 23 %), prefill by 13 % (at most 33 %) (harness/sim/README.md)"}},
		"the decode rate was published": {"Q32B", "vllm", []string{"engine vllm: arithmetic costs prompt tflops BF16",
			"engine vllm: on published rows left out of the fit decode of several streams is off by 22 % (at most 23 %) (harness/sim/README.md)"}},
		"no rows of several streams, another engine's prompt rate": {"M8B", "tensorrt-llm", []string{
			"engine tensorrt-llm: transferred costs kv read, costs sequence us per billion, costs prompt tflops FP8",
			"engine tensorrt-llm: on published rows left out of the fit decode of one stream is off by 2 % (at most 3 %) (harness/sim/README.md)"}},
		"all was published for the model":            {"L70B", "tensorrt-llm", []string{"engine tensorrt-llm: transferred costs kv read"}},
		"a mixture of experts with rates of its own": {"GPTOSS120B", "llama-cpp", nil},
		"SGLang": {"L8B", "sglang", []string{"engine sglang: transferred costs kv read",
			"engine sglang: on published rows left out of the fit decode of one stream is off by 14 % (at most 22 %), " +
				"of several by 6 % (at most 6 %), prefill by 9 % (at most 114 %) (harness/sim/README.md)"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, "A")
			m, e, err := config.LoadModel(folder, tt.model, tt.engine)
			require.NoError(t, err)
			o.Stack.Model, o.Stack.Engine = tt.model, tt.engine
			o.Twin.Models, o.Twin.Engines = map[string]*config.Model{tt.model: m}, map[string]*config.Engine{tt.engine: e}
			notes, err := o.assumed()
			require.NoError(t, err)
			var got []string
			for _, note := range notes {
				if strings.HasPrefix(note, "engine ") {
					got = append(got, note)
				}
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

// Limits of a drive's file reach the queue model, and those of which none is given are none.
func TestLimitsReachTheDrive(t *testing.T) {
	d := &config.Drive{Limits: &config.Limits{ReadIOPS: &config.Figure[float64]{Value: 1800}, Write: &config.Figure[config.Rate]{Value: 50e6}}}
	assert.Equal(t, sim.NVMeLimits{ReadIOPS: 1800, WriteBytesPerSec: 50e6}, Drive(d).Limits)
	d.Limits = &config.Limits{WriteIOPS: &config.Figure[float64]{Value: 900}, Read: &config.Figure[config.Rate]{Value: 60e6}}
	assert.Equal(t, sim.NVMeLimits{WriteIOPS: 900, ReadBytesPerSec: 60e6}, Drive(d).Limits)
	d.Limits = nil
	assert.Zero(t, Drive(d).Limits)
}
