// Package vouch tells which files of a run's folder nothing vouches for: neither its log nor its lines.
package vouch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/evidence"
	"sparkharness/harness/record"
	"sparkharness/harness/report"
	"sparkharness/harness/verdict"
)

var (
	// rendered is what a run's folder holds for people: it follows from the report.
	rendered = []string{report.TableName, report.IOName, verdict.FileUWork, report.FiguresDir}
	// ofRun is what else a run leaves in its folder, and something vouches for.
	ofRun = []string{record.FileConfig, record.FilePlan, record.FileManifest, record.FileAttempts, record.DirCells, record.DirQuarantine, report.FileName}
)

// Strangers are notes of what lies in a run's folder that neither the run's log nor its lines vouch for: it may say anything. Names that
// begin with a dot are locks and what was not written to its end, and no archive carries them.
func Strangers(dir string) (notes []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == record.DirServers && e.IsDir():
			of, err := ofServers(dir)
			if notes = append(notes, of...); err != nil {
				return notes, err
			}
		case !strings.HasPrefix(name, ".") && !slices.Contains(ofRun, name) && !slices.Contains(rendered, name):
			notes = append(notes, stranger(name))
		}
	}
	return notes, nil
}

func stranger(name string) string {
	return name + " is no file that a run leaves, and nothing vouches for it: do not go by it"
}

// ofServers are notes of what servers that the run started have left: logs, and a folder of files for each stack.
func ofServers(dir string) (notes []string, err error) {
	var names []string
	err = filepath.WalkDir(record.Path(dir, record.DirServers), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		folder, _, below := strings.Cut(strings.TrimPrefix(filepath.ToSlash(name), record.DirServers+"/"), "/")
		if below && strings.HasSuffix(folder, "-files") || !below && strings.HasSuffix(folder, ".log") {
			names = append(names, name)
		} else {
			notes = append(notes, stranger(name))
		}
		return nil
	})
	const most = 3 // names that are told
	switch n := len(names); {
	case n > most:
		names = append(names[:most:most], fmt.Sprintf("and %d more", n-most))
		fallthrough
	case n > 0:
		notes = append(notes, strings.Join(names, ", ")+
			": what servers left has no sum in any cell, so nothing shows whether it was edited. The verdict does not go by it")
	}
	return notes, err
}

// Unfinished are notes of folders of planned cells that are not complete. What was measured and was damaged or is planned no more is noted
// with the evidence.
func Unfinished(dir string, ev *evidence.Evidence) (notes []string) {
	entries, _ := os.ReadDir(record.Path(dir, record.DirCells)) // that there are none, or that they cannot be read, is told with the evidence
	complete := map[string]bool{}
	for _, c := range ev.Cells {
		complete[c.Cell.Folder()] = true
	}
	for _, e := range entries {
		path := record.Path(dir, record.DirCells, e.Name())
		noted := slices.ContainsFunc(ev.Notes, func(note string) bool { return strings.HasPrefix(note, path+" ") })
		if !complete[e.Name()] && !noted {
			notes = append(notes, filepath.Join(record.DirCells, e.Name())+" was never complete; nothing reads it")
		}
	}
	return notes
}

// Unread is a note of the files for people that were not compared with anything, for a reason; none where there are none.
func Unread(dir, why string) (notes []string) {
	var names []string
	for _, name := range rendered {
		if _, err := os.Lstat(record.Path(dir, name)); err == nil {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		notes = append(notes, fmt.Sprintf("not compared with the lines: %s: %s", strings.Join(names, ", "), why))
	}
	return notes
}
