package harness

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

// strangers notes what lies in the folder that neither the run's log nor its lines vouch for: it may say anything. Names that begin
// with a dot are locks and what was not written to its end, and no archive carries them.
func (v *Verified) strangers() error {
	entries, err := os.ReadDir(v.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == record.DirServers && e.IsDir():
			if err := v.ofServers(); err != nil {
				return err
			}
		case !strings.HasPrefix(name, ".") && !slices.Contains(ofRun, name) && !slices.Contains(rendered, name):
			v.stranger(name)
		}
	}
	return nil
}

func (v *Verified) stranger(name string) {
	v.note("%s is no file that a run leaves, and nothing vouches for it: do not go by it", name)
}

// ofServers notes what servers that the run started have left: logs, and a folder of files for each stack.
func (v *Verified) ofServers() error {
	var names []string
	err := filepath.WalkDir(record.Path(v.Dir, record.DirServers), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(v.Dir, path)
		if err != nil {
			return err
		}
		folder, _, below := strings.Cut(strings.TrimPrefix(filepath.ToSlash(name), record.DirServers+"/"), "/")
		if below && strings.HasSuffix(folder, "-files") || !below && strings.HasSuffix(folder, ".log") {
			names = append(names, name)
		} else {
			v.stranger(name)
		}
		return nil
	})
	const most = 3 // names that are told
	switch n := len(names); {
	case n > most:
		names = append(names[:most:most], fmt.Sprintf("and %d more", n-most))
		fallthrough
	case n > 0:
		v.note("%s: what servers left has no sum in any cell, so nothing shows whether it was edited. The verdict does not go by it", strings.Join(names, ", "))
	}
	return err
}

// unfinished notes folders of planned cells that are not complete. What was measured and was damaged or is planned no more is noted with
// the evidence.
func (v *Verified) unfinished(ev *evidence.Evidence) {
	entries, _ := os.ReadDir(record.Path(v.Dir, record.DirCells)) // that there are none, or that they cannot be read, is told with the evidence
	complete := map[string]bool{}
	for _, c := range ev.Cells {
		complete[c.Cell.Folder()] = true
	}
	for _, e := range entries {
		path := record.Path(v.Dir, record.DirCells, e.Name())
		noted := slices.ContainsFunc(ev.Notes, func(note string) bool { return strings.HasPrefix(note, path+" ") })
		if !complete[e.Name()] && !noted {
			v.note("%s was never complete; nothing reads it", filepath.Join(record.DirCells, e.Name()))
		}
	}
}

// unread notes the files for people that were not compared with anything.
func (v *Verified) unread(why string) {
	var names []string
	for _, name := range rendered {
		if _, err := os.Lstat(record.Path(v.Dir, name)); err == nil {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		v.note("not compared with the lines: %s: %s", strings.Join(names, ", "), why)
	}
}
