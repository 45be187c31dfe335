package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of an iteration only what reads memory feels that memory is slower.
func TestStepBesideDMA(t *testing.T) {
	m, err := ModelByName("L70B")
	require.NoError(t, err)
	host := DefaultParams().Host
	assert.Equal(t, 1.0, host.memorySlowdown(0))
	slow := host.memorySlowdown(15e9)
	assert.InDelta(t, 273.0/(273-15), slow, 1e-12)

	const kvBytes, context = 327_680, 8 * 4096
	step := func(prompt []chunk, decoding int, tokens int64, slowdown float64) float64 {
		return m.stepNS(prompt, decoding, tokens, kvBytes, slowdown)
	}
	slope := 7 * m.DecodePerSeqNS
	assert.InEpsilon(t, (step(nil, 8, context, 1)-slope)*slow, step(nil, 8, context, slow)-slope, 1e-12, "all but the slope")
	long, short := []chunk{{tokens: 2048}}, []chunk{{tokens: 16}}
	assert.Equal(t, step(long, 0, 0, 1), step(long, 0, 0, slow), "the prompt decides")
	assert.InEpsilon(t, step(short, 0, 0, 1)*slow, step(short, 0, 0, slow), 1e-12, "the weights decide")
	kv := float64(context*kvBytes) / kvReadBytesPerSec * 1e9
	assert.InDelta(t, kv*(slow-1), step(long, 8, context, slow)-step(long, 8, context, 1), 1, "the KV of those that decode beside it")
}
