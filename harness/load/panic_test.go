package load

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// breaking makes prompts until a user's third request.
type breaking struct{ Prompter }

func (b breaking) Prompt(r PromptRequest) (Prompt, error) {
	if r.Seq == 2 || r.User == 40 {
		panic("broken")
	}
	return b.Prompter.Prompt(r)
}

// A panic ends the load as an error that says where, whichever loop it comes in: what was sent is recorded, and no
// goroutine is left.
func TestPanicIsAnError(t *testing.T) {
	for _, tc := range []struct {
		name string
		loop func(*Spec)
	}{
		{"closed loop", func(*Spec) {}},
		{"open loop", func(s *Spec) { s.Loop = Open{Poisson{5}} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := drive(t, steady(1), func(s *Spec) {
				tc.loop(s)
				s.Prompter = breaking{s.Prompter}
			})
			require.ErrorContains(t, o.err, "panic: broken")
			assert.ErrorContains(t, o.err, "panic_test.go", "where")
			assert.NotEmpty(t, o.recs)
		})
	}
}
