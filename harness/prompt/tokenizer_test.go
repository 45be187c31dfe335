package prompt

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tokenizer(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := NewTokenizer()
	require.NoError(t, err)
	return tok
}

// committed is a committed prompt.
func committed(t testing.TB, tokens int) string {
	t.Helper()
	data, err := os.ReadFile("../../inputs/prompts/" + fileName(tokens))
	require.NoError(t, err)
	return string(data)
}

// The tokens are those that openai/tiktoken publishes for cl100k_base: tests/test_encoding.py
// (test_simple, test_simple_regex) and the OpenAI cookbook, "How to count tokens with tiktoken".
func TestEncodePublishedExamples(t *testing.T) {
	tok := tokenizer(t)
	for text, want := range map[string][]int{
		"hello world":        {15339, 1917},
		"tiktoken is great!": {83, 1609, 5963, 374, 2294, 0},
		"rer":                {38149},
		"'rer":               {2351, 81},
		"today\n ":           {31213, 198, 220},
		"today\n \n":         {31213, 27907},
		"today\n  \n":        {31213, 14211},
	} {
		assert.Equal(t, want, tok.Encode(text), "%q", text)
		assert.Equal(t, text, tok.Decode(want))
	}
}

func TestSpecialTokensAreText(t *testing.T) {
	tok := tokenizer(t)
	for _, text := range []string{"<|endoftext|>", "a <|endofprompt|> b"} {
		ids := tok.Encode(text)
		assert.Greater(t, len(ids), 3, "%q", text)
		assert.Equal(t, text, tok.Decode(ids))
	}
}

type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("request to %s", r.URL)
	return nil, http.ErrServerClosed
}

func TestLoadTouchesNeitherNetworkNorDisk(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TIKTOKEN_CACHE_DIR", dir) // where tiktoken-go keeps what it downloads
	before := http.DefaultTransport
	http.DefaultTransport = noNetwork{t}
	defer func() { http.DefaultTransport = before }()

	tok, err := loadTokenizer()
	require.NoError(t, err)
	assert.Equal(t, []int{15339, 1917}, tok.Encode("hello world"))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestIDsAreTheLinesTokens(t *testing.T) {
	tok := tokenizer(t)
	for name, text := range map[string]string{
		"empty":            "",
		"no line break":    "one line",
		"only breaks":      "\n\n\n",
		"break at the end": "a\nb\n",
		"open last line":   "a\n  b",
		"carriage returns": "a\r\n\r\nb",
		"not ascii":        "naïve\n日本語 text\n",
		"prompt":           committed(t, 512),
	} {
		t.Run(name, func(t *testing.T) {
			want := []uint32{}
			for line := range strings.SplitAfterSeq(text, "\n") {
				want = append(want, toIDs(tok.Encode(line))...)
			}
			for range 2 { // the second time from the cache
				assert.Equal(t, want, tok.IDs(text))
				assert.Equal(t, len(want), tok.Count(text))
			}
		})
	}
}

func TestIDsAreTheCallers(t *testing.T) {
	tok := tokenizer(t)
	ids := tok.IDs("mine to change\n")
	want := append([]uint32{}, ids...)
	clear(ids)
	assert.Equal(t, want, tok.IDs("mine to change\n"))
}

func TestByLinesIsCloseToWhole(t *testing.T) {
	tok := tokenizer(t)
	for _, l := range lengths {
		text := committed(t, l.tokens)
		whole, lines := len(tok.Encode(text)), tok.Count(text)
		assert.InEpsilon(t, whole, lines, 0.01, "%d tokens", l.tokens)
	}
	// What the bound is about: line breaks in a row are one token in the whole and several by lines.
	assert.Less(t, len(tok.Encode(strings.Repeat("a.\n\n", 50))), tok.Count(strings.Repeat("a.\n\n", 50)))
}

// With a cache far smaller than the texts, callers evict each other's lines all the time.
func TestIDsConcurrently(t *testing.T) {
	shared := tokenizer(t)
	tok := &Tokenizer{bpe: shared.bpe, ranks: shared.ranks, lines: newLineCache(16 << 10)}
	texts := []string{committed(t, 256), committed(t, 512), committed(t, 1024)}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 6 {
				text := texts[(w+i)%len(texts)]
				assert.Equal(t, shared.IDs(text), tok.IDs(text))
			}
		})
	}
	wg.Wait()
}

// The one allocation is the result: a cached prompt costs lookups and copies only.
func TestCachedIDsAllocateOnce(t *testing.T) {
	tok, text := tokenizer(t), committed(t, 2048)
	assert.LessOrEqual(t, testing.AllocsPerRun(20, func() { tok.IDs(text) }), 1.0)
}

func BenchmarkIDs(b *testing.B) {
	tok := tokenizer(b)
	b.Run("cached/2048", func(b *testing.B) {
		text := committed(b, 2048)
		b.ReportAllocs()
		for b.Loop() {
			tok.IDs(text)
		}
	})
	b.Run("cached/2048/parallel", func(b *testing.B) {
		text := committed(b, 2048)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				tok.IDs(text)
			}
		})
	})
	b.Run("cached/64000", func(b *testing.B) {
		text := committed(b, 64000)
		for b.Loop() {
			tok.IDs(text)
		}
	})
	b.Run("cold/2048", func(b *testing.B) {
		text := committed(b, 2048)
		for b.Loop() {
			cold := &Tokenizer{bpe: tok.bpe, ranks: tok.ranks, lines: newLineCache(generationBytes)}
			cold.IDs(text)
		}
	})
}
