package restore

import (
	"context"
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
// that is in it, whoever of this user and the writer has put it there.
func (j *Journal) Folder(below, name string, by Writer) (dir string, undo Undo, err error) {
	e := Entry{Kind: Folder, Runtime: by.Runtime, Image: by.Image}
	return j.made(e, below, name, "", func(path, token string) error {
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
	return j.made(Entry{Kind: File}, below, name, ext, func(path, _ string) error {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

func (j *Journal) made(e Entry, below, name, ext string, do func(path, token string) error) (string, Undo, error) {
	// By its real path: what a link leads to may be another folder by the time of the removal.
	real, err := filepath.EvalSymlinks(below)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return "", nil, fmt.Errorf("make a %s in %s: %w", e.Kind, below, err)
	}
	e.Token, e.Below = token(), real
	e.Path = filepath.Join(real, "sparkharness-"+name+"-"+e.Token+ext)
	e.What = string(e.Kind) + " " + e.Path
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
func (e *Entry) removeFolder(ctx context.Context) (did string, err error) {
	did, err = e.removeMarked(ctx)
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w: what a container writes is root's: sudo rm -r %s", err, quoted(e.Path))
	}
	return did, err
}

func (e *Entry) removeMarked(ctx context.Context) (did string, err error) {
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
	token := strings.TrimSpace(string(whose))
	if err == nil && token != "" && token != e.Token {
		return "", fmt.Errorf("the mark of %s is another one: %w", e.Path, errLeft)
	} else if err != nil {
		return "", fmt.Errorf("whose %s is: %w", e.Path, err)
	}
	err = emptied(dir)
	if errors.Is(err, fs.ErrPermission) && e.Image != "" && token == e.Token {
		if cerr := e.emptyByContainer(ctx, dir); cerr != nil {
			err = fmt.Errorf("%w, and a container of %s did not remove it: %w", err, e.Image, cerr)
		} else {
			err = emptied(dir)
		}
	}
	if err == nil {
		err = dir.Remove(mark)
	}
	if err == nil {
		err = below.Remove(name)
	}
	if err != nil {
		return "", fmt.Errorf("remove %s: %w", e.Path, err)
	}
	return e.Path + " removed", nil
}

// emptied removes what is in a folder but its mark: that is the last to go, so that who is killed meanwhile leaves a marked folder.
func emptied(dir *os.Root) error {
	entries, err := fs.ReadDir(dir.FS(), ".")
	for _, in := range entries {
		if in.Name() != mark {
			if rerr := dir.RemoveAll(in.Name()); err == nil { // one tells what is the matter, in a line
				err = rerr
			}
		}
	}
	return err
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
