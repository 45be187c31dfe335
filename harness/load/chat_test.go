package load

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChatHasItsShape(t *testing.T) {
	for _, tt := range []ChatShape{
		{Prompt: 2048, Turns: 2, Reuse: 0.1, Answer: 64, Least: 16},
		{Prompt: 4096, Turns: 8, Reuse: 0.5, Answer: 128, Spread: 0.5, Least: 16},
		{Prompt: 4096, Turns: 8, Reuse: 0.7, Answer: 128, Least: 16},
		{Prompt: 8192, Turns: 20, Reuse: 0.8, Answer: 200, Spread: 0.3, Least: 16},
	} {
		t.Run(fmt.Sprintf("%+v", tt), func(t *testing.T) {
			message, fresh, err := Chat(tt)
			require.NoError(t, err)
			w := &SessionedChat{
				Seed: 5, Turns: constant(tt.Turns), Message: message, Answer: constant(tt.Answer), Fresh: fresh, Least: tt.Least,
				Text: func(uint64, int) (string, error) { return "\n", nil },
			}
			tokens, reusable, n := 0, 0, 0
			for user := range 100 {
				for seq := 0; ; seq++ {
					p := promptOf(t, w, user, seq)
					k := *p.Session - user<<20
					if k > 10 {
						break
					}
					if k > 0 { // the first began before the run
						tokens, reusable, n = tokens+p.Tokens, reusable+*p.Reusable, n+1
					}
				}
			}
			require.Equal(t, 1000*tt.Turns, n)
			assert.InEpsilon(t, tt.Prompt, float64(tokens)/float64(n), 0.02, "mean prompt")
			assert.InEpsilon(t, tt.Reuse, float64(reusable)/float64(tokens), 0.02, "reuse")
		})
	}
}

func TestChatRefuses(t *testing.T) {
	good := ChatShape{Prompt: 4096, Turns: 8, Reuse: 0.5, Answer: 128, Least: 16}
	for want, change := range map[string]func(*ChatShape){
		"reuse 0.95 is not from 0.0958 to 0.7717": func(s *ChatShape) { s.Reuse = 0.95 },
		"reuse 0.05 is not from 0.0958 to 0.7717": func(s *ChatShape) { s.Reuse = 0.05 },
		"no reuse is possible":                    func(s *ChatShape) { s.Prompt = 400 },
		"at least 2 turns":                        func(s *ChatShape) { s.Turns = 1 },
		"spread of at least 0":                    func(s *ChatShape) { s.Spread = -1 },
		"least of at least 1":                     func(s *ChatShape) { s.Least = 0 },
	} {
		bad := good
		change(&bad)
		_, _, err := Chat(bad)
		require.ErrorContains(t, err, want)
	}
	for _, end := range []float64{0.0958, 0.7717} {
		good.Reuse = end
		_, _, err := Chat(good)
		require.NoError(t, err, "both ends of the range can be had")
	}
}
