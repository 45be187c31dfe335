package prompt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const committedDir = "../../inputs/prompts"

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	content := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		content[e.Name()] = string(data)
	}
	return content
}

func committedIndex(t *testing.T) index {
	t.Helper()
	root, err := os.OpenRoot(committedDir)
	require.NoError(t, err)
	defer root.Close()
	idx, err := readIndex(root)
	require.NoError(t, err)
	return idx
}

func TestCommittedPromptsAreRegenerated(t *testing.T) {
	idx := committedIndex(t)
	dir := t.TempDir()
	require.NoError(t, WriteAll(dir, idx.Seed))
	want, got := files(t, dir), files(t, committedDir)
	assert.Len(t, want, len(lengths)+1)
	for name, text := range want {
		// No Equal on the text: a difference would print both.
		assert.True(t, text == got[name], "%s differs from what its seed gives: run `make inputs` and commit", name)
		delete(got, name)
	}
	assert.Empty(t, got, "files that no index lists")
}

func TestCommittedIndex(t *testing.T) {
	idx := committedIndex(t)
	var tokens []int
	aliases := map[string]int{}
	for _, e := range idx.Prompts {
		tokens = append(tokens, e.Tokens)
		if e.Alias != "" {
			aliases[e.Alias] = e.Tokens
		}
	}
	assert.Equal(t, []int{128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384, 32768, 64000}, tokens)
	assert.Equal(t, map[string]int{"1k": 1024, "2k": 2048, "4k": 4096, "8k": 8192, "16k": 16384, "32k": 32768, "64k": 64000}, aliases)
	for _, e := range idx.Prompts {
		assert.Equal(t, e.Tokens, tokenizer(t).Count(committed(t, e.Tokens)))
	}
}

func TestWriteAllRefusesNoSeed(t *testing.T) {
	assert.ErrorContains(t, WriteAll(t.TempDir(), 0), "seed")
}
