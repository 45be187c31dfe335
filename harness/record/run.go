package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/regular"
)

// PartialSuffix marks the folder of a cell that has not been completed: its lines are whole, but they are not all
// there. DamagedSuffix, with a number, marks one that was complete and was found to be damaged.
const (
	PartialSuffix = ".partial"
	DamagedSuffix = ".damaged-"
)

// Run is a run's folder as a reader finds it. Of a run that an earlier version sealed nothing of, there is nothing to
// compare with.
type Run struct {
	Dir  string
	Plan *Plan
	log  *attempts
	sums map[string]string // of cell.json, by key, of the cells that the log says are complete

	aside    []Quarantined // in the order of the log
	measured int           // how often the log says that a cell is complete
	// origins are the runs of the cells that were taken over, by key.
	origins map[string]Origin
}

// Origin is the run that a cell was taken over from; false if it was measured in this one.
func (r *Run) Origin(pc PlannedCell) (o Origin, taken bool) {
	o, taken = r.origins[pc.Key]
	return o, taken
}

// ReadRun reads the plan and the log of a run's folder and makes sure that the plan and the configuration are those of
// the run. What it finds changed is a DamageError.
func ReadRun(dir string) (*Run, error) {
	plan, sum, err := readPlan(dir)
	if err != nil {
		return nil, err
	}
	r := &Run{Dir: dir, Plan: plan, sums: map[string]string{}, origins: map[string]Origin{}}
	if r.log, err = readAttempts(dir); err != nil {
		return nil, err
	}
	if !plan.sealed() {
		if len(r.log.lines) > 0 {
			return nil, damaged(Path(dir, FilePlan), "it names the layout of an earlier version, which left no %s", FileAttempts)
		}
		return r, nil
	}
	for _, a := range r.log.lines {
		switch a.Event {
		case EventCell:
			r.measured++
			r.sums[a.Cell] = a.SHA256
			delete(r.origins, a.Cell)
		case EventTaken:
			r.sums[a.Cell] = a.SHA256
			if a.Origin == nil {
				return nil, damaged(Path(dir, FileAttempts), "it does not say where cell %s was taken from", a.Cell)
			}
			r.origins[a.Cell] = *a.Origin
		case EventDamaged:
			delete(r.sums, a.Cell)
			delete(r.origins, a.Cell)
		case EventQuarantined:
			delete(r.sums, a.Cell)
			delete(r.origins, a.Cell)
			if err := r.putAside(a); err != nil {
				return nil, err
			}
		}
	}
	if !r.log.carriedOut(sum) {
		return nil, damaged(Path(dir, FilePlan), "it is not the plan that was carried out (by %s)", FileAttempts)
	}
	config, err := regular.Read(Path(dir, FileConfig), MaxConfig)
	if err != nil {
		return nil, damaged(Path(dir, FileConfig), "%v", err)
	}
	if sumBytes(config) != plan.ConfigSHA256 {
		return nil, damaged(Path(dir, FileConfig), "it is not the configuration that was measured with")
	}
	return r, nil
}

// Cell reads what a cell knows of itself; nil without an error if it is not complete. A cell that is not what was
// measured, or of which something is gone, is a DamageError, or several joined.
func (r *Run) Cell(pc PlannedCell) (*CellInfo, error) {
	folder := CellPath(r.Dir, pc.Cell)
	path := filepath.Join(folder, FileCell)
	info, sum, err := readCellInfo(folder)
	if err != nil {
		return nil, err
	}
	want, logged := r.sums[pc.Key]
	if info == nil {
		if logged && !r.recoverable(pc) {
			return nil, damaged(path, "it is gone; %s says that the cell was complete", FileAttempts)
		}
		return nil, nil
	}
	if info.Cell != pc.Key {
		return nil, damaged(path, "it is that of cell %s", info.Cell)
	}
	of, taken := r.Origin(pc)
	if !taken {
		of = Origin{r.Plan.RunID, r.Plan.Digest}
	}
	switch {
	case !r.Plan.sealed() && info.Files == nil:
		return info, nil
	case !r.Plan.sealed():
		return nil, damaged(path, "it was sealed, and the plan names the layout of an earlier version, which sealed nothing")
	case info.RunID != of.RunID || info.Digest != of.Digest:
		return nil, damaged(path, "it is of run %s", info.RunID)
	case !logged && r.due(pc.Key, sum):
		return nil, nil
	case info.CellDigest != pc.Digest:
		return nil, damaged(path, "it is of another cell of that name (%.12s) than the planned one (%.12s)", info.CellDigest, pc.Digest)
	case !logged:
		return nil, damaged(path, "%s does not know of it", FileAttempts)
	case sum != want:
		return nil, damaged(path, "it is not what was measured")
	}
	return info, info.checkFiles(folder)
}

