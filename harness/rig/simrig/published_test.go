package simrig

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"sparkharness/harness/config"
)

const publishedFile = root + "/fixtures/calibration/published.yaml"

// engineUnknown stands for the engine that a source does not name.
const engineUnknown = "unknown"

// longest is the most tokens of a published row, and more.
const longest = 1 << 17

// Quantities of published rows; see the file.
const (
	quantityDecode    = "decode"
	quantityDecodeAll = "decode_all"
	quantityPrefill   = "prefill"
	quantityTTFT      = "ttft"
)

// publishedText is the form of the file of published rows.
type publishedText struct {
	Sources   map[string]source         `yaml:"sources"`
	Models    map[string]publishedModel `yaml:"models"`
	Published []struct {
		Source, Engine, Model, KV string
		Rows                      []row
	} `yaml:"published"`
}

// source is who published, and how that was measured.
type source struct {
	Name   string `yaml:"name"`
	Method string `yaml:"method"` // bench or server
	Budget int    `yaml:"budget"` // of a server, tokens an iteration
	Taken  string `yaml:"taken"`  // what the source does not say
}

// publishedModel is a file of models/, or what a fit needs of a model.
type publishedModel struct {
	File            string      `yaml:"file"`
	Quantization    string      `yaml:"quantization"`
	Read            config.Size `yaml:"read"`
	Active          float64     `yaml:"active_billion"`
	Layers          int         `yaml:"layers"`
	Hidden          int         `yaml:"hidden"`
	KVBytesPerToken config.Size `yaml:"kv_bytes_per_token"` // in elements of 16 bit
}

// row is a published figure.
type row struct {
	Prompt   int     `yaml:"prompt"`
	Streams  int     `yaml:"streams"`
	Output   int     `yaml:"output"`
	Depth    int     `yaml:"depth"` // tokens before the prompt
	Quantity string  `yaml:"quantity"`
	Value    float64 `yaml:"value"`

	source, engine, kv string
	by                 source
	model              *config.Model
}

// fitted says whether an engine's costs are fitted to the row: not to that of a mixture of experts, which has rates of its
// own, and not to the TTFT of several streams, which depends on the order in which they arrived.
func (r row) fitted() bool {
	return len(r.model.Rates) == 0 && (r.Quantity != quantityTTFT || r.Streams == 1)
}

// regions of rows, as an engine's file has them.
const (
	regionOne     = "decode_one_stream"
	regionStreams = "decode_streams"
	regionPrefill = "prefill"
)

var regions = []string{regionOne, regionStreams, regionPrefill}

func (r row) region() string {
	switch {
	case r.Quantity == quantityPrefill || r.Quantity == quantityTTFT:
		return regionPrefill
	case r.Streams > 1:
		return regionStreams
	}
	return regionOne
}

// published are the rows of the file with their models, in its order. Models of a file lose their rates, so that engines'
// costs alone decide, unless they are mixtures of experts.
func published(t *testing.T) []row {
	t.Helper()
	b, err := os.ReadFile(publishedFile)
	require.NoError(t, err)
	var f publishedText
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	require.NoError(t, d.Decode(&f))
	folder, err := config.OpenFolder(configs)
	require.NoError(t, err)
	models := map[string]*config.Model{}
	for name, p := range f.Models {
		models[name] = p.model(t, folder, name)
	}
	var out []row
	for _, g := range f.Published {
		by, known := f.Sources[g.Source]
		require.True(t, known, "source %s", g.Source)
		require.Contains(t, []string{"bench", "server"}, by.Method)
		require.Equal(t, by.Method == "server", by.Budget > 0, g.Source)
		require.Contains(t, models, g.Model)
		require.Contains(t, []string{"fp16", "fp8"}, g.KV)
		for _, r := range g.Rows {
			r.source, r.engine, r.kv, r.by, r.model = g.Source, g.Engine, g.KV, by, models[g.Model]
			require.Contains(t, []string{quantityDecode, quantityDecodeAll, quantityPrefill, quantityTTFT}, r.Quantity)
			require.Positive(t, r.Value)
			require.Positive(t, r.Streams)
			require.Positive(t, r.Output)
			require.Less(t, r.Prompt+r.Depth+r.Output, longest)
			out = append(out, r)
		}
	}
	return out
}

// model is the configuration of a model that is published about.
func (p publishedModel) model(t *testing.T, folder *config.Folder, name string) *config.Model {
	t.Helper()
	if p.File != "" {
		m, _, err := config.LoadModel(folder, p.File, "vllm")
		require.NoError(t, err)
		if m.Parameters.Active == m.Parameters.Total {
			m.Rates = nil
		}
		m.Shape.ContextTokens = max(m.Shape.ContextTokens, longest) // a bench goes beyond what a model was trained for
		return m
	}
	m := &config.Model{Model: name, Served: name}
	perLayer := int(p.KVBytesPerToken) / p.Layers / 4 // K and V, of 16 bit
	require.Equal(t, p.KVBytesPerToken, config.Size(4*perLayer*p.Layers), name)
	m.Shape = config.Shape{Layers: p.Layers, KVHeads: 1, HeadDim: perLayer, Hidden: p.Hidden, Intermediate: 4 * p.Hidden,
		ContextTokens: longest, KVBytesPerToken: p.KVBytesPerToken}
	m.Parameters = config.Parameters{Total: p.Active, Active: p.Active}
	m.Weights.Quantization = p.Quantization
	m.Weights.Resident.Value, m.Weights.ReadPerToken.Value = p.Read, p.Read
	return m
}

// sourcesOf are those of rows, in order of their first.
func sourcesOf(rows []row) []string {
	var out []string
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.source] {
			seen[r.source] = true
			out = append(out, r.source)
		}
	}
	return out
}

// The rows are those that the fit and the table below are about.
func TestPublishedRows(t *testing.T) {
	rows := published(t)
	assert.Equal(t, []string{"nvidia", "lmsys", "playbooks", "djangodevreng", "lyb", "llama-cpp"}, sourcesOf(rows))
	count := map[string]int{}
	for _, r := range rows {
		if r.fitted() {
			count[r.engine]++
		}
	}
	assert.Equal(t, map[string]int{"tensorrt-llm": 5, "sglang": 7, "vllm": 16, "llama-cpp": 36, engineUnknown: 2}, count)
}
