package simrig

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
	"sparkharness/harness/load"
	"sparkharness/harness/record"
)

// measured are the answers to streams that are sent together: TTFT, the middle gap between tokens and the mean one, ms.
type measured struct{ ttft, middle, mean []float64 }

// bench runs rows on simulated machines, none twice.
type bench struct {
	t    *testing.T
	base Options
	dir  string
	done map[benchKey]measured
}

// benchKey is what decides a run.
type benchKey struct {
	engine, model, kv       string
	weight, kvRead          float64
	sequence, prompt, ready float64
	tokens, streams, output int
	budget                  int
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, base: options(t, "A"), dir: t.TempDir(), done: map[benchKey]measured{}}
}

// simulated is what a row comes to on a machine whose engine has the costs, in the row's own unit.
func (b *bench) simulated(r row, c costs) float64 {
	switch r.Quantity {
	case quantityTTFT:
		return mean(b.run(r, c, r.Prompt, r.Output).ttft)
	case quantityPrefill:
		ms := slices.Max(b.run(r, c, r.Depth+r.Prompt, 2).ttft)
		if r.Depth > 0 {
			ms -= slices.Max(b.run(r, c, r.Depth, 2).ttft)
		}
		return float64(r.Streams*r.Prompt) / ms * 1e3
	}
	m := b.run(r, c, max(1, r.Depth+r.Prompt), max(2, r.Output))
	gaps := m.mean
	if r.by.Method == "bench" {
		gaps = m.middle // nobody's prompt is among them
	}
	sum := 0.0
	for _, ms := range gaps {
		sum += 1e3 / ms
	}
	if r.Quantity == quantityDecodeAll {
		return sum
	}
	return sum / float64(len(gaps))
}

// run sends as many prompts as the row has streams at once, one a stream.
func (b *bench) run(r row, c costs, tokens, output int) measured {
	b.t.Helper()
	q := r.model.Weights.Quantization
	budget := r.by.Budget
	if r.by.Method == "bench" {
		budget = r.Streams * (tokens + 1) // the whole batch in one iteration
	}
	key := benchKey{r.engine, r.model.Model, r.kv, c.weight, c.kv, c.sequence, c.promptOf(q), c.request, tokens, r.Streams, output, budget}
	if m, done := b.done[key]; done {
		return m
	}
	o := b.options(r, c)
	o.Stack.Runtime.MaxNumTokens = budget
	room := config.Size(r.Streams*(tokens+output+2*o.Stack.Runtime.TokensPerBlock)) * r.model.Shape.KVBytesPerToken
	o.Stack.Runtime.KVPoolBytes = room + 1<<30
	m := measured{}
	synctest.Test(b.t, func(t *testing.T) {
		start := time.Now()
		machine, err := OpenMachine(o)
		require.NoError(t, err)
		defer func() { assert.NoError(t, machine.Close()) }()
		ep := machine.Endpoint()
		served, err := load.ServedModel(t.Context(), ep.HTTP, ep.BaseURL)
		require.NoError(t, err)
		none, err := load.NewConstant(0)
		require.NoError(t, err)
		answer, err := load.NewConstant(float64(output))
		require.NoError(t, err)
		_, err = load.Run(t.Context(), load.Spec{
			RunID: "calibration", Stack: "A", Model: r.model.Model, Workload: "fixed_context", ContextTokens: tokens,
			Loop: load.Closed{Users: r.Streams, Think: none}, Output: answer, Nonce: load.NonceNone,
			Prompter: load.FixedContext{Body: func(n int, _ string) (string, error) { return strings.Repeat("w ", n-1) + "w\n", nil }},
			Timeout:  time.Hour, Seed: 1, BaseURL: ep.BaseURL, API: ep.API, Dialect: ep.Dialect, ModelID: served, HTTP: ep.HTTP,
			// The first request of each user is the row; nothing is sent after it.
			Warmup: load.Warmup{Min: time.Microsecond, Max: time.Microsecond, Passes: 1}, Duration: time.Microsecond,
			MaxDuration: time.Microsecond, MinRequests: 1, Start: start,
		}, func(q *record.Request) error {
			require.Equal(t, record.RCOK, q.RC)
			require.Equal(t, []int{0, tokens, output}, []int{q.Seq, *q.PromptTokens, *q.OutputTokens})
			m.ttft = append(m.ttft, *q.TTFTms)
			m.middle = append(m.middle, *q.ITLp50ms)
			m.mean = append(m.mean, *q.ITLmeanMS)
			return nil
		}, func(string) {})
		require.NoError(t, err)
	})
	require.Len(b.t, m.ttft, r.Streams)
	b.done[key] = m
	return m
}

// options are Stack A with the row's model and an engine of the given costs, in a folder that all runs share.
func (b *bench) options(r row, c costs) Options {
	b.t.Helper()
	o := b.base
	stack, engine := *o.Stack, config.Engine{Engine: r.engine}
	ways := r.engine
	if r.engine == engineUnknown {
		ways = "vllm"
	}
	folder, err := config.OpenFolder(configs)
	require.NoError(b.t, err)
	_, shipped, err := config.LoadModel(folder, "Q7B", ways)
	require.NoError(b.t, err)
	engine.Ways = shipped.Ways
	engine.Costs.WeightRead.Value = config.Rate(1 / c.weight)
	engine.Costs.KVRead.Value = config.Rate(1 / c.kv)
	engine.Costs.SequencePerBillion.Value = c.sequence * 1e6
	engine.Costs.PromptTFLOPS = map[string]config.Figure[float64]{r.model.Weights.Quantization: {Value: 1 / c.promptOf(r.model.Weights.Quantization)}}
	if c.request > 0 {
		engine.Costs.Request = &config.Figure[config.Duration]{Value: config.Duration(c.request * 1e9)}
	}
	stack.Model, stack.Engine, stack.Runtime.KVDtype, stack.Runtime.MaxBatchSize = r.model.Model, r.engine, r.kv, r.Streams
	o.Stack, o.Dir = &stack, b.dir
	twin := *o.Twin
	twin.Models, twin.Engines = map[string]*config.Model{r.model.Model: r.model}, map[string]*config.Engine{r.engine: &engine}
	o.Twin = &twin
	return o
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
