package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
)

// FullDiskError says that the disk of a run's folder is full, with what to do.
type FullDiskError struct {
	Dir string // of the run
	Err error  // all that could not be written
}

func (e *FullDiskError) Error() string {
	return fmt.Sprintf("the disk of %s is full; what has been measured stays there: free space on it, then the same flags and -resume go on", e.Dir)
}

func (e *FullDiskError) Unwrap() error { return e.Err }

// FullDisk is err, or a *FullDiskError in its place if a file below dir could not be written for lack of room: a cell has several
// files, each of which says so. What could not be undone is told as it is.
func FullDisk(dir string, err error) error {
	if _, known := errors.AsType[*FullDiskError](err); known || errors.Is(err, errNotUndone) || !roomless(dir, err) {
		return err
	}
	return &FullDiskError{Dir: dir, Err: err}
}

// roomless says whether some part of an error is a lack of room, or of a quota, below dir: the drives of servers may be full, too.
func roomless(dir string, err error) bool {
	if path, ok := err.(*fs.PathError); ok { //nolint:errorlint // each part is looked at by itself
		return (errors.Is(path.Err, syscall.ENOSPC) || errors.Is(path.Err, syscall.EDQUOT)) && below(dir, path.Path)
	}
	switch e := err.(type) { //nolint:errorlint // likewise
	case interface{ Unwrap() error }:
		return roomless(dir, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if roomless(dir, part) {
				return true
			}
		}
	}
	return false
}

// below says whether a path is in dir, links followed where it is one.
func below(dir, path string) bool {
	dirs := []string{dir}
	if there, err := filepath.EvalSymlinks(dir); err == nil {
		dirs = append(dirs, there)
	}
	for _, d := range dirs {
		if rel, err := filepath.Rel(d, path); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
			return true
		}
	}
	return false
}
