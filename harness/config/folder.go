package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Folder is a folder of configurations: stacks and gates.yaml, hypotheses/, plans/, worlds/, profiles/ and fio/, and the parts
// of simulated machines: models/, engines/, drives/ and machines/. One that holds a configs.yaml is laid over another
// folder, from which files that it does not hold are taken.
type Folder struct {
	dirs []string // the folder, its base, the base of that
}

// folderFile is configs.yaml.
type folderFile struct {
	Base string `yaml:"base"` // folder below this one, relative to it
}

const folderFileName = "configs.yaml"

// OpenFolder finds a folder of configurations and those that it is laid over. What is wrong in a configs.yaml
// comes back as Faults.
func OpenFolder(dir string) (*Folder, error) {
	dir = filepath.Clean(dir)
	if !isDir(dir) {
		return nil, fmt.Errorf("there is no folder of configurations %s: correct the path, which starts in the folder of the tests or of the command",
			absolute(dir))
	}
	f := &Folder{dirs: []string{dir}}
	for {
		path := filepath.Join(dir, folderFileName)
		data, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return f, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what a folder of configurations is laid over: %w", err)
		}
		r := newReader(readFile)
		root := r.document(path, data)
		if root == nil {
			return nil, r.faults
		}
		at := place{path, root.Line}
		_, err = parse(r, []layer{{at, root}}, nil, func(file *folderFile, r *reader) {
			if !r.ok(baseField) {
				return
			}
			dir = beside(path, file.Base)
			switch {
			case !printable(file.Base):
				r.refuse(baseField, notPrintable, file.Base)
			case !isDir(dir):
				r.refuse(baseField, "there is no folder %s; a base is named relative to the folder that names it", dir)
			case slices.Contains(f.dirs, dir):
				r.refuse(baseField, "leads back to %s; no folder can be its own base", dir)
			}
		})
		if err != nil {
			return nil, err
		}
		f.dirs = append(f.dirs, dir)
	}
}

// Path is where a file of the folder is, such as worlds/default.yaml: in the folder itself, or else in the first
// base that has it. It is in the folder itself, too, if none has it.
func (f *Folder) Path(file string) string {
	for _, dir := range f.dirs {
		if path := filepath.Join(dir, filepath.FromSlash(file)); isFile(path) {
			return path
		}
	}
	return filepath.Join(f.dirs[0], filepath.FromSlash(file))
}

// Fio is the job file of a level of sweep.fio.
func (f *Folder) Fio(level string) string { return f.Path("fio/" + level + ".fio") }

// Names are the files of one kind in the folder and its bases, in order and less their extension: worlds, .yaml.
func (f *Folder) Names(kind, ext string) []string {
	var names []string
	for _, dir := range f.dirs {
		entries, err := os.ReadDir(filepath.Join(dir, kind))
		if err != nil {
			continue // a folder that holds none of a kind need not have a place for it
		}
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), ext); ok {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// asks refuses a field that names a file which the folder does not have. One that has a fault already is not
// followed to the disk.
func (f *Folder) asks(r *reader, path, file string) {
	if r.ok(path) && !isFile(f.Path(file)) {
		r.refuse(path, "there is no file %s in the folder of configurations, %s", file, f.where())
	}
}

// asksFio refuses a level of fio without a job file.
func (f *Folder) asksFio(r *reader, path, level string) {
	if !r.ok(path) || isFile(f.Fio(level)) {
		return
	}
	there := "is none"
	if names := f.Names("fio", ".fio"); len(names) > 0 {
		there = "are " + strings.Join(names, ", ")
	}
	r.refuse(path, "there is no file fio/%s.fio in the folder of configurations, %s, where there %s", level, f.where(), there)
}

// where names the folder and those that it is laid over.
func (f *Folder) where() string {
	dirs := make([]string, len(f.dirs))
	for i, dir := range f.dirs {
		dirs[i] = absolute(dir)
	}
	return strings.Join(dirs, ", nor in its base ")
}

// absolute is a path that says where it leads to from anywhere.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
