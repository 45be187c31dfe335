package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"sparkharness/harness/disk"
	"sparkharness/harness/record"
	"sparkharness/harness/regular"
)

// artifacts is a run's folder below the results folder.
type artifacts struct {
	dir  string
	lock *disk.Lock
	log  *record.Log
	out  io.Writer // what was found in a run that is continued
	stop *atomic.Bool

	again map[string]int // by key, how often a cell was put aside to be measured again
}

// ErrNoRun says that there is no run to resume.
var ErrNoRun = errors.New("there is no run")

// Suffixes of the runs that a new one with the same id has replaced: one that was complete and one that
// was not are kept, so that interruptions never push a complete run out.
const (
	previousSuffix   = ".prev"
	incompleteSuffix = ".incomplete.prev"
)

// newArtifacts makes the folder of a run. An earlier run of the same id is set aside, or, with resume, continued: then
// its configuration and the program that measured must be the same, and cells that are not as they were measured are
// set aside. Close it to let another process have the run. Once the run is to stop it is rig.ErrSkipped.
func newArtifacts(o Options) (*artifacts, error) {
	results, p := o.Dir, o.Plan
	a := &artifacts{dir: filepath.Join(results, p.RunID), out: o.Out, stop: o.Stop, again: map[string]int{}}
	if err := os.MkdirAll(results, 0o755); err != nil {
		return nil, fmt.Errorf("results cannot be written: %w (choose another folder with -results)", err)
	}
	disk.SweepLocks(results, ".*.lock")
	if err := a.take(filepath.Join(results, "."+p.RunID+".lock")); err != nil {
		return nil, err
	}
	if err := a.prepare(p, o.Resume); err != nil {
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
func (a *artifacts) take(path string) (err error) {
	a.lock, err = disk.Take(path)
	var held *disk.HeldError
	switch {
	case errors.As(err, &held):
		return fmt.Errorf("another process is running %s: %w (wait for it, or choose another folder with -results)", a.dir, held)
	case err != nil:
		return fmt.Errorf("results cannot be written: %w (choose another folder with -results)", err)
	}
	return nil
}

// close frees the run's id.
func (a *artifacts) close() error {
	var err error
	if a.log != nil {
		err = a.log.Close()
	}
	return errors.Join(err, a.lock.Release())
}

func (a *artifacts) prepare(p *record.Plan, resume bool) error {
	if err := os.RemoveAll(a.going()); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	_, err := os.Stat(a.dir)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("results: %w", err)
	case resume && !exists:
		return fmt.Errorf("-resume: %w %s (run without -resume to start it)", ErrNoRun, a.dir)
	case resume:
		if err := a.onlyFiles(); err != nil {
			return fmt.Errorf("-resume: %w", err)
		}
		disk.SweepReplaced(a.dir)
		disk.SweepReplaced(a.path("figures"))
		return a.resume(p)
	case exists:
		if err := a.setAside(); err != nil {
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

// empty reports whether nothing has been measured.
func (a *artifacts) empty() bool {
	cells, err := os.ReadDir(a.path(record.DirCells))
	return len(cells) == 0 && (err == nil || errors.Is(err, fs.ErrNotExist))
}

// setAside lets the earlier run of the same id take the place of the one before it.
func (a *artifacts) setAside() error {
	aside := a.dir + previousSuffix
	if !a.complete() {
		aside = a.dir + incompleteSuffix
	}
	// The one before it is away before it is half removed, in case that takes long and is cut off.
	if err := os.Rename(aside, a.going()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(os.Rename(a.dir, aside), os.RemoveAll(a.going()))
}

// going is where a run lies while it is removed.
func (a *artifacts) going() string {
	return filepath.Join(filepath.Dir(a.dir), "."+filepath.Base(a.dir)+".removed")
}

// complete reports whether the run has come to its end with every cell of its plan. The cells alone do not tell: between
// two stages there are all that are planned yet.
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
	return run.Ended() || a.reported()
}

// What is written last, but for the end of the log, and the most bytes of it that are read.
const (
	fileReport = "report.json"
	maxReport  = 256 << 20
)

// reported says that the report of a whole run is there: it was killed after its conclusion, before its log said so.
func (a *artifacts) reported() bool {
	var of struct {
		Interrupted *bool `json:"interrupted"`
	}
	b, err := regular.Read(a.path(fileReport), maxReport)
	return err == nil && json.Unmarshal(b, &of) == nil && of.Interrupted != nil && !*of.Interrupted
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
			err = disk.Sync(a.path(record.DirCells))
		}
	}
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}
