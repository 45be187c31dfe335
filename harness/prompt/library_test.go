package prompt

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/regular"
)

const blockTokens = 32

func openCommitted(t testing.TB) *Library {
	t.Helper()
	lib, err := Open("../../inputs/prompts")
	require.NoError(t, err)
	return lib
}

// folder is a prompt folder with the given files.
func folder(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

// nonces have all numbers of tokens from 2 to MaxNonceTokens, several each, and odd shapes.
func nonces() []string {
	list := []string{"7", " leading space", "trailing space ", "ends.", "tab\tinside", "ünïcode", "u=1;r=2", "don't", "\"quoted\""}
	for n := 1; n <= MaxNonceTokens-4; n++ {
		list = append(list, "n"+strings.Repeat(" x", n), "r"+strings.Repeat("-", n%3)+strings.Repeat(" 12", n/2))
	}
	return list
}

func TestBodyIsExact(t *testing.T) {
	lib, tok := openCommitted(t), tokenizer(t)
	for _, l := range lengths {
		list := nonces()
		if l.tokens > 8192 {
			list = list[:12]
		}
		counts := map[int]string{}
		for _, nonce := range append(list, "") {
			body, err := lib.Body(l.tokens, nonce)
			require.NoError(t, err)
			assert.Equal(t, l.tokens, tok.Count(body), "nonce %q", nonce)
			prose := body
			if nonce != "" {
				require.True(t, strings.HasPrefix(body, nonce+"\n"))
				prose = body[len(nonce)+1:]
			}
			n := l.tokens - tok.Count(prose)
			if before, ok := counts[n]; ok {
				assert.True(t, before == prose, "the prose after a nonce of %d tokens is always the same", n)
			}
			counts[n] = prose
		}
		assert.Greater(t, len(counts), 4)
	}
}

func TestBodyPrefixes(t *testing.T) {
	lib, tok := openCommitted(t), tokenizer(t)
	starts := map[[blockTokens]uint32]string{}
	for _, tokens := range []int{128, 2048, 4096} {
		for _, nonce := range append(nonces(), "") {
			body, err := lib.Body(tokens, nonce)
			require.NoError(t, err)
			again, err := lib.Body(tokens, nonce)
			require.NoError(t, err)
			assert.True(t, body == again, "byte-identical for the same nonce and length")

			if nonce != "" {
				nonce = fmt.Sprintf("%d/%q", tokens, nonce)
			}
			// Nonces of equal text in prompts of different lengths still have other prose behind them.
			start := [blockTokens]uint32(tok.IDs(body))
			other, shared := starts[start]
			assert.False(t, shared, "%s and %s share the first block", nonce, other)
			starts[start] = nonce
		}
	}
}

func TestBodyRefuses(t *testing.T) {
	lib := openCommitted(t)
	for _, tc := range []struct {
		name   string
		tokens int
		nonce  string
		is     error
		want   []string
	}{
		{"unknown length", 3000, "", ErrNoPrompt, []string{"3000.txt", "128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384, 32768, 64000", "make inputs"}},
		{"zero", 0, "", ErrNoPrompt, []string{"0.txt"}},
		{"two lines", 128, "a\nb", nil, []string{"one line"}},
		{"line break at the end", 128, "a\n", nil, []string{"one line"}},
		{"not utf-8", 128, "a\xff", nil, []string{"UTF-8"}},
		{"too long", 2048, strings.Repeat("word ", MaxNonceTokens), nil, []string{"over 24", "shorten"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			body, err := lib.Body(tc.tokens, tc.nonce)
			require.Error(t, err)
			assert.Empty(t, body)
			if tc.is != nil {
				assert.ErrorIs(t, err, tc.is)
			}
			for _, want := range tc.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

func TestLongestNonce(t *testing.T) {
	lib, tok := openCommitted(t), tokenizer(t)
	nonce := "a" + strings.Repeat(" b", MaxNonceTokens-2)
	require.Equal(t, MaxNonceTokens, tok.Count(nonce+"\n"))
	_, err := lib.Body(128, nonce)
	require.NoError(t, err)
	_, err = lib.Body(128, nonce+" b")
	require.Error(t, err)
}

func TestOpenFaults(t *testing.T) {
	text, err := Generate(5, 40)
	require.NoError(t, err)
	entry := func(tokens int, file, text string) string {
		return fmt.Sprintf(`{"tokens": %d, "file": %q, "sha256": %q}`, tokens, file, digest(text))
	}
	idx := func(entries ...string) string {
		return `{"vocabulary": "cl100k_base", "seed": 5, "prompts": [` + strings.Join(entries, ",") + `]}`
	}
	for _, tc := range []struct {
		name  string
		files map[string]string
		is    error
		want  []string
	}{
		{"no index", nil, os.ErrNotExist, []string{"index.json", "make inputs"}},
		{"not json", map[string]string{"index.json": "{"}, nil, []string{"index.json", "make inputs"}},
		{"unknown field", map[string]string{"index.json": `{"vocab": "x"}`}, nil, []string{"vocab"}},
		{"other vocabulary", map[string]string{"index.json": `{"vocabulary": "o200k_base"}`}, nil, []string{"o200k_base", "cl100k_base"}},
		{"missing file", map[string]string{"index.json": idx(entry(40, "40.txt", text), entry(128, "128.txt", text)), "40.txt": text},
			ErrNoPrompt, []string{"128.txt", "available: 40", "make it with `make inputs`"}},
		{"changed file", map[string]string{"index.json": idx(entry(40, "40.txt", text)), "40.txt": text + "x"},
			ErrPromptChanged, []string{"40.txt", "sha256", "make inputs"}},
		{"listed twice", map[string]string{"index.json": idx(entry(40, "40.txt", text), entry(40, "40.txt", text)), "40.txt": text}, nil, []string{"twice"}},
		{"too short for a nonce", map[string]string{"index.json": idx(entry(24, "24.txt", text)), "24.txt": text}, nil, []string{"no room"}},
		{"file outside", map[string]string{"index.json": idx(entry(40, "../40.txt", text))}, nil, []string{"../40.txt"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Open(folder(t, tc.files))
			require.Error(t, err)
			if tc.is != nil {
				assert.ErrorIs(t, err, tc.is)
			}
			for _, want := range tc.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}

	t.Run("wrong count", func(t *testing.T) {
		lib, err := Open(folder(t, map[string]string{"index.json": idx(entry(41, "41.txt", text)), "41.txt": text}))
		require.NoError(t, err)
		_, err = lib.Body(41, "n")
		assert.ErrorIs(t, err, ErrPromptChanged)
		assert.ErrorContains(t, err, "40 tokens where the index says 41")
	})
	t.Run("good", func(t *testing.T) {
		lib, err := Open(folder(t, map[string]string{"index.json": idx(entry(40, "40.txt", text)), "40.txt": text}))
		require.NoError(t, err)
		assert.Equal(t, []int{40}, lib.lengths)
	})
	t.Run("no folder", func(t *testing.T) {
		_, err := Open(filepath.Join(t.TempDir(), "none"))
		assert.ErrorContains(t, err, "make inputs")
	})
}

// Neither the index nor a prompt may be a device, or larger than any prompt is.
func TestPromptsAreRegularFiles(t *testing.T) {
	for _, name := range []string{IndexFile, "256.txt"} {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS("../../inputs/prompts")))
		path := filepath.Join(dir, name)
		require.NoError(t, os.Truncate(path, maxPrompt+1))
		_, err := Open(dir)
		require.ErrorIs(t, err, regular.ErrTooLarge)
		require.ErrorContains(t, err, name)
		require.NoError(t, os.Remove(path))
		require.NoError(t, os.Mkdir(path, 0o755)) // a link to a device leads out of the folder, which is refused anyway
		_, err = Open(dir)
		require.ErrorIs(t, err, regular.ErrNoFile)
	}
}

func TestBodyConcurrently(t *testing.T) {
	lib := openCommitted(t)
	want, err := openCommitted(t).Body(1024, "n 1")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := lib.Body(1024, "n 1")
			assert.NoError(t, err)
			assert.True(t, want == got)
		})
	}
	wg.Wait()
}

func BenchmarkBody(b *testing.B) {
	lib := openCommitted(b)
	for _, tokens := range []int{2048, 64000} {
		b.Run(fmt.Sprint(tokens), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				_, err := lib.Body(tokens, fmt.Sprintf("run 4f2a user %d request %d", i%16, i))
				require.NoError(b, err)
			}
		})
	}
}
