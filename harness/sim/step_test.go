package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const stepKV, stepContext = 327_680, 8 * 4096

// took is how long a step takes beside devices and copies that leave memory so slow.
func took(m Model, b batch, slowdown float64) float64 {
	s := m.stepOf(b, stepKV, 0)
	s.begin(0, slowdown, 1)
	return s.left()
}

// Of an iteration only what reads memory feels that memory is slower.
func TestStepBesideDMA(t *testing.T) {
	m, err := ModelByName("L70B")
	require.NoError(t, err)
	host := DefaultParams().Host
	assert.Equal(t, 1.0, host.memorySlowdown(0))
	slow := host.memorySlowdown(15e9)
	assert.InDelta(t, 273.0/(273-15), slow, 1e-12)

	decode := batch{decoding: 8, tokens: stepContext}
	slope := 7 * m.DecodePerSeqNS
	assert.InEpsilon(t, (took(m, decode, 1)-slope)*slow, took(m, decode, slow)-slope, 1e-12, "all but the slope")
	long, short := batch{prompt: []chunk{{tokens: 2048}}}, batch{prompt: []chunk{{tokens: 16}}}
	assert.Equal(t, took(m, long, 1), took(m, long, slow), "the prompt decides")
	assert.InEpsilon(t, took(m, short, 1)*slow, took(m, short, slow), 1e-12, "the weights decide")
	long.decoding, long.tokens = 8, stepContext
	kv := float64(stepContext*stepKV) / m.KVReadBytesPerSec * 1e9
	assert.InDelta(t, kv*(slow-1), took(m, long, slow)-took(m, long, 1), 1, "the KV of those that decode beside it")
}

// A memory that becomes slow, or fast again, in the middle of a step counts from then on.
func TestStepInParts(t *testing.T) {
	m, err := ModelByName("L70B")
	require.NoError(t, err)
	for name, b := range map[string]batch{
		"weights, slope and KV": {decoding: 8, tokens: stepContext},
		"the prompt decides":    {prompt: []chunk{{tokens: 2048}}, decoding: 3, tokens: stepContext},
		"the weights decide":    {prompt: []chunk{{tokens: 16}}, decoding: 3, tokens: stepContext},
	} {
		whole := took(m, b, 1)
		for share := range 10 {
			s := m.stepOf(b, stepKV, 0)
			s.begin(1000, 1, 1)
			at := 1000 + int64(float64(share)/10*whole)
			s.until(at)
			assert.InDelta(t, whole, float64(at-1000)+s.left(), 1e-3, "%s: nothing has changed", name)
			s.slowdown = 2
			slow := s.left()
			assert.GreaterOrEqual(t, slow, whole-float64(at-1000)-1e-3, name)
			assert.LessOrEqual(t, slow, 2*(whole-float64(at-1000))+1e-3, name)
			// Back to normal after 10 ms: what was lost is between nothing and half of that.
			s.until(at + 10e6)
			s.slowdown = 1
			lost := float64(at+10e6-1000) + s.left() - whole
			assert.True(t, lost > -1e-3 && lost < 5e6+1e-3 || slow < 10e6, "%s: %v ns lost", name, lost)
		}
	}
	s := m.stepOf(batch{decoding: 1}, stepKV, 0)
	s.begin(0, 4, 1)
	s.until(8e6)
	assert.InDelta(t, m.DecodeBaseNS-2e6, s.weights, 1e-6, "a quarter of the rate")
}

// A mixture of experts reads more of its weights for more sequences.
func TestStepOfExperts(t *testing.T) {
	m, err := ModelByName("L8B")
	require.NoError(t, err)
	m.DecodePerSeqNS = 0
	m.ExpertsTwoNS, m.ExpertsExponent = 60e6, 0.5
	for sequences, want := range map[int]float64{1: m.DecodeBaseNS, 2: 60e6, 8: 120e6, 32: 240e6} {
		assert.InDelta(t, want, took(m, batch{decoding: sequences}, 1), 1e-3)
	}
}

// Layers with a sliding window read no more than it, and an engine that knows keeps no more.
func TestSlidingWindows(t *testing.T) {
	m, err := ModelByName("L8B")
	require.NoError(t, err)
	m.WindowLayers, m.WindowTokens = 16, 128
	s := Spec{Model: m, KVElemBytes: 2, BlockTokens: 32}
	assert.EqualValues(t, 131_072, s.KVBytesPerToken())
	full, windowed := s.kvByLayers()
	assert.Equal(t, []int64{65_536, 65_536}, []int64{full, windowed})
	step := m.stepOf(batch{decoding: 2, tokens: 8192, windowed: 256}, full, windowed)
	assert.InDelta(t, (8192+256)*65_536/216e9*1e9, step.kv, 1e-6)
	s.WindowAware = true
	assert.EqualValues(t, 65_536, s.KVBytesPerToken())
	m.LatentDim = 576
	assert.EqualValues(t, 32*576*2, m.KVBytesPerToken(2))
}
