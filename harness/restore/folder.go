package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sparkharness/harness/disk"
	"sparkharness/harness/regular"
)

// mark is the file in a folder that says whose it is: the entry's token.
const mark = ".sparkharness-owner"

// Folder makes a folder in below, a folder that the user has named, with this name and a token; Undo removes it with all
// that is in it.
func (j *Journal) Folder(below, name string) (dir string, undo Undo, err error) {
	return j.made(Folder, below, name, "", func(path, token string) error {
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(path, mark), []byte(token+"\n"), 0o644); err != nil {
			return err
		}
		return disk.Sync(path)
	})
}

// File makes an empty file in below, a folder that the user has named, with this name, a token and an extension such as
// .dat; Undo removes it.
func (j *Journal) File(below, name, ext string) (path string, undo Undo, err error) {
	return j.made(File, below, name, ext, func(path, _ string) error {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

func (j *Journal) made(kind Kind, below, name, ext string, do func(path, token string) error) (string, Undo, error) {
	// By its real path: what a link leads to may be another folder by the time of the removal.
	real, err := filepath.EvalSymlinks(below)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make a %s in %s: %w", kind, below, err)
	}
	e := Entry{Kind: kind, Token: token(), Below: real}
	e.Path = filepath.Join(real, "sparkharness-"+name+"-"+e.Token+ext)
	e.What = string(kind) + " " + e.Path
	undo, err := j.Do(e, func(n *Note) error { return do(e.Path, n.Token()) }, nil)
	if err != nil {
		return "", nil, err
	}
	return e.Path, undo, nil
}

// found opens the directory that the entry's folder or file lies in, and looks at that; nil where either is gone.
func (e *Entry) found() (below *os.Root, st fs.FileInfo, err error) {
	if below, err = os.OpenRoot(e.Below); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil // with all that was in it
	} else if err != nil {
		return nil, nil, fmt.Errorf("remove it: %w", err)
	}
	if st, err = below.Lstat(filepath.Base(e.Path)); err == nil {
		return below, st, nil
	}
	_ = below.Close() // it was looked into
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	return nil, nil, fmt.Errorf("remove it: %w", err)
}

// removeFolder removes the folder if it carries the entry's mark. Nothing outside it is touched, wherever links lead.
func (e *Entry) removeFolder() (did string, err error) {
	below, st, err := e.found()
	if err != nil || st == nil {
		return "", err
	}
	defer below.Close()
	name := filepath.Base(e.Path)
	if !st.IsDir() {
		return "", fmt.Errorf("%s is no folder: %w", e.Path, errLeft)
	}
	dir, err := below.OpenRoot(name)
	if err != nil {
		return "", fmt.Errorf("remove it: %w", err)
	}
	defer dir.Close()
	whose, err := regular.ReadIn(dir, mark, 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		// Its process was killed between making it and marking it: then it is empty.
		if err := below.Remove(name); err != nil {
			return "", fmt.Errorf("%s is not empty and does not carry the mark (%s): remove it: %w", e.Path, mark, errLeft)
		}
		return e.Path + " removed", nil
	}
	if token := strings.TrimSpace(string(whose)); err == nil && token != "" && token != e.Token {
		return "", fmt.Errorf("the mark of %s is another one: %w", e.Path, errLeft)
	} else if err != nil {
		return "", fmt.Errorf("whose %s is: %w", e.Path, err)
	}
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return "", fmt.Errorf("remove %s: %w", e.Path, err)
	}
	for _, in := range entries {
		if in.Name() != mark { // the last to go, so that who is killed meanwhile leaves a marked folder
			err = errors.Join(err, dir.RemoveAll(in.Name()))
		}
	}
	if err == nil {
		err = errors.Join(dir.Remove(mark), below.Remove(name))
	}
	if err != nil {
		return "", fmt.Errorf("remove %s: %w", e.Path, err)
	}
	return e.Path + " removed", nil
}

// removeFile removes the file, whose name has the entry's token; a link or a folder of that name stays.
func (e *Entry) removeFile() (did string, err error) {
	below, st, err := e.found()
	if err != nil || st == nil {
		return "", err
	}
	defer below.Close()
	name := filepath.Base(e.Path)
	if !st.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file: %w", e.Path, errLeft)
	}
	if err := below.Remove(name); err != nil {
		return "", fmt.Errorf("remove it: %w", err)
	}
	return e.Path + " removed", nil
}
