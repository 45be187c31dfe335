package config

import (
	"fmt"
	"io/fs"
)

// files are configurations in memory, by their paths.
type files map[string]string

func (f files) open(path string) ([]byte, error) {
	if text, ok := f[path]; ok {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
}

// parseFrom reads a file of them, with those that it is based on and without a look at others that it names.
func parseFrom[T any](f files, path string, check func(*T, *reader)) (*T, error) {
	r := newReader(f.open)
	in, err := r.chain(path)
	if err != nil {
		return nil, err
	}
	return parse(r, in, nil, check)
}

func parseStack(file string, data []byte) (*Stack, error) {
	return parseFrom(files{file: string(data)}, file, (*Stack).check)
}

func parseWorld(file string, data []byte) (*World, error) {
	return parseFrom(files{file: string(data)}, file, (*World).check)
}

func parseProfile(file string, data []byte) (*Profile, error) {
	return parseFrom(files{file: string(data)}, file, (*Profile).check)
}

func parseHypothesis(file string, data []byte) (*Hypothesis, error) {
	return parseFrom(files{file: string(data)}, file, (*Hypothesis).check)
}
