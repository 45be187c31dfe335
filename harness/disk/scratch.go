package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Scratch is a folder of this process for what nobody needs afterwards. If the process is killed, the next one that
// sweeps there removes it.
type Scratch struct {
	dir  string
	lock *Lock
}

const (
	scratchPrefix = "sparkharness-scratch-"
	ownerFile     = ".owner" // the lock in a scratch folder
)

// NewScratch makes a scratch folder in parent or, where that cannot be, or for "", in the system's folder for temporary
// files.
func NewScratch(parent string) (*Scratch, error) {
	s, err := newScratch(parent)
	if err != nil && parent != "" {
		var serr error
		if s, serr = newScratch(""); serr == nil {
			return s, nil
		}
		err = errors.Join(err, serr)
	}
	return s, err
}

func newScratch(parent string) (*Scratch, error) {
	for {
		dir, err := os.MkdirTemp(parent, scratchPrefix)
		if err != nil {
			return nil, fmt.Errorf("scratch folder: %w", err)
		}
		lock, err := Take(filepath.Join(dir, ownerFile))
		var held *HeldError
		switch {
		case errors.Is(err, os.ErrNotExist), errors.As(err, &held):
			continue // a sweep took it for a leftover before it had an owner
		case err != nil:
			return nil, errors.Join(fmt.Errorf("scratch folder: %w", err), os.RemoveAll(dir))
		}
		return &Scratch{dir: dir, lock: lock}, nil
	}
}

// Dir is the folder.
func (s *Scratch) Dir() string { return s.dir }

// Close removes the folder.
func (s *Scratch) Close() error {
	return errors.Join(os.RemoveAll(s.dir), s.lock.f.Close())
}

// SweepScratch removes the scratch folders in parent of processes that have died without. One that cannot be removed
// costs space and nothing else, so that is no error.
func SweepScratch(parent string) {
	if parent == "" {
		parent = os.TempDir()
	}
	for _, dir := range matching(parent, scratchPrefix+"*") {
		if os.Remove(dir) == nil {
			continue // empty: it has no owner yet, or never got one
		}
		path := filepath.Join(dir, ownerFile)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			_ = os.RemoveAll(dir) // an owner comes before all else: this is half removed
			continue
		}
		if l, err := try(path, flock); err == nil {
			_ = errors.Join(os.RemoveAll(dir), l.f.Close())
		}
	}
}
