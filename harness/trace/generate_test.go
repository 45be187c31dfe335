package trace

import (
	"bytes"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const committedPath = "../../inputs/traces/chat_small.jsonl"

func TestCommittedTraceIsRegenerated(t *testing.T) {
	got, err := os.ReadFile(committedPath)
	require.NoError(t, err)
	var want bytes.Buffer
	require.NoError(t, Generate(&want, ChatSmall()))
	// No Equal on the text: a difference would print both.
	assert.True(t, want.String() == string(got), "%s differs from what its seed gives: run `sparkharness trace generate --out inputs/traces/chat_small.jsonl` and commit", committedPath)
	assert.Less(t, len(got), 100_000)
}

func TestCommittedTrace(t *testing.T) {
	require.NoError(t, Check(committedPath, 10))
	st, err := Describe(committedPath, Options{})
	require.NoError(t, err)
	assert.InDelta(t, 200, st.Requests, 30)
	assert.InDelta(t, 600, st.SpanS, 20)
	assert.Greater(t, st.Input.Max, 5000)
	assert.LessOrEqual(t, st.Input.Max, 8000)
	assert.Greater(t, st.ReusableShare, 0.3)
	assert.Less(t, st.ReusableShare, 0.8)
}

func TestGenerateHasTheSizeOfThePublicTrace(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: left out with -short")
	}
	path := generated(t, conversations())
	require.NoError(t, Check(path, 10))
	st, err := Describe(path, Options{})
	require.NoError(t, err)
	assert.InEpsilon(t, 12_000, st.Requests, 0.05)
	assert.InEpsilon(t, 12_000, st.Input.Mean, 0.1)
	assert.LessOrEqual(t, st.Input.Max, 126_000)
	assert.Greater(t, st.Input.Max, 110_000)
	assert.InEpsilon(t, 3600, st.SpanS, 0.01)
	assert.InEpsilon(t, 1, *st.GapCV, 0.1, "independent users")
	// Short conversations have no block of their own that a later turn repeats, and count once a turn.
	assert.InEpsilon(t, 2, float64(st.Requests)/float64(st.Sessions), 0.1)
}

// Each turn starts with all that the turn before said, and nobody else has that.
func TestGenerateChains(t *testing.T) {
	o := ChatSmall()
	requests := readAll(t, generated(t, o), Options{})
	system := o.System / BlockTokens
	parent := map[int64]int64{}
	owner := map[int64]int64{}
	longest := map[int64]int{}
	extended, next := 0, int64(0)
	for _, r := range requests {
		require.GreaterOrEqual(t, len(r.Blocks), system)
		for i, id := range r.Blocks {
			before := int64(-1)
			if i > 0 {
				before = r.Blocks[i-1]
			}
			if _, ok := parent[id]; !ok {
				require.Equal(t, next, id, "ids come in the order of first use")
				next++
				parent[id] = before
			}
			require.Equal(t, parent[id], before, "block %d follows two blocks", id)
			if i < system {
				require.Equal(t, int64(i), id, "the system prompt is shared")
			}
		}
		if len(r.Blocks) > system+1 {
			session := r.Blocks[system]
			if _, ok := owner[session]; ok {
				extended++
				require.Greater(t, r.Input, longest[session], "a later turn has a longer prompt")
			}
			owner[session], longest[session] = session, r.Input
		}
	}
	assert.Greater(t, extended, len(requests)/3)
}

func TestGenerateDependsOnTheSeedAlone(t *testing.T) {
	text := func(change func(*GenerateOptions)) string {
		o := ChatSmall()
		change(&o)
		var b bytes.Buffer
		require.NoError(t, Generate(&b, o))
		return b.String()
	}
	one := text(func(*GenerateOptions) {})
	assert.True(t, one == text(func(*GenerateOptions) {}))
	assert.False(t, one == text(func(o *GenerateOptions) { o.Seed = 2 }))
	longer := text(func(o *GenerateOptions) { o.Span *= 2 })
	assert.True(t, len(longer) > len(one)*3/2 && longer[:len(one)] == one, "a longer span adds to the end")
}

func TestGenerateRefuses(t *testing.T) {
	for want, change := range map[string]func(*GenerateOptions){
		"first turns":                            func(o *GenerateOptions) { o.First.Mean = 0 },
		"later turns":                            func(o *GenerateOptions) { o.User.Sigma = -1 },
		"answers":                                func(o *GenerateOptions) { o.Output.Mean = math.NaN() },
		"conversations a second":                 func(o *GenerateOptions) { o.Sessions = 0 },
		"turns a conversation":                   func(o *GenerateOptions) { o.Turns = 0.5 },
		"a span of":                              func(o *GenerateOptions) { o.Span = maxSpan + 1 },
		"from turn to turn":                      func(o *GenerateOptions) { o.Think = -time.Second },
		"9000000000000 tokens: at most 10000000": func(o *GenerateOptions) { o.System, o.MaxInput = 1e11, 9e12 },
		"blocks in all: at most 50000000 are made": func(o *GenerateOptions) {
			o.Sessions, o.First, o.System, o.MaxInput = 40, Lognormal{1e6, 0}, 1e6, maxPrompt
		},
		"a system prompt of":                 func(o *GenerateOptions) { o.System = o.MaxInput },
		"at most 10000000":                   func(o *GenerateOptions) { o.Sessions = 1e5 },
		"no conversation starts within the ": func(o *GenerateOptions) { o.Span = time.Microsecond },
	} {
		o := ChatSmall()
		change(&o)
		var b bytes.Buffer
		assert.ErrorContains(t, Generate(&b, o), want)
		assert.Zero(t, b.Len())
	}
}

type full struct{}

var errFull = errors.New("disk full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestGenerateReportsAWriteThatFails(t *testing.T) {
	assert.ErrorIs(t, Generate(full{}, ChatSmall()), errFull)
	assert.ErrorIs(t, Generate(full{}, conversations()), errFull)
}

func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		var out bytes.Buffer
		require.NoError(b, Generate(&out, conversations()))
	}
}
