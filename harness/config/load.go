package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// LoadStack reads configs/stack*.yaml. What is wrong in the file comes back as Faults.
func LoadStack(path string) (*Stack, error) { return load(path, (*Stack).check) }

// LoadWorld reads configs/worlds/*.yaml. The profile of fio that it names must exist in the folder above.
func LoadWorld(path string) (*World, error) {
	configs, err := folderAbove(path)
	if err != nil {
		return nil, err
	}
	return load(path, func(w *World, r *reader) {
		w.check(r)
		w.checkFiles(r, configs)
	})
}

// LoadProfile reads configs/profiles/*.yaml.
func LoadProfile(path string) (*Profile, error) { return load(path, (*Profile).check) }

// LoadHypothesis reads configs/hypotheses/*.yaml. The stacks, the profile and the control worlds that it
// names must exist in the folder above.
func LoadHypothesis(path string) (*Hypothesis, error) {
	configs, err := folderAbove(path)
	if err != nil {
		return nil, err
	}
	return load(path, func(h *Hypothesis, r *reader) {
		h.check(r)
		h.checkFiles(r, configs)
	})
}

// folderAbove is the folder that holds the folder of a file.
func folderAbove(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("locate %s: %w", path, err)
	}
	return filepath.Dir(filepath.Dir(abs)), nil
}

// ParseStack is LoadStack on the content of a file; file is used in faults.
func ParseStack(file string, data []byte) (*Stack, error) {
	return parse(file, data, (*Stack).check)
}

// ParseWorld is LoadWorld on the content of a file; file is used in faults.
func ParseWorld(file string, data []byte) (*World, error) {
	return parse(file, data, (*World).check)
}

// ParseProfile is LoadProfile on the content of a file; file is used in faults.
func ParseProfile(file string, data []byte) (*Profile, error) {
	return parse(file, data, (*Profile).check)
}

// ParseHypothesis is LoadHypothesis on the content of a file, without a look at the files that it names:
// a saved effective configuration stands alone. file is used in faults.
func ParseHypothesis(file string, data []byte) (*Hypothesis, error) {
	return parse(file, data, (*Hypothesis).check)
}

func load[T any](path string, check func(*T, *reader)) (*T, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no such configuration (run from the repository root or correct the path): %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("read a configuration: %w", err)
	}
	return parse(path, data, check)
}
