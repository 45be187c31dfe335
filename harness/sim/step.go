package sim

// chunk is a piece of a prompt inside one iteration.
type chunk struct {
	start, tokens int
}

// stepNS is the duration of one iteration, in ns.
//
// The weights are read once for everything in the batch, so the prompt work hides behind that read or
// the read behind the prompt work: a roofline, max(t0, prefill). The published prompt rates are flat
// from 512 tokens up, as this form is and a sum would not be. Sequences that decode add their slope and
// the read of their KV. What reads memory, weights and KV, takes memorySlowdown times as long (dram.go); prompt
// work and the slope do not.
func (m Model) stepNS(prompt []chunk, decoding int, decodeTokens int64, kvBytesPerToken int64, memorySlowdown float64) float64 {
	var prefill float64
	for _, c := range prompt {
		prefill += m.prefillNS(float64(c.start), float64(c.tokens))
	}
	ns := max(m.DecodeBaseNS*memorySlowdown, prefill)
	beside := decoding - 1 // t0 holds one sequence
	if len(prompt) > 0 {
		beside = decoding
	}
	ns += m.DecodePerSeqNS * float64(max(0, beside))
	ns += float64(decodeTokens*kvBytesPerToken) / kvReadBytesPerSec * 1e9 * memorySlowdown
	return ns
}
