package report

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
	"sparkharness/harness/verdict"
)

// Rendering is a file of a run's folder that follows from a judgement.
type Rendering struct {
	Name string // below the folder
	Data []byte
}

// Renderings are table.txt and the files of the figures.
func Renderings(r *verdict.Judgement) ([]Rendering, error) {
	table, err := tableFile(r)
	if err != nil {
		return nil, err
	}
	figures, err := figureFiles(r)
	return append([]Rendering{table}, figures...), err
}

// write puts renderings into a run's folder.
func write(dir string, files []Rendering) error {
	for _, f := range files {
		if err := disk.Replace(filepath.Join(dir, f.Name), f.Data); err != nil {
			return err
		}
	}
	return nil
}

// Compare finds what lies in a run's folder in the place of renderings and is not them, each an error that names the file;
// strays are figures beside them.
func Compare(dir string, files []Rendering) (strays []string, faults error) {
	var all []error
	var names []string
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		names = append(names, path)
		switch got, err := regular.Read(path, int64(len(f.Data))); {
		case errors.Is(err, fs.ErrNotExist):
			all = append(all, fmt.Errorf("%s: it is gone", path))
		case err != nil && !errors.Is(err, regular.ErrTooLarge):
			all = append(all, err)
		case !bytes.Equal(got, f.Data):
			all = append(all, fmt.Errorf("%s is not what follows from the lines", path))
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, FiguresDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		all = append(all, err)
	}
	for _, e := range entries {
		if path := filepath.Join(dir, FiguresDir, e.Name()); !slices.Contains(names, path) {
			strays = append(strays, path)
		}
	}
	return strays, errors.Join(all...)
}
