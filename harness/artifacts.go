package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// artifacts is a run's folder below the results folder.
type artifacts struct {
	dir string
}

// previousSuffix marks the run that a new one with the same id has replaced. One is kept.
const previousSuffix = ".prev"

// partialSuffix marks the folder of a cell that has not been completed: its lines are whole, but they
// are not all there.
const partialSuffix = ".partial"

// newArtifacts makes the folder of a run. An earlier run of the same id is set aside, or, with resume,
// continued: then its configuration must be the same.
func newArtifacts(results, runID, digest string, resume bool) (*artifacts, error) {
	a := &artifacts{dir: filepath.Join(results, runID)}
	_, err := os.Stat(a.dir)
	switch {
	case err == nil && resume:
		p, err := readPlan(a.path("plan.json"))
		if err != nil {
			return nil, fmt.Errorf("-resume: %w", err)
		}
		if p.Digest != digest {
			return nil, fmt.Errorf("-resume: %s was made with another configuration (%.12s, now %.12s): run without -resume to start anew", a.dir, p.Digest, digest)
		}
	case err == nil:
		if err := os.RemoveAll(a.dir + previousSuffix); err != nil {
			return nil, fmt.Errorf("set the previous run aside: %w", err)
		}
		if err := os.Rename(a.dir, a.dir+previousSuffix); err != nil {
			return nil, fmt.Errorf("set the previous run aside: %w", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("results: %w", err)
	}
	if err := os.MkdirAll(a.path("cells"), 0o755); err != nil {
		return nil, fmt.Errorf("results cannot be written: %w (choose another folder with -results)", err)
	}
	return a, nil
}

func (a *artifacts) path(parts ...string) string {
	return filepath.Join(append([]string{a.dir}, parts...)...)
}

// cell is the folder of a complete cell.
func (a *artifacts) cell(pc PlannedCell) string { return a.path("cells", pc.Cell.Folder()) }

// has reports whether the cell is complete.
func (a *artifacts) has(pc PlannedCell) bool {
	_, err := os.Stat(filepath.Join(a.cell(pc), fileCell))
	return err == nil
}

// begin clears what an interrupted attempt left of the cell and returns the folder to measure into.
func (a *artifacts) begin(pc PlannedCell) (string, error) {
	dir := a.cell(pc) + partialSuffix
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("results: %w", err)
	}
	return dir, nil
}

// complete renames a measured cell into place.
func (a *artifacts) complete(pc PlannedCell, dir string) error {
	if err := os.Rename(dir, a.cell(pc)); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}
