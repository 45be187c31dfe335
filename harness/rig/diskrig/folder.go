package diskrig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"sparkharness/harness/disk"
)

// Folder is the name of the one folder that a storage makes in the directory that it is given. Everything is in there, and it
// is gone when the storage is closed.
const Folder = "sparkharness-disk"

// mark is the file in it that says whose it is: a lock, so that a directory has one storage at a time, and a folder whose
// lock is free is what a killed process has left.
const mark = ".owner"

// folder is the folder of a storage.
type folder struct {
	path   string
	parent *os.Root
	root   *os.Root // no name leads out of it
	lock   *disk.Lock
}

// claim makes the folder in a directory, which is absolute and without links, and throws away what a killed process has
// left there. A folder of that name which is not marked as ours stays, and is an error.
func claim(dir string, tell func(string)) (*folder, error) {
	parent, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("storage in %s: %w", dir, err)
	}
	f := &folder{path: filepath.Join(dir, Folder), parent: parent}
	if err := f.take(); err != nil {
		return nil, errors.Join(err, parent.Close())
	}
	err = f.open()
	if err == nil {
		err = f.sweep(tell)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// take makes the folder if it is not there, and takes its lock.
func (f *folder) take() error {
	for {
		made := f.parent.Mkdir(Folder, 0o700)
		if made != nil && !errors.Is(made, os.ErrExist) {
			return fmt.Errorf("make %s: %w", f.path, made)
		}
		if made != nil {
			if err := f.ours(); errors.Is(err, os.ErrNotExist) {
				continue // who had it has closed it meanwhile
			} else if err != nil {
				return err
			}
		}
		var err error
		f.lock, err = disk.Take(filepath.Join(f.path, mark))
		var held *disk.HeldError
		switch {
		case err == nil:
			return nil
		case errors.Is(err, os.ErrNotExist):
			// Likewise.
		case errors.As(err, &held):
			return fmt.Errorf("the directory of %s is in use: %w; choose another directory, or end that process", f.path, err)
		default:
			return fmt.Errorf("lock %s: %w", f.path, err)
		}
	}
}

// Claimable refuses a directory in which something else has the folder's name. It writes nothing.
func Claimable(dir string) error {
	parent, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("storage in %s: %w", dir, err)
	}
	f := &folder{path: filepath.Join(dir, Folder), parent: parent}
	return errors.Join(f.claimable(), parent.Close())
}

func (f *folder) claimable() error {
	st, err := f.parent.Lstat(Folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !st.IsDir():
		return f.foreign("is no folder")
	case f.marked():
		return nil
	}
	in, err := fs.ReadDir(f.parent.FS(), Folder)
	if err == nil && len(in) > 0 && !f.marked() { // it may have been made meanwhile
		err = f.foreign("has no mark " + mark)
	}
	return err
}

// foreign is the refusal of what is not a folder of a storage.
func (f *folder) foreign(what string) error {
	return fmt.Errorf("%s %s, so it is not this program's: move it away, or choose another directory", f.path, what)
}

// ours refuses what has the folder's name and is no folder of a storage.
func (f *folder) ours() error {
	st, err := f.parent.Lstat(Folder)
	switch {
	case err != nil:
		return err
	case !st.IsDir():
		return f.foreign("is no folder")
	}
	if f.marked() {
		return nil
	}
	// Without a mark it may be empty: made a moment ago, or by a process that was killed then.
	switch err := f.parent.Remove(Folder); {
	case err == nil, errors.Is(err, os.ErrNotExist):
		return os.ErrNotExist
	case errors.Is(err, syscall.ENOTEMPTY), errors.Is(err, syscall.EEXIST):
		if f.marked() { // meanwhile
			return nil
		}
		return f.foreign("has no mark " + mark)
	default:
		return err
	}
}

// marked tells whether the folder has a mark.
func (f *folder) marked() bool {
	st, err := f.parent.Lstat(filepath.Join(Folder, mark))
	return err == nil && st.Mode().IsRegular()
}

func (f *folder) open() (err error) {
	if f.root, err = f.parent.OpenRoot(Folder); err != nil {
		return fmt.Errorf("open %s: %w", f.path, err)
	}
	return nil
}

// sweep throws away what is in the folder, the mark left out.
func (f *folder) sweep(tell func(string)) error {
	files, bytes, err := f.empty()
	if err != nil {
		return fmt.Errorf("throw away what a killed process has left in %s: %w", f.path, err)
	}
	if files > 0 {
		tell(fmt.Sprintf("threw away %d files, %.1f MiB, that a killed process had left in %s", files, float64(bytes)/(1<<20), f.path))
	}
	return nil
}

// empty removes everything but the mark, and says how much that was.
func (f *folder) empty() (files int, bytes int64, err error) {
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return 0, 0, err
	}
	var errs []error
	for _, e := range entries {
		if e.Name() == mark {
			continue
		}
		errs = append(errs, fs.WalkDir(f.root.FS(), e.Name(), func(_ string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			st, err := d.Info()
			if err == nil {
				files, bytes = files+1, bytes+st.Size()
			}
			return err
		}), f.root.RemoveAll(e.Name()))
	}
	return files, bytes, errors.Join(errs...)
}

// close removes the folder. The mark goes last: what has one is known to be ours, if this process is killed meanwhile.
func (f *folder) close() error {
	var err error
	if f.root != nil {
		_, _, err = f.empty()
		err = errors.Join(err, f.root.Close())
	}
	err = errors.Join(err, f.lock.Release())
	// Somebody else may have marked it as theirs since the release.
	if removed := f.parent.Remove(Folder); !errors.Is(removed, syscall.ENOTEMPTY) && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return errors.Join(err, f.parent.Close())
}
