package experiment

import (
	"fmt"
	"path/filepath"
	"strings"

	"sparkharness/harness/config"
	"sparkharness/harness/prompt"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// Digest is the SHA-256 of the configuration, of the prompts below root, and of the machine that will measure. The
// program itself is not part of it: manifest.json has its commit.
func Digest(e *config.Experiment, root string, f record.Facts) (string, error) {
	prompts, err := regular.Read(filepath.Join(root, "inputs", "prompts", prompt.IndexFile), prompt.MaxIndex)
	if err != nil {
		return "", fmt.Errorf("index of the prompts: %w (make inputs writes it)", err)
	}
	parts := []any{e.Rig, e.Hypothesis, e.Stacks, e.World, e.Adapters, e.Fio, string(prompts), f.Machine}
	if e.Plan != nil {
		parts = append(parts, e.Plan.Plan)
	}
	return config.Digest(parts...)
}

// RunID names a run by what decides its outcome, so that the same run has the same name.
func RunID(e *config.Experiment, digest string) string {
	parts := []string{strings.ToLower(e.Hypothesis.Hypothesis), e.Rig}
	if e.World != nil {
		parts = append(parts, e.World.World)
	}
	return strings.Join(append(parts, fmt.Sprint("s", e.Hypothesis.Run.Seed), digest[:8]), "-")
}
