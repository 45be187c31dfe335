package simrig

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/config"
)

// The bytes of a block are told as they come about, whatever the model keeps.
func TestBlockFormula(t *testing.T) {
	for want, change := range map[string]func(s *config.Shape){
		"2 x 80 layers x 8 KV heads x 128 x 2 B x 32 tokens (L70B, fp16)": func(*config.Shape) {},
		"80 layers x 512 values x 2 B x 32 tokens (L70B, fp16)":           func(s *config.Shape) { s.KVHeads, s.HeadDim, s.LatentDim = 0, 0, 512 },
		"2 x 20 layers without a window x 8 KV heads x 128 x 2 B x 32 tokens (L70B, fp16)": func(s *config.Shape) {
			s.Window = &config.Window{Layers: 60, Tokens: 128}
		},
	} {
		o := options(t, "B")
		change(&o.Twin.Models["L70B"].Shape)
		spec, _, err := Spec(o)
		require.NoError(t, err)
		assert.Equal(t, want, blockFormula(spec, "fp16"))
	}
}
