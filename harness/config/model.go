package config

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Model is a file of models/: a language model as a serving engine runs it.
type Model struct {
	Model      string     `yaml:"model"`  // name of the file
	Served     string     `yaml:"served"` // id that servers report
	Shape      Shape      `yaml:"shape"`
	Parameters Parameters `yaml:"parameters"`
	Weights    Weights    `yaml:"weights"`
	// Rates are published for this model on one machine, by engine. What an engine has no entry for, or an entry does not
	// say, follows from the engine's costs.
	Rates map[string]Rates `yaml:"rates,omitempty"`
}

// Shape is the model's configuration as its makers publish it.
type Shape struct {
	Layers        int     `yaml:"layers"`
	KVHeads       int     `yaml:"kv_heads,omitempty"`   // absent with latent_dim
	HeadDim       int     `yaml:"head_dim,omitempty"`   // absent with latent_dim
	LatentDim     int     `yaml:"latent_dim,omitempty"` // values a token and layer that stand for K and V (multi-head latent attention)
	Window        *Window `yaml:"window,omitempty"`     // layers that see the latest tokens only
	Hidden        int     `yaml:"hidden"`               // width of the residual stream
	Intermediate  int     `yaml:"intermediate"`         // width of the MLP, of one expert
	ContextTokens int     `yaml:"context_tokens"`       // longest prompt plus output
	// KVBytesPerToken is the KV of a token in all layers, in 16-bit elements; it must be what the rest of the shape makes.
	KVBytesPerToken Size   `yaml:"kv_bytes_per_token"`
	Source          string `yaml:"source"`
}

// Window is sliding-window attention.
type Window struct {
	Layers int `yaml:"layers"` // that have it
	Tokens int `yaml:"tokens"` // that they see
}

// Parameters are counted in billions.
type Parameters struct {
	Total  float64 `yaml:"total_billion"`
	Active float64 `yaml:"active_billion"` // of a token: all of them unless experts are chosen
	Source string  `yaml:"source"`
}

// Weights are the parameters as they lie in memory.
type Weights struct {
	Quantization string       `yaml:"quantization"` // such as FP8, NVFP4, MXFP4, Q8_0 or BF16; engines name their prompt rate by it
	Resident     Figure[Size] `yaml:"resident"`     // memory that they take
	ReadPerToken Figure[Size] `yaml:"read_per_token"`
}

// Rates are what was published for a model and an engine on a machine.
type Rates struct {
	DecodeTokPerS     *Figure[float64]  `yaml:"decode_tok_per_s,omitempty"`     // of one sequence without context
	DecodePerSequence *Figure[Duration] `yaml:"decode_per_sequence,omitempty"`  // added to a step by each further sequence
	PrefillTokPerS    *Figure[float64]  `yaml:"prefill_tok_per_s,omitempty"`    // of prompts of prefill_ref_tokens
	PrefillRefTokens  int               `yaml:"prefill_ref_tokens,omitempty"`   // needed with prefill_tok_per_s
	PrefillPerDepthNS *Figure[float64]  `yaml:"prefill_per_depth_ns,omitempty"` // added to a prompt token by each token before it, ns
	Experts           *Experts          `yaml:"experts,omitempty"`
}

// Experts are what a mixture of experts adds to a step: the more sequences, the more of the experts are read. A step of
// two or more sequences has the base two x (B/2)^exponent in place of that of one.
type Experts struct {
	Two      Figure[Duration] `yaml:"two"`
	Exponent Figure[float64]  `yaml:"exponent"`
}

// kvBytes is layers x kv_heads x head_dim x 2 (K and V) x 2 B, or layers x latent_dim x 2 B.
func (s Shape) kvBytes() Size {
	perLayer := Size(s.KVHeads) * Size(s.HeadDim) * 2
	if s.LatentDim > 0 {
		perLayer = Size(s.LatentDim)
	}
	return Size(s.Layers) * perLayer * 2
}

// factors are those of kvBytes, in words.
func (s Shape) factors() string {
	if s.LatentDim > 0 {
		return fmt.Sprintf("%d layers x %d values x 2 B", s.Layers, s.LatentDim)
	}
	return fmt.Sprintf("%d layers x %d KV heads x %d x 2 (K and V) x 2 B", s.Layers, s.KVHeads, s.HeadDim)
}

