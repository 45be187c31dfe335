package regular

import (
	"errors"
	"os"
	"path/filepath"
)

// Write puts a file into place in one step and on the disk: a reader, also after a crash, sees the old file or the whole
// new one.
func Write(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	// The leading dot keeps an interrupted write out of every reader's glob.
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	// Without the sync, a crash after the rename can leave an empty file under the final name.
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close()); err != nil {
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
