package sim

// Model is a language model as an engine runs it on this machine.
type Model struct {
	Name    string // key in configs, such as L70B
	Served  string // id that the servers report
	Layers  int
	KVHeads int
	HeadDim int
	// LatentDim is how many values a token and layer stand for K and V, in place of the heads; 0: the heads do.
	LatentDim int
	// WindowLayers of the layers see the latest WindowTokens only.
	WindowLayers, WindowTokens int

	Hidden       int // width of the residual stream
	Intermediate int // width of the MLP

	// DecodeBaseNS is the time of a decode step with one sequence and no context: reading the weights
	// once, launch overheads included.
	DecodeBaseNS float64
	// DecodePerSeqNS is added for each further sequence of a step.
	DecodePerSeqNS float64
	// ExpertsTwoNS x (B/2)^ExpertsExponent takes the place of DecodeBaseNS in steps of B >= 2 sequences, which between
	// them choose more of the experts; 0: no experts.
	ExpertsTwoNS, ExpertsExponent float64
	// KVReadBytesPerSec is the rate at which decode reads KV.
	KVReadBytesPerSec float64
	// RequestNS is the engine's own time for a request, in the iteration that first works on it.
	RequestNS float64
	// PrefillTokensPerSec is the prompt rate for prompts of PrefillRefTokens.
	PrefillTokensPerSec float64
	PrefillRefTokens    float64
	// DepthNS is the extra time of one prompt token for each token before it (attention).
	DepthNS float64
	// WeightsBytes are resident while the server runs; StepBytes of them are read by a step of one sequence.
	WeightsBytes, StepBytes int64
}

// KVBytesPerToken is layers x kv_heads x head_dim x 2 (K and V) x bytes of an element, all layers; or layers x latent_dim
// x bytes of an element.
func (m Model) KVBytesPerToken(elemBytes int) int64 { return int64(m.Layers) * m.kvOfLayer(elemBytes) }

// kvOfLayer is the KV of a token in one layer, bytes.
func (m Model) kvOfLayer(elemBytes int) int64 {
	values := int64(m.KVHeads) * int64(m.HeadDim) * 2
	if m.LatentDim > 0 {
		values = int64(m.LatentDim)
	}
	return values * int64(elemBytes)
}

// LoRABytes is an adapter of a rank on all linear layers: for each module A (rank x in) and B (out x rank),
// so rank x (in + out) values of 2 bytes (bf16). With h = Hidden, k = KVHeads x HeadDim, i = Intermediate:
// q, o: h + h; k, v: h + k; gate, up: h + i; down: i + h.
func (m Model) LoRABytes(rank int) int64 {
	h, k, i := int64(m.Hidden), int64(m.KVHeads)*int64(m.HeadDim), int64(m.Intermediate)
	return int64(rank) * (2*(h+h) + 2*(h+k) + 3*(h+i)) * int64(m.Layers) * 2
}

// prefillNS is the time that the linear and attention work of n prompt tokens takes when start tokens
// stand before them.
func (m Model) prefillNS(start, n float64) float64 {
	perToken := 1e9/m.PrefillTokensPerSec - m.DepthNS*m.PrefillRefTokens/2
	return n * (perToken + m.DepthNS*(start+n/2))
}
