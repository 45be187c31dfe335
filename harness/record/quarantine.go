package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sparkharness/harness/disk"
)

// Quarantined is a cell that was measured, failed a gate that looks at nothing of the outcome, and was measured again. Its
// folder is kept as it was sealed, and nothing is concluded from its lines.
type Quarantined struct {
	Cell   string // key
	Why    string
	Folder string // name below DirQuarantine
	// Start is when it began, Unix seconds, as its own cell.json has it; 0 where that was not read.
	Start float64 `json:",omitempty"`
	// Measured is how many cells had been measured when it was put aside, by the log: those with the same number were put aside together.
	Measured int `json:"-"`

	cell Cell
	sum  string // of its cell.json
}

// Path is where it lies in a run's folder.
func (q Quarantined) Path(dir string) string { return Path(dir, DirQuarantine, q.Folder) }

// quarantineFolder is the name below DirQuarantine of the n-th of a cell, from 1.
func quarantineFolder(cell Cell, n int) string { return fmt.Sprintf("%s.%d", cell.Folder(), n) }

// Quarantine puts a complete cell of a run's folder aside, the n-th time for this cell, from 1. The log knows of it first.
func (l *Log) Quarantine(dir string, cell Cell, n int, why string) error {
	folder := CellPath(dir, cell)
	sum, err := SumFile(filepath.Join(folder, FileCell))
	if err != nil {
		return fmt.Errorf("put a cell aside: %w", err)
	}
	line := Attempt{Event: EventQuarantined, Cell: cell.String(), SHA256: sum.SHA256, Why: strings.ReplaceAll(why, "\n", "; ")}
	if err := l.Append(line); err != nil {
		return err
	}
	return moveAside(dir, cell, Quarantined{Folder: quarantineFolder(cell, n)})
}

func moveAside(dir string, cell Cell, q Quarantined) error {
	err := os.MkdirAll(Path(dir, DirQuarantine), 0o755)
	if err == nil {
		err = os.Rename(CellPath(dir, cell), q.Path(dir))
	}
	if err == nil {
		err = errors.Join(disk.Sync(Path(dir, DirQuarantine)), disk.Sync(Path(dir, DirCells)))
	}
	if err != nil {
		return fmt.Errorf("put a cell aside: %w", err)
	}
	return nil
}

// putAside takes a line of the log that says that a cell was put aside.
func (r *Run) putAside(a Attempt) error {
	cell, err := ParseCell(a.Cell)
	if err != nil {
		return damaged(Path(r.Dir, FileAttempts), "%v", err)
	}
	r.aside = append(r.aside, Quarantined{Cell: a.Cell, Why: a.Why, Folder: quarantineFolder(cell, r.Again(a.Cell)+1), Measured: r.measured, cell: cell, sum: a.SHA256})
	return nil
}

// Again is how often a cell was put aside, and is to be measured or was measured again.
func (r *Run) Again(key string) int {
	n := 0
	for _, q := range r.aside {
		if q.Cell == key {
			n++
		}
	}
	return n
}

// due says that the folder of a cell is one that a crash has kept from being put aside: the log knows of it already.
func (r *Run) due(key, sum string) bool {
	for _, q := range r.aside {
		if q.Cell == key && q.sum == sum {
			_, err := os.Lstat(q.Path(r.Dir))
			return errors.Is(err, fs.ErrNotExist)
		}
	}
	return false
}

// recoverAside puts cells aside that a crash has kept from it.
func (r *Run) recoverAside() error {
	for _, q := range r.aside {
		sum, err := SumFile(filepath.Join(CellPath(r.Dir, q.cell), FileCell))
		if err != nil || sum.SHA256 != q.sum || !r.due(q.Cell, q.sum) {
			continue // it is where it belongs, or another one
		}
		if err := moveAside(r.Dir, q.cell, q); err != nil {
			return fmt.Errorf("recover: %w", err)
		}
	}
	return nil
}

// Quarantined are the cells that were put aside, in the order in which they were. One that is not as it was measured, and
// anything beside them that was not put aside, is a DamageError, or several joined.
func (r *Run) Quarantined() ([]Quarantined, error) {
	known := map[string]bool{}
	var faults []error
	for i, q := range r.aside {
		known[q.Folder] = true
		info, _, err := r.Aside(q)
		faults = append(faults, err)
		if info != nil {
			r.aside[i].Start = info.Start
		}
	}
	entries, err := os.ReadDir(Path(r.Dir, DirQuarantine))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if !known[e.Name()] {
			faults = append(faults, damaged(Path(r.Dir, DirQuarantine, e.Name()), "%s does not know that it was put aside", FileAttempts))
		}
	}
	return r.aside, errors.Join(faults...)
}

// Aside reads what a cell that was put aside knows of itself, and where it lies: among the cells still, if a crash came
// before it was moved.
func (r *Run) Aside(q Quarantined) (info *CellInfo, folder string, err error) {
	folder = q.Path(r.Dir)
	path := filepath.Join(folder, FileCell)
	info, sum, err := readCellInfo(folder)
	if err == nil && info == nil {
		folder = CellPath(r.Dir, q.cell)
		info, sum, err = readCellInfo(folder)
		if sum != q.sum {
			info = nil // it has been measured again
		}
	}
	switch {
	case err != nil:
		return nil, folder, err
	case info == nil:
		return nil, folder, damaged(path, "it is gone; %s says that the cell was put aside", FileAttempts)
	case sum != q.sum:
		return nil, folder, damaged(path, "it is not what was put aside")
	}
	return info, folder, info.checkFiles(folder)
}