// recoverable says that the cell was complete and logged when a crash kept it from being put into place.
func (r *Run) recoverable(pc PlannedCell) bool {
	info, sum, err := readCellInfo(CellPath(r.Dir, pc.Cell) + PartialSuffix)
	return err == nil && info != nil && sum == r.sums[pc.Key]
}

// Recover puts cells into place, or aside, that a crash has kept from it.
func (r *Run) Recover() error {
	if err := r.recoverAside(); err != nil {
		return err
	}
	for _, pc := range r.Plan.Cells {
		place := CellPath(r.Dir, pc.Cell)
		if _, err := os.Stat(place); errors.Is(err, fs.ErrNotExist) && r.recoverable(pc) {
			if err := os.Rename(place+PartialSuffix, place); err != nil {
				return fmt.Errorf("recover a cell: %w", err)
			}
		}
	}
	return nil
}

// Strays are what lies in the folder that no planned cell shows. Folders of cells that nobody planned are faults; cells
// that were measured and are planned no more, as after an interruption between two stages, are worth a note.
func (r *Run) Strays() (notes []string, faults error) {
	planned, measured := map[string]bool{}, map[string]bool{}
	for _, pc := range r.Plan.Cells {
		planned[pc.Cell.Folder()] = true
	}
	for _, a := range r.log.lines {
		if cell, err := ParseCell(a.Cell); err == nil {
			measured[cell.Folder()] = true
		}
	}
	notes = r.replaced()
	entries, err := os.ReadDir(Path(r.Dir, DirCells))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []error
	for _, e := range entries {
		path := Path(r.Dir, DirCells, e.Name())
		name, _, aside := strings.Cut(strings.TrimSuffix(e.Name(), PartialSuffix), DamagedSuffix)
		switch {
		case aside && measured[name]:
			notes = append(notes, path+" is a damaged cell that was set aside; nothing reads it")
		case planned[name]:
		case measured[name]:
			notes = append(notes, path+" was measured, and is planned no more; nothing reads it")
		case strings.HasSuffix(e.Name(), PartialSuffix):
			// A run that was killed in a later stage plans the first one anew when it is resumed, and this cell after it.
			notes = append(notes, path+" was never complete, and is not planned now; nothing reads it")
		default:
			all = append(all, damaged(path, "nobody planned or measured such a cell"))
		}
	}
	return notes, errors.Join(all...)
}

// replaced names the cells of which a complete measurement is gone and another one counts: who throws away what does not please
// comes to nothing else than who loses a disk.
func (r *Run) replaced() (notes []string) {
	for _, a := range r.log.lines {
		if a.Event == EventDamaged {
			notes = append(notes, fmt.Sprintf("cell %s was complete, was changed or removed after that, and was measured again: %s", a.Cell, a.Why))
		}
	}
	return notes
}

// Ended says that an execution of the run has come to its end: neither interrupted, nor killed, nor after a failure.
func (r *Run) Ended() bool { return slices.ContainsFunc(r.log.lines, Attempt.Concluded) }

// Last is the last line of the log; false if there is none, or if something stands behind it that is no line.
func (r *Run) Last() (a Attempt, whole bool) {
	if n := len(r.log.lines); n > 0 {
		return r.log.lines[n-1], !r.log.torn
	}
	return a, false
}

// Manifest makes sure that manifest.json is that of the last execution, where that has ended and an earlier version has
// not left it out.
func (r *Run) Manifest() error {
	const most = 1 << 20 // bytes
	last, whole := r.Last()
	if !whole || last.Event != EventEnd || last.SHA256 == "" {
		return nil
	}
	path := Path(r.Dir, FileManifest)
	b, err := regular.Read(path, most)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return damaged(path, "it is gone")
	case err != nil:
		return damaged(path, "%v", err)
	case sumBytes(b) != last.SHA256:
		return damaged(path, "it is not what the run left")
	}
	return nil
}

// Sealed says whether the run's files can be compared with what was measured.
func (r *Run) Sealed() bool { return r.Plan.sealed() }
