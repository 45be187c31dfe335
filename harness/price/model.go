package price

import (
	"fmt"
	"math"

	"sparkharness/harness/config"
)

// model is what the work of a language model takes on a machine, in seconds.
type model struct {
	base, perSequence     float64 // of a decode step: with one sequence, added by each further one
	two, exponent         float64 // of a step of B >= 2 sequences of experts: two x (B/2)^exponent; 0: none
	request               float64 // the engine's own time for a request
	token, depth          float64 // of a prompt token, and added to it by each token before it
	kvToken, kvBytesPerS  float64 // bytes of a token's KV, and the rate at which decode reads it
	refPrompt, promptRate float64
}

// refPrompt is the length of the prompts for which a rate holds that follows from an engine's costs.
const refPrompt = 2048

// newModel takes what was published for the model with the engine, and for the rest what the engine's costs make of the
// model's parameters and bytes: 2 FLOP a parameter and prompt token, one reading of the weights a step. kvDtype is fp16
// or fp8.
func newModel(m *config.Model, e *config.Engine, kvDtype string) (model, error) {
	r, costs := m.Rates[e.Engine], e.Costs
	out := model{kvToken: float64(m.Shape.KVBytesPerToken), kvBytesPerS: float64(costs.KVRead.Value),
		base: float64(m.Weights.ReadPerToken.Value) / float64(costs.WeightRead.Value)}
	if kvDtype == "fp8" {
		out.kvToken /= 2
	}
	if costs.Request != nil {
		out.request = float64(costs.Request.Value) / 1e9
	}
	if f := r.DecodeTokPerS; f != nil {
		out.base = 1 / f.Value
	}
	switch {
	case r.Experts != nil:
		out.two, out.exponent = float64(r.Experts.Two.Value)/1e9, r.Experts.Exponent.Value
	case r.DecodePerSequence != nil:
		out.perSequence = float64(r.DecodePerSequence.Value) / 1e9
	default:
		out.perSequence = costs.SequencePerBillion.Value * m.Parameters.Active / 1e6
	}
	flop := 2e9 * m.Parameters.Active
	tflops, known := costs.PromptTFLOPS[m.Weights.Quantization]
	switch {
	case r.PrefillTokPerS != nil:
		out.promptRate, out.refPrompt = r.PrefillTokPerS.Value, float64(r.PrefillRefTokens)
	case known:
		out.promptRate, out.refPrompt = tflops.Value*1e12/flop, refPrompt
	default:
		return out, fmt.Errorf("model %s with engine %s has no prompt rate", m.Model, e.Engine)
	}
	if f := r.PrefillPerDepthNS; f != nil {
		out.depth = f.Value / 1e9
	} else {
		// Scores and their sum: 4 x hidden FLOP a layer and token of depth.
		out.depth = 4 * float64(m.Shape.Hidden) * float64(m.Shape.Layers) / flop / out.promptRate
	}
	out.token = max(0, 1/out.promptRate-out.depth*out.refPrompt/2)
	return out, nil
}

// prefill is the time of n prompt tokens behind start others.
func (m model) prefill(start, n int) float64 {
	return float64(n) * (m.token + m.depth*(float64(start)+float64(n)/2))
}

// step is the time of an iteration: the weights are read once for all of it and hide the prompt work, or it them; the
// sequences that decode add their slope and the read of their KV. fresh are requests that it is the first iteration of.
func (m model) step(prompt float64, prompts, decoding, fresh int, context float64) float64 {
	weights, beside := m.base, decoding-1
	if n := decoding + prompts; m.two > 0 && n > 1 {
		weights = m.two * math.Pow(float64(n)/2, m.exponent)
	}
	if prompts > 0 {
		beside = decoding
	}
	return max(weights, prompt) + m.perSequence*float64(max(0, beside)) + m.request*float64(fresh) + context*m.kvToken/m.kvBytesPerS
}
