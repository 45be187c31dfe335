package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sparkharness/harness/record"
)

// What several files of a cell say of a full disk is told once, with what to do; a full drive of the servers, and what could not be
// undone, are told as they are.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(dir, link))
	failed := func(path string, errno syscall.Errno) error {
		return &fs.PathError{Op: "write", Path: path, Err: errno}
	}
	in := filepath.Join(dir, "cells", "a", "metrics.jsonl")
	for name, tc := range map[string]struct {
		err  error
		full bool
	}{
		"a file":                  {failed(in, syscall.ENOSPC), true},
		"a quota":                 {failed(in, syscall.EDQUOT), true},
		"one of several, wrapped": {fmt.Errorf("cell: %w", errors.Join(errors.New("x"), fmt.Errorf("y: %w", failed(in, syscall.ENOSPC)))), true},
		"another fault":           {failed(in, syscall.EIO), false},
		"another disk":            {failed(filepath.Join(t.TempDir(), "tier"), syscall.ENOSPC), false},
		"no path":                 {syscall.ENOSPC, false},
		"not undone, too":         {errors.Join(errNotUndone, failed(in, syscall.ENOSPC)), false},
		"none":                    {nil, false},
	} {
		for _, dir := range []string{dir, link} {
			err := FullDisk(dir, tc.err)
			full, ok := errors.AsType[*FullDiskError](err)
			require.Equal(t, tc.full, ok, name)
			if !ok {
				assert.Equal(t, tc.err, err, name)
				continue
			}
			assert.Equal(t, "the disk of "+dir+" is full; what has been measured stays there: free space on it, then the same flags and -resume go on", err.Error())
			assert.Same(t, full, FullDisk(dir, err), "it is told once")
			require.ErrorIs(t, err, tc.err)
		}
	}
}

// A cell whose lines have no room ends the run in one line.
func TestCellOnAFullDisk(t *testing.T) {
	o := short(t, "H2A")
	run := opened(t, o)
	defer func() { require.NoError(t, run.Close()) }()
	full := &fs.PathError{Op: "write", Path: filepath.Join(run.Dir(), "cells", "a", record.FileSysmon), Err: syscall.ENOSPC}
	err := run.done(o.Plan.Cells[0], 0, errors.Join(full, full))
	require.EqualError(t, err, (&FullDiskError{Dir: run.Dir()}).Error())
	assert.True(t, run.Failed())
}
