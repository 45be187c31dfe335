package prompt

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// WriteAll writes every prompt file and index.json into dir, over what is there. Equal seeds give equal
// bytes, which is how a test shows that the committed files are what this code makes.
func WriteAll(dir string, seed uint64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the prompts: %w", err)
	}
	idx := index{Vocabulary: Vocabulary, Seed: seed}
	for _, l := range lengths {
		text, err := Generate(seed, l.tokens)
		if err != nil {
			return fmt.Errorf("generate %d tokens: %w", l.tokens, err)
		}
		entry := indexEntry{Tokens: l.tokens, Alias: l.alias, File: fileName(l.tokens), SHA256: digest(text)}
		if err := os.WriteFile(filepath.Join(dir, entry.File), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write a prompt: %w", err)
		}
		idx.Prompts = append(idx.Prompts, entry)
	}
	data, err := json.MarshalIndent(idx, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", IndexFile, err)
	}
	// Last, so that an interrupted run leaves digests that do not fit, which Open refuses.
	if err := os.WriteFile(filepath.Join(dir, IndexFile), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the index of the prompts: %w", err)
	}
	return nil
}
