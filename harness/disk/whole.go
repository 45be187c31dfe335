package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// tempPattern names the files under which what is written waits for its own name. The leading dot keeps one that a
// killed process has left out of every reader's glob.
func tempPattern(base string) string { return "." + base + ".*.tmp" }

// ReplaceOrWrite is Replace for a path that the user names, who may mean /dev/stdout: what is no file is written to.
func ReplaceOrWrite(path string, data []byte) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return os.WriteFile(path, data, 0o644)
	}
	return Replace(path, data)
}

// Replace puts data at path in one step: a reader, or who kills the process meanwhile, finds the old file or the whole
// new one. The folder is made if it is missing. A link is followed. What is no file, such as a pipe, is refused: to write
// there could take for ever.
func Replace(path string, data []byte) (err error) {
	if there, err := filepath.EvalSymlinks(path); err == nil {
		path = there
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a link to one: remove it", path)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	tmp, err := os.CreateTemp(dir, tempPattern(filepath.Base(path)))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err = tmp.Write(data); err != nil {
		return err
	}
	if err = tmp.Chmod(0o644); err != nil {
		return err
	}
	// Without the sync, a crash after the rename can leave an empty file under the final name.
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return Sync(dir)
}

// Sync makes a file or the entries of a folder outlive a crash of the machine.
func Sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SweepReplaced removes what killed processes have left of Replace in a folder. Nobody else may be writing there.
func SweepReplaced(dir string) {
	for _, path := range matching(dir, tempPattern("*")) {
		_ = os.Remove(path) // a file too many does no harm
	}
}

// matching are the entries of a folder whose names match a pattern of path/filepath; none if the folder cannot be read.
func matching(dir, pattern string) (paths []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}
