package report

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sparkharness/harness/verdict"
)

// folder is one run in a results directory.
type folder struct {
	name   string // of the folder, one path element
	report *verdict.Judgement
	io     []ioSection // what a drive did in it; none where no drive was watched
}

// folders reads results/*/report.json, sorted by run id. Folders that a run has not finished (*.partial),
// that a newer one replaced (*.prev) and hidden ones are left out; a folder without a report is no run. A
// report that Read refuses becomes a warning: one bad file must not hide the others.
func folders(resultsDir string) (runs []folder, warnings []string, err error) {
	entries, err := os.ReadDir(resultsDir)
	if err != nil {
		return nil, nil, fmt.Errorf("list the results: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if !e.IsDir() || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".prev") || strings.HasSuffix(name, ".partial") {
			continue
		}
		r, err := Read(filepath.Join(resultsDir, name, FileName))
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			warnings = append(warnings, fmt.Sprintf("left out: %v", err))
		default:
			io, err := readIO(filepath.Join(resultsDir, name))
			if err != nil {
				warnings = append(warnings, fmt.Sprintf("left out: %v", err))
			}
			runs = append(runs, folder{name: name, report: r, io: io})
		}
	}
	slices.SortStableFunc(runs, func(a, b folder) int { return cmp.Compare(a.report.RunID, b.report.RunID) })
	return runs, warnings, nil
}
