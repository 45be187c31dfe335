package sim

import "math"

// chunk is a piece of a prompt inside one iteration.
type chunk struct {
	start, tokens int
}

// batch is what an iteration works on.
type batch struct {
	prompt   []chunk
	requests int   // that it is the first iteration of
	decoding int   // sequences
	tokens   int64 // of their context
	windowed int64 // of their context that layers with a sliding window see
}

// step is the work of one iteration that is left, in ns of an undisturbed memory.
//
// The weights are read once for everything in the batch, so the prompt work hides behind that read or
// the read behind the prompt work: a roofline, max(t0, prefill). The published prompt rates are flat
// from 512 tokens up, as this form is and a sum would not be. Sequences that decode add their slope and
// the read of their KV. What reads memory, weights and KV, takes slowdown times as long (dram.go); prompt
// work and the slope do not. The parts follow each other: weights beside the prompt, the slope, the KV.
type step struct {
	weights, prompt, slope, kv float64

	slowdown float64 // since atNS
	pace     float64 // times as long that compute takes: prompt work and slope (thermal.go)
	beginNS  int64
	atNS     int64 // up to which work has been taken off
}

// stepOf is the work of an iteration. kv is the KV of a token in the layers that see all of the context, and windowed
// that in the others, bytes.
func (m Model) stepOf(b batch, kv, windowed int64) step {
	var s step
	for _, c := range b.prompt {
		s.prompt += m.prefillNS(float64(c.start), float64(c.tokens))
	}
	s.weights = m.weightsNS(b.decoding + len(b.prompt))
	beside := b.decoding - 1 // t0 holds one sequence
	if len(b.prompt) > 0 {
		beside = b.decoding
	}
	s.slope = m.DecodePerSeqNS*float64(max(0, beside)) + m.RequestNS*float64(b.requests)
	s.kv = float64(b.tokens*kv+b.windowed*windowed) / m.KVReadBytesPerSec * 1e9
	return s
}

// weightsNS is the time of reading the weights for a batch: those of the experts that its sequences choose, if the model
// has experts.
func (m Model) weightsNS(sequences int) float64 {
	if m.ExpertsTwoNS == 0 || sequences < 2 {
		return m.DecodeBaseNS
	}
	return m.ExpertsTwoNS * math.Pow(float64(sequences)/2, m.ExpertsExponent)
}

// leastNS is the time in which a memory of so many bytes a second can give an iteration its weights and the KV that stands
// before its prompt chunks. The prompt rates were measured for whole prompts, whose work hides that read; a few tokens behind
// a long prefix, as a cache leaves them, do not hide it.
func (m Model) leastNS(b batch, kv, windowed int64, bytesPerSec float64) float64 {
	bytes := m.StepBytes
	for _, c := range b.prompt {
		bytes += int64(c.start)*kv + int64(min(c.start, m.WindowTokens))*windowed
	}
	return float64(bytes) / bytesPerSec * 1e9
}

// left is how long the step still takes if memory stays as it is, ns.
func (s *step) left() float64 {
	return max(s.weights*s.slowdown, s.prompt*s.pace) + s.slope*s.pace + s.kv*s.slowdown
}

// begin starts the step; a step that is held begins later than now.
func (s *step) begin(at int64, slowdown, pace float64) {
	s.beginNS, s.atNS, s.slowdown, s.pace = at, at, slowdown, pace
}

// endNS is when the step ends if memory stays as it is, on the grid of whole microseconds after its begin.
func (s *step) endNS() int64 {
	ns := float64(s.atNS-s.beginNS) + s.left()
	return s.beginNS + max(1, int64(ns/1000+0.5))*1000
}

// until takes off the work that has been done until now.
func (s *step) until(now int64) {
	dt := float64(now - s.atNS)
	if dt <= 0 {
		return
	}
	s.atNS = now
	both := max(s.weights*s.slowdown, s.prompt*s.pace)
	took := min(dt, both)
	s.weights, s.prompt = max(0, s.weights-took/s.slowdown), max(0, s.prompt-took/s.pace)
	dt -= took
	took = min(dt, s.slope*s.pace)
	s.slope = max(0, s.slope-took/s.pace)
	dt -= took
	s.kv = max(0, s.kv-dt/s.slowdown)
}
