package prompt

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func segments(t testing.TB, seed uint64) *Segments {
	t.Helper()
	s, err := NewSegments(seed)
	require.NoError(t, err)
	return s
}

// mustText is Text, and fails the test on an error.
func mustText(t testing.TB, s *Segments, key uint64, tokens int) string {
	t.Helper()
	text, err := s.Text(key, tokens)
	require.NoError(t, err)
	return text
}

func TestSegmentHeadsAreOfOneLength(t *testing.T) {
	tok := tokenizer(t)
	for group := range 1000 {
		require.Len(t, tok.Encode(fmt.Sprintf("%03d", group)), 1)
	}
	for _, key := range []uint64{0, 1, 999, 1000, 1 << 40, math.MaxUint64} {
		assert.Equal(t, segmentHeadTokens, tok.Count(fmt.Sprintf(segmentHead, key)), "%d", key)
	}
}

func TestSegmentsAreExact(t *testing.T) {
	s, tok := segments(t, 1), tokenizer(t)
	rng := rand.New(rand.NewPCG(5, 5))
	check := func(key uint64, tokens int) {
		text := mustText(t, s, key, tokens)
		// Not Equal on the text: a difference would print it.
		require.Equal(t, tokens, tok.Count(text), "key %d", key)
		require.True(t, strings.HasSuffix(text, "\n"), "key %d, %d tokens", key, tokens)
		require.NotContains(t, text, "  ", "key %d, %d tokens", key, tokens)
		require.True(t, text == mustText(t, s, key, tokens), "key %d, %d tokens: equal arguments, other text", key, tokens)
	}
	for tokens := segmentHeadTokens; tokens < 200; tokens++ {
		for range 5 {
			check(rng.Uint64(), tokens)
		}
	}
	for range 600 {
		check(rng.Uint64(), 24+rng.IntN(4000-24))
	}
	check(3, segmentProse+segmentHeadTokens)
	check(4, 2*segmentProse+100)
}

// Wherever a text starts, and whatever is left at its end, some line can be cut to fit.
func TestSegmentsFitFromEveryLine(t *testing.T) {
	s, tok := segments(t, 2), tokenizer(t)
	fits, fails := 0, 0
	for line := range len(s.starts) - 1 {
		for left := 1; left < s.before[line+1]-s.before[line]; left += 2 + line%7 {
			cut, ok := s.cut(line, left)
			if !ok {
				fails++
				continue
			}
			fits++
			require.Equal(t, left, tok.Count(cut+"\n"), "line %d", line)
			require.True(t, strings.HasPrefix(s.text[s.starts[line]:], cut))
		}
	}
	assert.Positive(t, fails, "the loop over the next lines is there for a reason")
	assert.Less(t, float64(fails)/float64(fails+fits), 0.25)
}

func TestSegmentsAddUp(t *testing.T) {
	s, tok := segments(t, 1), tokenizer(t)
	var prompt strings.Builder
	want := []uint32{}
	for key, tokens := range []int{512, 512, 77, 512, 9, 24} {
		text := mustText(t, s, uint64(key), tokens)
		prompt.WriteString(text)
		want = append(want, tok.IDs(text)...)
	}
	assert.Len(t, want, 512+512+77+512+9+24)
	assert.Equal(t, want, tok.IDs(prompt.String()))
}

func TestSegmentsOfDifferentKeysShareNoBlock(t *testing.T) {
	s, tok := segments(t, 1), tokenizer(t)
	starts := map[[blockTokens]uint32]uint64{}
	firstLines, prose := map[string]bool{}, map[string]bool{}
	for key := range uint64(3000) {
		key *= 1 + key%7*1_000_003
		text := mustText(t, s, key, 512)
		start := [blockTokens]uint32(tok.IDs(text))
		other, shared := starts[start]
		if shared && other == key {
			continue
		}
		require.False(t, shared, "keys %d and %d", key, other)
		starts[start] = key
		firstLine, rest, _ := strings.Cut(text, "\n")
		require.False(t, firstLines[firstLine])
		firstLines[firstLine] = true
		prose[rest] = true
	}
	assert.Greater(t, len(prose), 200, "the prose starts at many lines")
}

func TestSegmentsDependOnTheSeed(t *testing.T) {
	one, two := segments(t, 1), segments(t, 2)
	assert.True(t, mustText(t, one, 7, 64) == mustText(t, segments(t, 1), 7, 64))
	assert.False(t, mustText(t, one, 7, 64) == mustText(t, two, 7, 64))
}

func TestSegmentsRefuse(t *testing.T) {
	_, err := NewSegments(0)
	assert.ErrorContains(t, err, "seed")
	s := segments(t, 1)
	for _, tokens := range []int{-1, 0, segmentHeadTokens - 1} {
		_, err := s.Text(1, tokens)
		assert.ErrorContains(t, err, fmt.Sprintf("has %d", segmentHeadTokens), "%d tokens", tokens)
	}
}

// What a caller gets does not depend on who asked before, or at the same time.
func TestSegmentsConcurrently(t *testing.T) {
	shared, alone := segments(t, 1), segments(t, 1)
	var wg sync.WaitGroup
	got := make([][]string, 4)
	for w := range got {
		got[w] = make([]string, 200)
		wg.Go(func() {
			for i := range got[w] {
				key := (i*7 + w*50) % len(got[w])
				got[w][key], _ = shared.Text(uint64(key), 24+key*3)
			}
		})
	}
	wg.Wait()
	for key := range got[0] {
		want := mustText(t, alone, uint64(key), 24+key*3)
		for w := range got {
			require.True(t, want == got[w][key], "key %d", key)
		}
	}
}

func BenchmarkSegments(b *testing.B) {
	s := segments(b, 1)
	b.Run("512", func(b *testing.B) {
		b.ReportAllocs()
		for key := uint64(0); b.Loop(); key++ {
			mustText(b, s, key, 512)
		}
	})
	b.Run("new", func(b *testing.B) {
		for seed := uint64(1); b.Loop(); seed++ {
			segments(b, seed)
		}
	})
}
