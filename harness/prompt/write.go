package prompt

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"sparkharness/harness/disk"
)

// WriteAll writes every prompt file and index.json into dir, over what is there: nothing before all texts are made, and
// each file in one step. Equal seeds give equal bytes, which is how a test shows that the committed files are what this
// code makes.
func WriteAll(dir string, seed uint64) error {
	idx := index{Vocabulary: Vocabulary, Seed: seed}
	var texts []string
	for _, l := range lengths {
		text, err := Generate(seed, l.tokens)
		if err != nil {
			return fmt.Errorf("generate %d tokens: %w", l.tokens, err)
		}
		entry := indexEntry{Tokens: l.tokens, Alias: l.alias, File: fileName(l.tokens), SHA256: digest(text)}
		idx.Prompts, texts = append(idx.Prompts, entry), append(texts, text)
	}
	data, err := json.MarshalIndent(idx, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", IndexFile, err)
	}
	for i, text := range texts {
		if err := disk.Replace(filepath.Join(dir, idx.Prompts[i].File), []byte(text)); err != nil {
			return fmt.Errorf("write a prompt: %w", err)
		}
	}
	// Last, so that a process that is killed leaves digests that do not fit, which Open refuses.
	if err := disk.Replace(filepath.Join(dir, IndexFile), append(data, '\n')); err != nil {
		return fmt.Errorf("write the index of the prompts: %w", err)
	}
	return nil
}
