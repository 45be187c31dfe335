package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"sparkharness/harness/record"
	"sparkharness/harness/rig"
)

// resume continues a run that is there. What was measured must have been measured with the same configuration and by
// the same program; a cell that is not as it was measured is set aside, and is then missing.
func (a *artifacts) resume(p *record.Plan) error {
	run, err := record.ReadRun(a.dir)
	if errors.Is(err, fs.ErrNotExist) && a.empty() {
		if err := os.MkdirAll(a.path(record.DirCells), 0o755); err != nil { // it was killed before its plan was there
			return fmt.Errorf("-resume: %w", err)
		}
		return a.openLog()
	}
	if err != nil {
		return fmt.Errorf("-resume: %s holds no run to continue (%w): run without -resume to start anew", a.dir, err)
	}
	before, now := run.Plan.Program, p.Program
	switch {
	case run.Plan.Digest != p.Digest:
		return fmt.Errorf("-resume: %s was made with another configuration (%.12s, now %.12s): run without -resume to start anew", a.dir, run.Plan.Digest, p.Digest)
	case !run.Sealed():
		return fmt.Errorf("-resume: %s was measured by an earlier version, which sealed nothing: run without -resume to start anew", a.dir)
	case before.Measures != now.Measures:
		return fmt.Errorf("-resume: %s was measured by another program (%.12s, now %.12s): the cells would not be comparable; "+
			"run without -resume to start anew, or go on with the version that began it (commit in %s)", a.dir, before.Measures, now.Measures, record.FileAttempts)
	case before.Judges != now.Judges:
		fmt.Fprintf(a.out, "note: %s was begun by a program with other rules or statistics (%.12s, now %.12s); those of now judge all of it\n", a.dir, before.Judges, now.Judges)
	}
	if _, err := run.Strays(); err != nil {
		return fmt.Errorf("-resume: %w: remove it", err)
	}
	if err := errors.Join(run.Recover(), a.openLog()); err != nil {
		return fmt.Errorf("-resume: %w", err)
	}
	if _, err := run.Quarantined(); err != nil {
		return fmt.Errorf("-resume: a cell that was put aside is evidence, too: %w: run without -resume to start anew", err)
	}
	for _, pc := range run.Plan.Cells {
		if n := run.Again(pc.Key); n > 0 {
			a.again[pc.Key] = n
		}
		if a.stop.Load() {
			return rig.ErrSkipped // all of a run's files take a while
		}
		_, err := run.Cell(pc)
		if err == nil {
			continue
		}
		if err := a.keepDamaged(pc, err); err != nil {
			return err
		}
	}
	return a.finishAside(run)
}

// keepDamaged keeps a damaged cell beside its place, where nothing reads it. What cannot be read at all ends the run: it may
// be a disk that is not there.
func (a *artifacts) keepDamaged(pc record.PlannedCell, why error) error {
	if _, ok := errors.AsType[*record.DamageError](why); !ok {
		return fmt.Errorf("-resume: %w", why)
	}
	reason := strings.ReplaceAll(why.Error(), "\n", "; ")
	place := a.cell(pc)
	kept := "nothing of it is left"
	if _, err := os.Lstat(place); err == nil {
		for n := 1; ; n++ {
			aside := fmt.Sprintf("%s%s%d", place, record.DamagedSuffix, n)
			if _, err := os.Lstat(aside); err == nil {
				continue
			}
			if err := os.Rename(place, aside); err != nil {
				return fmt.Errorf("-resume: set a damaged cell aside: %w", err)
			}
			kept = "kept as " + aside
			break
		}
	}
	fmt.Fprintf(a.out, "warning: cell %s is measured again, because it is not as it was measured: %s (%s)\n", pc.Key, reason, kept)
	return a.log.Append(record.Attempt{Event: record.EventDamaged, Cell: pc.Key, Why: reason})
}
