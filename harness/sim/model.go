package sim

import "fmt"

// Model is a language model as this machine runs it. The rates are single-Spark figures.
type Model struct {
	Name    string // key in configs, such as L70B
	Served  string // id that the servers report
	Layers  int
	KVHeads int
	HeadDim int

	Hidden       int // width of the residual stream
	Intermediate int // width of the MLP

	// DecodeBaseNS is the time of a decode step with one sequence and no context: reading the weights
	// once, launch overheads included.
	DecodeBaseNS float64
	// DecodePerSeqNS is added for each further sequence of a step.
	DecodePerSeqNS float64
	// PrefillTokensPerSec is the published prompt rate for prompts of PrefillRefTokens.
	PrefillTokensPerSec float64
	PrefillRefTokens    float64
	// DepthNS is the extra time of one prompt token for each token before it (attention).
	DepthNS float64
	// WeightsBytes are resident while the server runs.
	WeightsBytes int64
	// Uncalibrated names the figures above that rest on arithmetic instead of a measurement.
	Uncalibrated []string
}

// Models are the models that the simulated machine knows.
//
// The step time has the form t = t0 + b(B-1) + k*sum(ctx)/216e9, a least-squares fit (mean error 2.6 %,
// at most 5.5 %) of 18 rows of llama.cpp's benches/dgx-spark/dgx-spark.md for a dense 7B at batch 1-32
// and context 512-8192.
var models = []Model{
	{
		Name: "L8B", Served: "nvidia/Llama-3.1-8B-Instruct-FP8",
		Layers: 32, KVHeads: 8, HeadDim: 128, Hidden: 4096, Intermediate: 14336,
		// 20.5 tok/s single stream, SGLang, FP8 (lmsys.org/blog/2025-10-13-nvidia-dgx-spark).
		DecodeBaseNS: 1e9 / 20.5,
		// 0.503 ms in the fit above.
		DecodePerSeqNS: 0.503e6,
		// 7,991 tok/s, same source.
		PrefillTokensPerSec: 7991, PrefillRefTokens: 2048,
		// 4 x layers x hidden / (2 x parameters) of a token's linear work per token of depth, at the
		// prefill rate: 4*32*4096 / (2*8.03e9) / 7991 s.
		DepthNS:      4.1,
		WeightsBytes: 9_000_000_000,
		Uncalibrated: []string{
			"attention depth cost (arithmetic)",
			"TensorRT-LLM at batch above 1 (the batch slope is llama.cpp's for a dense 7B)",
		},
	},
	{
		Name: "L70B", Served: "nvidia/Llama-3.3-70B-Instruct-NVFP4",
		Layers: 80, KVHeads: 8, HeadDim: 128, Hidden: 8192, Intermediate: 28672,
		// 4.0-4.2 tok/s single stream, vLLM, NVFP4 (NVIDIA/dgx-spark-playbooks issue 79, PR 91).
		DecodeBaseNS: 1e9 / 4.1,
		// The 7B slope times the ratio of parameters, 70.6/8.03.
		DecodePerSeqNS: 4.4e6,
		// 8B NVFP4 10,257 tok/s (NVIDIA) times 70B/8B FP8 803/7,991 (LMSYS): 1,030 +- 15 %.
		PrefillTokensPerSec: 1030, PrefillRefTokens: 2048,
		// 4*80*8192 / (2*70.6e9) / 1030 s.
		DepthNS:      18,
		WeightsBytes: 42_000_000_000,
		Uncalibrated: []string{
			"70B NVFP4 prefill rate (ratio of published rates, +- 15 %)",
			"70B NVFP4 at batch above 1 (scaled from a dense 7B)",
			"attention depth cost (arithmetic)",
		},
	},
}

// ModelByName returns the model's figures.
func ModelByName(name string) (Model, error) {
	var known []string
	for _, m := range models {
		if m.Name == name {
			return m, nil
		}
		known = append(known, m.Name)
	}
	return Model{}, fmt.Errorf("model %q is not known to the simulated machine (known: %v)", name, known)
}

// KVBytesPerToken is layers x kv_heads x head_dim x 2 (K and V) x bytes of an element, all layers.
func (m Model) KVBytesPerToken(elemBytes int) int64 {
	return int64(m.Layers) * int64(m.KVHeads) * int64(m.HeadDim) * 2 * int64(elemBytes)
}

// LoRABytes is an adapter of a rank on all linear layers: for each module A (rank x in) and B (out x rank),
// so rank x (in + out) values of 2 bytes (bf16). With h = Hidden, k = KVHeads x HeadDim, i = Intermediate:
// q, o: h + h; k, v: h + k; gate, up: h + i; down: i + h.
func (m Model) LoRABytes(rank int) int64 {
	h, k, i := int64(m.Hidden), int64(m.KVHeads)*int64(m.HeadDim), int64(m.Intermediate)
	return int64(rank) * (2*(h+h) + 2*(h+k) + 3*(h+i)) * int64(m.Layers) * 2
}

// kvReadBytesPerSec is the rate at which decode reads KV: the slope of the fit above, 0.2658 ms per
// 1,000 tokens of 57,344 B.
const kvReadBytesPerSec = 216e9

// prefillNS is the time that the linear and attention work of n prompt tokens takes when start tokens
// stand before them.
func (m Model) prefillNS(start, n float64) float64 {
	perToken := 1e9/m.PrefillTokensPerSec - m.DepthNS*m.PrefillRefTokens/2
	return n * (perToken + m.DepthNS*(start+n/2))
}
