package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// words is a text of tokens words that names its key.
func words(key uint64, tokens int) (string, error) {
	return fmt.Sprintf("%016x", key) + strings.Repeat(" x", tokens-1) + "\n", nil
}

// chat is a small chat of random sessions.
func chat(t *testing.T) *SessionedChat {
	dist := must[Dist](t)
	return &SessionedChat{
		Seed: 1, Turns: dist(NewUniform(1, 7)), Message: dist(NewUniform(0, 20)), Answer: dist(NewLognormal(10, 0.5)),
		Fresh: dist(NewUniform(5, 15)), Text: words, Least: 4,
	}
}

// shared is the number of words that a and b begin with alike.
func shared(a, b string) (n int) {
	as, bs := strings.Fields(a), strings.Fields(b)
	for n < min(len(as), len(bs)) && as[n] == bs[n] {
		n++
	}
	return n
}

func promptOf(t *testing.T, w Prompter, user, seq int) Prompt {
	t.Helper()
	p, err := w.Prompt(PromptRequest{User: user, Seq: seq, Nonce: NonceNone})
	require.NoError(t, err)
	return p
}

func TestSessionsShareWhatTheySay(t *testing.T) {
	w := chat(t)
	owner := map[int]int{}
	froms := map[int]int{}
	lengths := map[int]int{}
	for user := range 60 {
		var before Prompt
		for seq := range 40 {
			p := promptOf(t, w, user, seq)
			require.Len(t, strings.Fields(p.Text), p.Tokens)
			require.True(t, strings.HasSuffix(p.Text, "\n"))
			switch {
			case seq == 0:
				froms[*p.Turn]++
				require.Zero(t, *p.Reusable, "nobody has sent the turns before")
				require.Equal(t, user<<20, *p.Session)
			case *p.Session == *before.Session:
				require.Equal(t, *before.Turn+1, *p.Turn)
				require.Positive(t, *p.Reusable)
				require.Equal(t, *p.Reusable, shared(before.Text, p.Text))
			default:
				lengths[*before.Turn+1]++
				require.Equal(t, *before.Session+1, *p.Session)
				require.Zero(t, *p.Turn)
				require.Zero(t, *p.Reusable)
				require.Zero(t, shared(before.Text, p.Text), "sessions share nothing")
			}
			if u, ok := owner[*p.Session]; ok {
				require.Equal(t, user, u, "ids are unique")
			}
			owner[*p.Session] = user
			before = p
		}
	}
	assert.Greater(t, len(owner), 300)
	assert.Greater(t, len(froms), 4, "users begin at many turns")
	assert.Greater(t, len(lengths), 5)
}

// A prompt is the same in whatever order prompts are asked for, and however often.
func TestSessionsInAnyOrder(t *testing.T) {
	straight := map[[2]int]Prompt{}
	w := chat(t)
	for user := range 4 {
		for seq := range 25 {
			straight[[2]int{user, seq}] = promptOf(t, w, user, seq)
		}
	}
	var wg sync.WaitGroup
	for worker := range uint64(4) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(worker, 0))
			for range 200 {
				user, seq := rng.IntN(4), rng.IntN(25)
				p, err := w.Prompt(PromptRequest{User: user, Seq: seq, Nonce: NonceNone})
				assert.NoError(t, err)
				assert.Equal(t, straight[[2]int{user, seq}], p)
			}
		})
	}
	wg.Wait()
	other := chat(t)
	other.Seed = 2
	assert.NotEqual(t, straight[[2]int{0, 0}].Text, promptOf(t, other, 0, 0).Text)
}

func TestSessionErrors(t *testing.T) {
	broken := errors.New("no prose of that length")
	for want, text := range map[string]func(uint64, int) (string, error){
		broken.Error():     func(uint64, int) (string, error) { return "", broken },
		"in a line break":  func(uint64, int) (string, error) { return "x", nil },
		"user 3, request ": func(uint64, int) (string, error) { return "", broken },
	} {
		w := chat(t)
		w.Text = text
		_, err := w.Prompt(PromptRequest{User: 3, Seq: 2, Nonce: NonceNone})
		require.ErrorContains(t, err, want)
	}

	// A text that fails once leaves nothing behind.
	w, calls := chat(t), 0
	w.Text = func(key uint64, tokens int) (string, error) {
		if calls++; calls == 3 {
			return "", broken
		}
		return words(key, tokens)
	}
	seq := 0
	for ; calls < 3; seq++ {
		_, _ = w.Prompt(PromptRequest{User: 3, Seq: seq, Nonce: NonceNone})
	}
	assert.Equal(t, promptOf(t, chat(t), 3, seq-1), promptOf(t, w, 3, seq-1))
}

// What a user's slot holds is one session, however many there have been.
func TestSessionsAreForgotten(t *testing.T) {
	w := chat(t)
	longest := 0
	for seq := range 3000 {
		promptOf(t, w, 0, seq)
		kept, _ := w.slots.Load(0)
		longest = max(longest, kept.(*slot).said.Cap())
	}
	assert.Less(t, longest, 4096, "bytes of the longest session")
}

func TestSessionedChatIsChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := nobody().spec(t)
		good.Nonce = NonceNone
		good.Prompter = chat(t)
		require.NoError(t, good.Check())
		for want, change := range map[string]func(*Spec, *SessionedChat){
			"must all be set": func(_ *Spec, w *SessionedChat) { w.Fresh = nil },
			"least 0 tokens":  func(_ *Spec, w *SessionedChat) { w.Least = 0 },
			"a closed loop":   func(s *Spec, _ *SessionedChat) { s.Loop = Open{Poisson{1}} },
			"say none":        func(s *Spec, _ *SessionedChat) { s.Nonce = NoncePerUser },
		} {
			bad, w := good, chat(t)
			bad.Prompter = w
			change(&bad, w)
			require.ErrorContains(t, bad.Check(), want)
		}
	})
}
