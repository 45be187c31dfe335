package runner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// artifacts is a run's folder below the results folder.
type artifacts struct {
	dir  string
	lock *os.File
	log  *record.Log
	out  io.Writer // what was found in a run that is continued
}

// Suffixes of the runs that a new one with the same id has replaced: one that was complete and one that
// was not are kept, so that interruptions never push a complete run out.
const (
	previousSuffix   = ".prev"
	incompleteSuffix = ".incomplete.prev"
)

// newArtifacts makes the folder of a run. An earlier run of the same id is set aside, or, with resume, continued: then
// its configuration and the program that measured must be the same, and cells that are not as they were measured are
// set aside. Close it to let another process have the run.
func newArtifacts(results string, p *record.Plan, resume bool, out io.Writer) (*artifacts, error) {
	a := &artifacts{dir: filepath.Join(results, p.RunID), out: out}
	if err := os.MkdirAll(results, 0o755); err != nil {
		return nil, fmt.Errorf("results cannot be written: %w (choose another folder with -results)", err)
	}
	if err := a.take(filepath.Join(results, "."+p.RunID+".lock")); err != nil {
		return nil, err
	}
	if err := a.prepare(p, resume); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// writable refuses a results folder that newArtifacts could not make or write into, and makes none.
func writable(results string) error {
	dir := filepath.Clean(results)
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		info, err = os.Stat(dir)
	}
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", dir)
	}
	if err == nil {
		const write, enter = 2, 1 // access(2), W_OK and X_OK
		if aerr := syscall.Access(dir, write|enter); aerr != nil {
			err = fmt.Errorf("%s: %w", dir, aerr)
		}
	}
	if err != nil {
		return fmt.Errorf("results cannot be written: %w (choose another folder with -results)", err)
	}
	return nil
}

// take locks the run's id: two processes that write one folder would mix their cells.
func (a *artifacts) take(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("results cannot be written: %w (choose another folder with -results)", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return fmt.Errorf("another process is running %s (wait for it, or choose another folder with -results)", a.dir)
	}
	a.lock = f
	return nil
}

// close frees the run's id.
func (a *artifacts) close() error {
	var err error
	if a.log != nil {
		err = a.log.Close()
	}
	return errors.Join(err, os.Remove(a.lock.Name()), a.lock.Close())
}

func (a *artifacts) prepare(p *record.Plan, resume bool) error {
	_, err := os.Stat(a.dir)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("results: %w", err)
	case resume && !exists:
		return fmt.Errorf("-resume: there is no run %s (run without -resume to start it)", a.dir)
	case resume:
		if err := a.onlyFiles(); err != nil {
			return fmt.Errorf("-resume: %w", err)
		}
		return a.resume(p)
	case exists:
		aside := a.dir + previousSuffix
		if !a.complete() {
			aside = a.dir + incompleteSuffix
		}
		if err := errors.Join(os.RemoveAll(aside), os.Rename(a.dir, aside)); err != nil {
			return fmt.Errorf("set the previous run aside: %w", err)
		}
	}
	if err := os.MkdirAll(a.path("cells"), 0o755); err != nil {
		return fmt.Errorf("results cannot be written: %w (choose another folder with -results)", err)
	}
	return a.openLog()
}

func (a *artifacts) openLog() (err error) {
	if a.log, err = record.OpenLog(a.dir); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

// onlyFiles refuses a folder to continue in which a pipe or a device has a file's name: to write there would wait for a
// reader.
func (a *artifacts) onlyFiles() error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := os.Stat(a.path(e.Name()))
		if err == nil && !info.IsDir() && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder: remove it", a.path(e.Name()))
		}
	}
	return nil
}

// complete reports whether the run has every cell of its plan.
func (a *artifacts) complete() bool {
	run, err := record.ReadRun(a.dir)
	if err != nil {
		return false
	}
	for _, pc := range run.Plan.Cells {
		if !a.has(pc) {
			return false
		}
	}
	return true
}

func (a *artifacts) path(parts ...string) string {
	return filepath.Join(append([]string{a.dir}, parts...)...)
}

// cell is the folder of a complete cell.
func (a *artifacts) cell(pc record.PlannedCell) string { return record.CellPath(a.dir, pc.Cell) }

// has reports whether the cell is complete.
func (a *artifacts) has(pc record.PlannedCell) bool {
	_, err := os.Stat(filepath.Join(a.cell(pc), record.FileCell))
	return err == nil
}

// begin clears what an interrupted attempt left of the cell and returns the folder to measure into.
func (a *artifacts) begin(pc record.PlannedCell) (string, error) {
	dir := a.cell(pc) + record.PartialSuffix
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("results: %w", err)
	}
	return dir, nil
}

// keep renames the cell that was measured since begin into place. The log knows of it first: a crash between the two
// loses nothing, and no complete cell is unknown to the log.
func (a *artifacts) keep(pc record.PlannedCell) error {
	dir := a.cell(pc) + record.PartialSuffix
	err := a.log.Complete(pc.Key, dir)
	if err == nil {
		if err = os.Rename(dir, a.cell(pc)); err == nil {
			err = regular.Sync(a.path(record.DirCells))
		}
	}
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}
