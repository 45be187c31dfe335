package prompt

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repeats is the share of runs of n words that came before in the text.
func repeats(text string, n int) float64 {
	words := strings.Fields(text)
	seen := map[string]bool{}
	again := 0
	for i := range len(words) - n + 1 {
		run := strings.Join(words[i:i+n], " ")
		if seen[run] {
			again++
		}
		seen[run] = true
	}
	return float64(again) / float64(len(words)-n+1)
}

func TestGenerateIsExact(t *testing.T) {
	tok := tokenizer(t)
	var wanted []int
	for n := range 200 {
		wanted = append(wanted, n+1)
	}
	wanted = append(wanted, 511, 512, 513, 1024, 4097)
	for _, n := range wanted {
		text, err := Generate(3, n)
		require.NoError(t, err)
		assert.Equal(t, n, tok.Count(text))
		assert.True(t, strings.HasSuffix(text, "\n"), "%d tokens", n)
	}
}

func TestGenerateDependsOnSeedAndLength(t *testing.T) {
	first := map[string]string{}
	for _, seed := range []uint64{1, 2} {
		for _, n := range []int{128, 256, 512} {
			text, err := Generate(seed, n)
			require.NoError(t, err)
			again, err := Generate(seed, n)
			require.NoError(t, err)
			assert.Equal(t, text, again)

			name := fmt.Sprintf("seed %d, %d tokens", seed, n)
			head := text[:60] // under 32 tokens
			assert.Empty(t, first[head], "%s starts as this one: %s", name, first[head])
			first[head] = name
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		seed   uint64
		tokens int
		want   string
	}{
		{"no seed", 0, 128, "seed"},
		{"no tokens", 1, 0, "at least 1"},
		{"negative", 1, -5, "at least 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Generate(tc.seed, tc.tokens)
			assert.ErrorContains(t, err, tc.want)
		})
	}
}

func TestProseIsVaried(t *testing.T) {
	text := committed(t, 64000)
	// A language model's prefill costs the same for any text, but a cache of prompt pieces (n-gram
	// speculation, compression in a tier) would profit from one paragraph said 100 times.
	assert.Less(t, repeats(text, 8), 0.03)
	assert.Greater(t, repeats(strings.Repeat(text[:4000], 20), 8), 0.9, "the measure finds repetition")

	marks := regexp.MustCompile(`^(\d\d:\d\d(:\d\d\.\d{3})?|H\d\.|\d+\.|-) `)
	seen := map[string]int{}
	entries := 0
	for i, line := range strings.Split(text, "\n") {
		entry := marks.ReplaceAllString(line, "")
		if len(entry) < 60 {
			continue // headings and the ends of wrapped paragraphs
		}
		entries++
		assert.Zero(t, seen[entry], "line %d is line %d again", i+1, seen[entry])
		seen[entry] = i + 1
	}
	assert.Greater(t, entries, 1500)

	paragraphs := map[string]bool{}
	for p := range strings.SplitSeq(text, "\n## ") {
		assert.False(t, paragraphs[p], "section comes twice: %.80s", p)
		paragraphs[p] = true
	}
	assert.Greater(t, len(paragraphs), 150)
}

func TestProseKeepsItsForm(t *testing.T) {
	for _, l := range lengths {
		text := committed(t, l.tokens)
		for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			assert.LessOrEqual(t, len(line), lineWidth, "%d tokens, line %d", l.tokens, i+1)
			assert.Equal(t, strings.TrimSpace(line), line, "%d tokens, line %d", l.tokens, i+1)
		}
		// Two spaces in a row tokenize differently once the text is cut behind them.
		assert.NotContains(t, text, "  ")
		assert.NotRegexp(t, `[^\n -~]|[{}]`, text, "%d tokens: printable ASCII without open slots", l.tokens)
	}
}

func TestProseHasAllSections(t *testing.T) {
	text := committed(t, 64000)
	for _, s := range sections {
		assert.Greater(t, strings.Count(text, "## "+s.title+"\n"), 15, s.title)
	}
}

func BenchmarkGenerate(b *testing.B) {
	for seed := uint64(1); b.Loop(); seed++ {
		_, err := Generate(seed, 2048)
		require.NoError(b, err)
	}
}
