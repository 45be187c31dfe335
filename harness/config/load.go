package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// LoadStack reads a stack file. What is wrong in it, or in what it is based on, comes back as Faults.
func LoadStack(path string) (*Stack, error) { return load(path, (*Stack).check) }

// LoadWorld reads a file of worlds/. The profile of fio that it names must exist in the folder above.
func LoadWorld(path string) (*World, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("locate %s: %w", path, err)
	}
	folder, err := OpenFolder(filepath.Dir(filepath.Dir(abs)))
	if err != nil {
		return nil, err
	}
	return load(path, func(w *World, r *reader) {
		w.check(r)
		w.checkFiles(r, folder)
	})
}

// LoadProfile reads a file of profiles/.
func LoadProfile(path string) (*Profile, error) { return load(path, (*Profile).check) }

// gatesFile holds the gates of all hypotheses of a folder.
const gatesFile = "gates.yaml"

// LoadHypothesis reads a hypothesis, wherever its file is, for a folder of configurations. Gates that it does not
// give are those of the folder's gates.yaml; the stacks, the profile and the control worlds that it names must
// exist in the folder.
func LoadHypothesis(folder *Folder, path string) (*Hypothesis, error) {
	return loadHypothesis(newReader(readFile), folder, path, nil)
}

// loadHypothesis is LoadHypothesis with layers that lie over the file.
func loadHypothesis(r *reader, folder *Folder, path string, over []layer) (*Hypothesis, error) {
	in, err := r.chain(path)
	if err != nil {
		return nil, err
	}
	common := folder.Path(gatesFile)
	gates, err := r.chain(common)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s, which holds the gates of all hypotheses: take that of configs/, "+
			"or name the folder that has one in %s beside it (base: ../configs)", common, folderFileName)
	}
	if err != nil {
		return nil, err
	}
	if in != nil { // else it has a fault already
		in = append(over, in...)
	}
	return parse(r, in, under("gates", gates), func(h *Hypothesis, r *reader) {
		h.check(r)
		h.checkFiles(r, folder)
	})
}

func load[T any](path string, check func(*T, *reader)) (*T, error) {
	r := newReader(readFile)
	in, err := r.chain(path)
	if err != nil {
		return nil, err
	}
	return parse(r, in, nil, check)
}