func (m *Model) check(r *reader) {
	r.plain("model", m.Model)
	r.modelShape(m.Shape)
	if r.ok("parameters.active_billion", "parameters.total_billion") && m.Parameters.Active > m.Parameters.Total {
		r.refuse("parameters.active_billion", "is %g, more than the total of %g", m.Parameters.Active, m.Parameters.Total)
	}
	r.plain("weights.quantization", m.Weights.Quantization)
	r.figures(m)
	if r.ok("weights.read_per_token.value", "weights.resident.value") && m.Weights.ReadPerToken.Value > m.Weights.Resident.Value {
		r.refuse("weights.read_per_token.value", "is %v, more than the %v that are resident: nothing is read twice for a token",
			m.Weights.ReadPerToken.Value, m.Weights.Resident.Value)
	}
	r.bits("weights.resident.value", m.Weights.Resident.Value, "total_billion", m.Parameters.Total)
	r.bits("weights.read_per_token.value", m.Weights.ReadPerToken.Value, "active_billion", m.Parameters.Active)
	for _, name := range slices.Sorted(maps.Keys(m.Rates)) {
		rates := m.Rates[name]
		path := join("rates", name)
		r.plain(path, name)
		rates.checkExperts(r, path)
		if rates.PrefillRefTokens > context.most.(int) {
			r.refuse(path+".prefill_ref_tokens", "is at most %v, not %d: %s", context.most, rates.PrefillRefTokens, context.why)
		}
		if (rates.PrefillTokPerS != nil) != (rates.PrefillRefTokens > 0) {
			r.refuse(path+".prefill_ref_tokens", "goes with prefill_tok_per_s: the rate falls with the length of the prompts that it was measured for")
		}
	}
}

// bits refuses weights with less than a bit for each of the parameters that they are of.
func (r *reader) bits(path string, bytes Size, of string, billions float64) {
	if r.ok(path, "parameters."+of) && float64(bytes) < billions*1e9/8 {
		r.refuse(path, "is %v, less than a bit for each parameter (%s: %g): look at the unit", bytes, of, billions)
	}
}

// checkExperts refuses what says a step's growth twice, and experts that beat reading all of them anew for each sequence.
func (rates Rates) checkExperts(r *reader, path string) {
	e := rates.Experts
	if e == nil {
		return
	}
	if rates.DecodePerSequence != nil {
		r.refuse(path+".decode_per_sequence", "does not go with experts, which say themselves what further sequences add: leave one out")
	}
	at := path + ".experts"
	if e.Exponent.Value > 1 {
		r.refuse(at+".exponent.value", "is at most 1, not %g: a step reads no more than all that its sequences read alone", e.Exponent.Value)
	}
	one := rates.DecodeTokPerS
	if one != nil && r.ok(path+".decode_tok_per_s.value") && e.Two.Value.Seconds() < 1/one.Value {
		r.refuse(at+".two.value", "is %v, less than a step of one sequence takes (%v): two read no less", e.Two.Value,
			time.Duration(1e9/one.Value).Round(time.Microsecond))
	}
}

// modelShape holds the shape against itself.
func (r *reader) modelShape(s Shape) {
	heads := s.KVHeads > 0 && s.HeadDim > 0
	switch latent := s.LatentDim > 0; {
	case latent && (s.KVHeads > 0 || s.HeadDim > 0):
		r.refuse("shape.latent_dim", "stands in place of kv_heads and head_dim, not beside them")
	case !latent && !heads:
		r.refuse("shape.kv_heads", "is needed, with head_dim, to know the bytes of a token's KV (or latent_dim)")
	case r.ok("shape.layers", "shape.kv_bytes_per_token") && s.KVBytesPerToken != s.kvBytes():
		r.refuse("shape.kv_bytes_per_token", "is %v, but %s make %v: correct one of them", s.KVBytesPerToken, s.factors(), s.kvBytes())
	}
	if w := s.Window; w != nil && r.ok("shape.window.layers", "shape.layers") && w.Layers > s.Layers {
		r.refuse("shape.window.layers", "is %d of %d layers", w.Layers, s.Layers)
	}
}
